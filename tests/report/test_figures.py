import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from matplotlib.image import imread

from dessim.cli import main
from dessim.metrics import NAMES
from dessim.report.common.results import ReportError, load_results
from dessim.report.figures import draw, draw_all, names
from dessim.report.plot.drawing import UnknownFigureError
from dessim.report.plot.style import (
    draw_line,
    entitle,
    grid,
    legend,
    line_style,
    log_axis,
    paper_style,
)

ALL = ["ccdf", "latency", "throughput", "time_share"]
FORMS = ["csv", "pdf", "png", "svg", "txt"]


def an_estimate(mean: float | None, width: float | None) -> dict[str, Any]:
    """Mean and interval of the form of results."""
    ci95 = None if mean is None or width is None else [mean - width, mean + width]
    return {"mean": mean, "ci95": ci95, "n": 3, "method": "t over replications"}


def stored(folder: Path, *, workloads: int = 1, width: float | None = 100.0) -> Path:
    """Write made-up results: two schemes, three thread counts."""
    points, tails = [], ["point,latency_ns,faults,longer_share,longer_share_lo,longer_share_hi"]
    for workload in range(workloads):
        for threads in (1, 8, 120):
            for number, scheme in enumerate(("lock_each_page", "gang_lookup_mapcount")):
                metrics = {m: an_estimate(1000.0 * threads + number, width) for m in NAMES}
                if threads == 1:
                    metrics["fault_latency_ns_p999"] = an_estimate(None, None)
                for x, share in ((700, 0.5), (1500, 0.01), (20000, 0)):
                    band = f"{share * 0.9},{share * 1.1}" if width else ","
                    tails.append(f"{len(points)},{x},10,{share},{band}")
                points.append(
                    {
                        "machine": "m",
                        "workload": f"w{workload}",
                        "scheme": scheme,
                        "scheme_options": {},
                        "seed": 1,
                        "threads": threads,
                        "fault_around_order": 4,
                        "parameters": {},
                        "replications": 3,
                        "scaled": False,
                        "metrics": metrics,
                        "time_share": {"user": 0.8, "ptl": 0.199, "teardown": 0.001},
                        "notes": [],
                    }
                )
    document = {"experiment": "e", "dessim_version": "0", "model_version": "0", "points": points}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "results.json").write_text(json.dumps(document))
    (folder / "latency.csv").write_text("\n".join(tails) + "\n")
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    """Rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(path.read_text())))


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All figures of results of one workload."""
    folder = stored(tmp_path_factory.mktemp("drawn"))
    draw_all(folder, folder / "figures")
    return folder / "figures"


def test_the_folder_is_the_registry() -> None:
    """Every file of the folder is a figure."""
    assert names() == ALL


def test_every_figure_is_written_in_every_form(drawn: Path) -> None:
    """PDF, SVG, PNG, its numbers and its caption, under one name."""
    assert sorted(p.name for p in drawn.iterdir()) == [f"{n}.{form}" for n in ALL for form in FORMS]


def test_the_same_results_give_the_same_bytes(drawn: Path, tmp_path: Path) -> None:
    """Drawn again by another process with another hash seed: not a byte differs."""
    script = (
        "import sys; from pathlib import Path; from dessim.report.figures import draw_all;"
        "draw_all(Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    command = [sys.executable, "-c", script, str(drawn.parent), str(tmp_path)]
    subprocess.run(command, check=True, env={"PYTHONHASHSEED": "7", "HOME": str(tmp_path)})
    for path in drawn.iterdir():
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_no_file_tells_when_it_was_drawn(drawn: Path) -> None:
    """No dates in PDF and SVG."""
    assert b"CreationDate" not in (drawn / "latency.pdf").read_bytes()
    assert "dc:date" not in (drawn / "latency.svg").read_text()


def test_pdfs_hold_fonts_that_editors_and_publishers_take(drawn: Path) -> None:
    """TrueType (type 42) and no type 3."""
    content = (drawn / "throughput.pdf").read_bytes()
    assert b"/Type3" not in content
    assert b"/FontFile2" in content


def test_figures_are_as_wide_as_a_column_or_a_page(drawn: Path) -> None:
    """3.33 and 7.0 inches at 300 dots an inch."""
    assert imread(drawn / "throughput.png").shape[1] == 999
    assert imread(drawn / "latency.png").shape[1] == 2100


def test_the_numbers_beside_a_figure_are_those_of_the_results(drawn: Path) -> None:
    """A row per point with its interval; what is not known is empty."""
    rows = rows_of(drawn / "throughput.csv")
    assert len(rows) == 6
    assert float(rows[0]["pages_mapped_per_s"]) == 1000
    assert float(rows[0]["pages_mapped_per_s_lo"]) == 900
    tails = [row for row in rows_of(drawn / "latency.csv") if row["quantile"] == "p99.9"]
    assert [row["fault_latency_ns"] for row in tails if row["threads"] == "1"] == ["", ""]
    shares = rows_of(drawn / "time_share.csv")
    assert [float(row["time_share_ptl"]) for row in shares] == [0.199] * 6


def test_the_distribution_is_that_of_the_highest_thread_count(drawn: Path) -> None:
    """Two schemes with three latencies each, at 120 threads."""
    rows = rows_of(drawn / "ccdf.csv")
    assert {row["threads"] for row in rows} == {"120"}
    assert len(rows) == 6


def test_a_wanted_figure_alone_is_drawn(drawn: Path, tmp_path: Path) -> None:
    """One name, five files."""
    written = draw_all(drawn.parent, tmp_path, ["ccdf"])
    assert sorted(p.name for p in written) == [f"ccdf.{form}" for form in FORMS]
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"ccdf.{form}" for form in FORMS]


def test_an_unknown_figure_is_refused_with_the_nearest_name(drawn: Path, tmp_path: Path) -> None:
    """Nothing is drawn, and what exists is listed."""
    with pytest.raises(UnknownFigureError, match=r"did you mean 'throughput'\? .*ccdf, latency"):
        draw_all(drawn.parent, tmp_path, ["ccdf", "thruput"])
    assert list(tmp_path.iterdir()) == []


def test_results_without_intervals_and_with_many_workloads_are_drawn(tmp_path: Path) -> None:
    """No bands, four panels in rows of three."""
    folder = stored(tmp_path, workloads=4, width=None)
    wanted = ["ccdf", "throughput", "time_share"]
    written = draw_all(folder, tmp_path / "figures", wanted)
    assert len(written) == len(wanted) * len(FORMS)
    assert len({row["panel"] for row in rows_of(tmp_path / "figures" / "throughput.csv")}) == 4


def test_panels_are_named_by_what_tells_them_apart(tmp_path: Path) -> None:
    """One workload needs no title; two are reported by their names."""
    assert [p.title for p in load_results(stored(tmp_path / "1")).panels] == [""]
    two = load_results(stored(tmp_path / "2", workloads=2))
    assert [p.title for p in two.panels] == ["w0", "w1"]


def test_titles_of_panels_are_as_wide_as_their_panels():
    """A long title goes over several lines, and names the last part of a swept key only."""
    with paper_style():
        _, axes = grid(3, 3, 2.0)
        entitle(axes[0], "p50, shared-mapping, machine.locks.page_lock_hand_over fair, 60 threads")
    title = axes[0].get_title()
    assert title.replace("\n", " ") == "p50, shared-mapping, page_lock_hand_over fair, 60 threads"
    assert max(len(line) for line in title.split("\n")) <= 36


def test_numbers_at_logarithmic_axes_are_plain_text() -> None:
    """Mathematics is switched off for names' sake, and the font has no raised digits."""
    with paper_style():
        figure, [ax] = grid(1, 1, 2.0)
        log_axis(ax, "y", 2e-7, 1.5)
        figure.draw_without_rendering()
        labels = [label.get_text() for label in ax.get_yticklabels()]
    assert {"1e-6", "0.01", "1"} <= set(labels)
    assert not any("$" in label or not label.isascii() for label in labels)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("results.json", b"{", "Expecting property name"),
        ("results.json", b"[]", "the document is list, no object"),
        ("results.json", b"\xff\xfe", "can't decode"),
        ("results.json", b"[" * 100_000, "recursion"),
        ("latency.csv", b"rubbish\n1\n", "the header lacks point, latency_ns"),
        ("latency.csv", b"\xff", "can't decode"),
    ],
)
def test_damaged_files_are_told_by_every_command_that_reads_them(
    tmp_path: Path, name: str, content: bytes, said: str
) -> None:
    """One error that names folder and file, exit code 2."""
    folder = stored(tmp_path / "e")
    (folder / name).write_bytes(content)
    commands = [["figure", str(folder)], ["report", str(folder)]]
    if name == "results.json":
        commands.append(["compare", "lock_each_page", "gang_lookup_mapcount", "--in", str(folder)])
    for words in commands:
        done = CliRunner().invoke(main, words)
        assert done.exit_code == 2, done.output
        assert f"error: {folder} holds no results that `dessim run` wrote ({name}: " in done.stderr
        assert said in done.stderr


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda d: d.update(points=[]), "it has no points"),
        (lambda d: d["points"].append("a"), "point 6 is str, no object"),
        (lambda d: d["points"][1].pop("metrics"), "point 1 has no metrics"),
        (lambda d: d["points"][0]["metrics"].update(x=1), "x of point 0 is int, no object"),
        (lambda d: d["points"][0]["metrics"].update(x={"ci95": [1]}), "lacks two ends"),
        (
            lambda d: d["points"][0]["metrics"].update(x={"mean": "1"}),
            "x of point 0 is not a number",
        ),
        (lambda d: d["points"][0].update(time_share={"user": "all"}), "time_share of point 0"),
    ],
)
def test_a_document_that_lacks_something_is_refused(tmp_path: Path, damage: Any, said: str) -> None:
    """The error names the point and what is missing or of a wrong kind."""
    folder = stored(tmp_path)
    document = json.loads((folder / "results.json").read_text())
    damage(document)
    (folder / "results.json").write_text(json.dumps(document))
    with pytest.raises(ReportError, match=re.escape(said)):
        load_results(folder)


@pytest.mark.parametrize("row", ["0,many,10,1,,", "x,700,10,1,,", "0,1,2,3,4,5,6"])
def test_a_wrong_row_of_latencies_is_told_with_its_line(tmp_path: Path, row: str) -> None:
    """Nothing is left out of a figure in silence."""
    folder = stored(tmp_path)
    with (folder / "latency.csv").open("a") as file:
        file.write(row + "\n")
    with pytest.raises(ReportError, match=r"latency\.csv: line 20: "):
        load_results(folder)


def test_runs_without_faults_have_no_latencies(tmp_path: Path) -> None:
    """Their table is empty, which is no damage."""
    folder = stored(tmp_path)
    (folder / "latency.csv").write_text("\n")
    assert load_results(folder).latencies == {}


@pytest.mark.parametrize("flag", ["mixture", "not_stationary"])
def test_flagged_points_have_hollow_markers_and_are_named(tmp_path: Path, flag: str) -> None:
    """In the lines and in the captions; other flags are no reason for it."""
    folder = stored(tmp_path)
    document = json.loads((folder / "results.json").read_text())
    for point in document["points"]:
        point["flags"] = ["few_replications"]
    document["points"][-1]["flags"] = [flag]
    (folder / "results.json").write_text(json.dumps(document))
    results = load_results(folder)
    for name, panels in (("throughput", 1), ("latency", 3)):
        drawing = draw(results, name)
        assert drawing is not None
        lines = [line for ax in drawing.figure.axes for line in ax.get_lines()]
        hollow = [line for line in lines if line.get_markerfacecolor() == "white"]
        assert [list(line.get_xdata()) for line in hollow] == [[120]] * panels
        assert f"{flag} (gang_lookup_mapcount at 120 threads)" in drawing.caption
    assert results.marked.count("threads") == 1


def test_many_flagged_points_are_counted(tmp_path: Path) -> None:
    """A caption that names each of them would be a page long."""
    folder = stored(tmp_path)
    document = json.loads((folder / "results.json").read_text())
    for point in document["points"]:
        point["flags"], point["scheme"] = ["mixture"], f"{point['scheme']}{'x' * 200}"
    (folder / "results.json").write_text(json.dumps(document))
    n = len(document["points"])
    assert load_results(folder).marked == f"{n} points mixture, of {n}: results.csv names them"


def test_ratios_that_say_nothing_have_no_band(tmp_path: Path) -> None:
    """An interval that goes further than a factor of four would fill its panel."""
    folder = stored(tmp_path)
    document = json.loads((folder / "results.json").read_text())
    first, second, bands = document["points"][0]["scheme"], document["points"][1]["scheme"], []
    for high in (1.2, 5.0):
        rows = [
            {key: point[key] for key in ("workload", "machine", "fault_around_order", "parameters")}
            | {"threads": point["threads"], "metric": "pages_mapped_per_s", "ratio": 1.1}
            | {"ratio_ci95": [1.0, high]}
            for point in document["points"][::2]
        ]
        document["comparisons"] = [{"a": first, "b": second, "rows": rows, "crossovers": []}]
        (folder / "results.json").write_text(json.dumps(document))
        drawing = draw(load_results(folder), "throughput")
        assert drawing is not None
        bands.append(len(drawing.figure.axes[1].collections))
    assert bands == [1, 0]


def test_a_band_ends_where_intervals_end(tmp_path: Path) -> None:
    """One that stands alone is a bar, and a number without an interval has neither."""
    with paper_style():
        _, [ax] = grid(1, 1, 2.0)
        known = {"mean": 5.0, "ci95": [4.0, 6.0]}
        rows = [(1, known), (2, known), (4, {"mean": 5.0, "ci95": None}), (8, known)]
        draw_line(ax, rows, 0, "a", 1.0)
    band, bar = ax.collections
    xs = [x for path in band.get_paths() for x, _ in path.vertices]
    assert (min(xs), max(xs)) == (1, 2)
    assert [tuple(x for x, _ in path.vertices) for path in bar.get_paths()] == [(8, 8)]


def test_figures_without_any_interval_say_so(tmp_path: Path) -> None:
    """Nobody looks for a band that is not there."""
    drawing = draw(load_results(stored(tmp_path, width=None)), "throughput")
    assert drawing is not None
    assert "No number has an interval; 3 replications." in drawing.caption
    assert "Bands" not in drawing.caption


def test_captions_tell_the_method_of_the_intervals_that_are_drawn(tmp_path: Path) -> None:
    """Quantiles and shares have methods of their own, and points may be run more or less often."""
    folder = stored(tmp_path)
    document = json.loads((folder / "results.json").read_text())
    inverted = "inverted t interval of the share below it, over replications"
    for number, point in enumerate(document["points"]):
        point["replications"] = 5 + number
        for name, estimate in point["metrics"].items():
            if name.startswith("fault_latency_ns_p"):
                estimate["method"] = inverted + (
                    "; its upper end is the greatest" if number else ""
                )
    (folder / "results.json").write_text(json.dumps(document))
    head, *rows = (folder / "latency.csv").read_text().splitlines()
    rows = [f"{head},longer_share_method", *(f"{row},t over shares" for row in rows)]
    (folder / "latency.csv").write_text("\n".join(rows) + "\n")
    draw_all(folder, tmp_path)
    reported = {name: (tmp_path / f"{name}.txt").read_text() for name in ALL}
    assert f"Bands: 95 % intervals ({inverted}, or {inverted}, its upper" in reported["latency"]
    assert "Bands: 95 % intervals (t over shares); 5 to 10 replications." in reported["ccdf"]
    assert "Bands: 95 % intervals (t over replications); 5 to" in reported["throughput"]
    assert "Of 5 to 10 replications." in reported["time_share"]


def test_ten_series_leave_the_axes_half_of_the_height() -> None:
    """The figure grows with its legend, and no two series look alike."""
    with paper_style():
        figure, [ax] = grid(1, 1, 2.1)
        for index in range(10):
            name = f"gang_lookup_mapcount+precheck+option_{index}"
            ax.plot([1, 2], [1, 2], label=name, **line_style(index))
        legend(figure, [ax])
        figure.draw_without_rendering()
    share = ax.get_position().height
    assert share >= 0.5
    looks = {(str(line["color"]), line["marker"]) for line in map(line_style, range(10))}
    assert len(looks) == 10
