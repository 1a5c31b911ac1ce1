"""The report, as a text."""

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hostile import HOSTILE, poison

from dessim.cli import main
from dessim.report.common.results import load_results
from dessim.report.page.charts import Chart, Dot, Polyline, axis_of, svg
from dessim.report.page.render import report_html, write_report
from dessim.report.page.tables import comparison_tables, crossover_table, results_table


def typed(*words: str | Path) -> Result:
    """What happens when somebody types `dessim` and these words."""
    return CliRunner().invoke(main, [str(word) for word in words])


class Reader(HTMLParser):
    """Collects the elements and the visible text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text, with single spaces."""
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def page(reported: Path) -> Reader:
    """The report of the small results."""
    return Reader(report_html(reported))


def test_the_page_says_all_that_was_asked_for(page: Reader) -> None:
    """Question, configuration with sources, tables, figures, comparison, warnings, provenance."""
    for said in (
        "Does the second scheme overtake the first?",
        "Scaled: at 16 of 16 points a part of the file was simulated",
        "machine.cache_line.hold 0ns, 20ns (swept)",
        "cache_line.rmw_modified.one_hop",
        "A = lock_each_page, B = gang_lookup_mapcount",
        "Scaling laws",
        "Where time goes",
        "dessim run",
        "SHA-256 of results.json",
        "llvmlite",
        "linux-mm, 27 Feb 2014",
    ):
        assert said in page.text, said


def test_every_point_has_its_row_with_the_interval_in_full(page: Reader, reported: Path) -> None:
    """As many rows as points, and each mean to six digits with the ends of its interval."""
    points = json.loads((reported / "results.json").read_text())["points"]
    said = [attrs.get("title") or "" for tag, attrs in page.tags if tag == "td"]
    for point in points:
        estimate = point["metrics"]["pages_mapped_per_s"]
        sentence = f"{estimate['mean']:.6g}, no interval: perhaps not stationary: "
        if estimate["ci95"] is not None:
            low, high = estimate["ci95"]
            sentence = f"{estimate['mean']:.6g}, 95 % interval [{low:.6g}, {high:.6g}]"
        assert any(text.startswith(sentence) for text in said)


def test_where_one_scheme_overtakes_another_is_a_table(reported: Path) -> None:
    """A row per crossover with place and interval; without any, a sentence and no table."""
    document = json.loads((reported / "results.json").read_text())
    [one] = document["comparisons"]
    for entry in one["crossovers"]:
        entry["crossovers"] = []
    none = crossover_table(document)
    assert none is not None
    total = len(one["crossovers"])
    assert none.rows == []
    assert none.note.startswith(f"In 0 of {total} comparisons")
    place = {"threads": 3.14159, "ci95": [2, 4], "between": [2, 4], "method": "interpolated"}
    one["crossovers"][0]["crossovers"] = [place | {"b_overtakes": True}]
    one["crossovers"][1]["crossovers"] = [place | {"b_overtakes": False}]
    said = crossover_table(document)
    assert said is not None
    assert said.note.startswith(f"In 2 of {total} comparisons")
    where = "between 2 and 4 threads (interpolated: 3.14)"
    columns = [said.columns.index(name) for name in ("scheme", "overtakes", "where")]
    found = [[row[i].text for i in columns] for row in said.rows]
    assert found == [
        ["gang_lookup_mapcount", "lock_each_page", where],
        ["lock_each_page", "gang_lookup_mapcount", where],
    ]
    assert crossover_table({"comparisons": []}) is None


def test_the_page_loads_nothing_and_says_so(page: Reader) -> None:
    """The first thing in it is a policy that allows its own style and script only."""
    head = [attrs for tag, attrs in page.tags if tag == "meta"]
    policy = next(a["content"] for a in head if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    for tag, attrs in page.tags:
        assert tag not in ("img", "link", "iframe", "object", "embed", "base", "form")
        for name, value in attrs.items():
            assert name not in ("src", "style", "srcset", "action", "data")
            assert not name.startswith("on")
            assert name != "href" or (value or "").startswith("#")


def test_the_same_results_give_the_same_bytes(reported: Path, tmp_path: Path) -> None:
    """Written twice, not a byte differs, and nothing tells when or where."""
    first = write_report(reported, tmp_path / "1.html").read_bytes()
    assert write_report(reported, tmp_path / "2.html").read_bytes() == first


def test_hostile_names_are_only_text(reported: Path, tmp_path: Path) -> None:
    """Every text of the results is hostile: the page has the same elements, and shows the texts."""
    wanted = Reader(report_html(reported))
    folder = poison(reported, tmp_path / "bad")
    text = report_html(folder)
    found = Reader(text)
    count = [[tag for tag, _ in page.tags].count("script") for page in (wanted, found)]
    assert count == [1, 1]
    assert {tag for tag, _ in found.tags} == {tag for tag, _ in wanted.tags}
    names = {name for _, attrs in wanted.tags for name in attrs}
    assert {name for _, attrs in found.tags for name in attrs} <= names
    for one in HOSTILE:
        assert one in "".join(found.words), one
    assert "49" not in re.findall(r"order4?\s(\d+)", found.text)


def test_hostile_names_are_drawn_too(reported: Path, tmp_path: Path) -> None:
    """Figures for paper take such names as text, and none of it as mathematics or markup."""
    from dessim.report.figures import draw_all

    folder = poison(reported, tmp_path / "bad")
    draw_all(folder, tmp_path / "out", ["throughput"])
    drawn = (tmp_path / "out" / "throughput.svg").read_text()
    assert "<script" not in drawn


@pytest.mark.parametrize(
    "damage",
    [
        lambda document: document.pop("points"),
        lambda document: document["points"][0].pop("metrics"),
        lambda document: document["points"][0].update(threads="<b>many</b>"),
        lambda document: document["points"][0].update(time_share={"user": "all"}),
    ],
)
def test_what_is_no_result_is_refused(reported: Path, tmp_path: Path, damage: Any) -> None:
    """One error that names the folder, exit code 2, and no half page."""
    folder = tmp_path / "bad"
    shutil.copytree(reported, folder)
    document = json.loads((folder / "results.json").read_text())
    damage(document)
    (folder / "results.json").write_text(json.dumps(document))
    done = typed("report", folder)
    assert done.exit_code == 2
    assert f"{folder} holds no results" in done.stderr
    assert not (folder / "report.html").exists()


def test_results_without_a_configuration_are_reported_with_a_warning(
    reported: Path, tmp_path: Path
) -> None:
    """Older results lack the file: the page says so and shows the rest."""
    folder = tmp_path / "old"
    shutil.copytree(reported, folder, ignore=lambda _, names: ["configuration.json"])
    text = Reader(report_html(folder)).text
    assert "These results lack their configuration" in text
    assert "dessim run small-report" in text


def test_warnings_are_told(reported: Path, tmp_path: Path) -> None:
    """Failed runs, missed precision, notes, a single replication, fitted numbers at a bound."""
    folder = tmp_path / "doubtful"
    shutil.copytree(reported, folder)
    document = json.loads((folder / "results.json").read_text())
    first, second = document["points"][:2]
    first["failures"] = [{"replication": 1, "reason": "MemoryError: no room"}]
    first["replications"] = 1
    second["precision"] = {"throughput": {"wanted": 0.01, "reached": 0.2, "met": False}}
    second["notes"] = ["something odd"]
    (folder / "results.json").write_text(json.dumps(document))
    configuration = json.loads((folder / "configuration.json").read_text())
    [machine] = configuration["machines"]
    row = next(row for row in machine["values"] if row.get("range"))
    row |= {"tag": "fitted", "value": row["range"][1]}
    (folder / "configuration.json").write_text(json.dumps(configuration))
    text = Reader(report_html(folder)).text
    for said in (
        "1 run failed and is missing from the numbers: lock_each_page, 1 thread",
        "The wanted precision was not met at 1 of 16 points: gang_lookup_mapcount, 1 thread",
        "something odd (1 of 16 points)",
        "1 of 16 points have one replication",
        f"lie at a bound of their range: {row['key']}",
    ):
        assert said in text, said


def flagged(folder: Path, to: Path) -> Path:
    """Results of which one point has runs of two kinds, and one is not stationary."""
    shutil.copytree(folder, to)
    document = json.loads((to / "results.json").read_text())
    first, second, *others = document["points"]
    for point in others:
        point["flags"] = []
    modes = [
        {"runs": 37, "share": 0.925, "share_ci95": [0.8, 0.98], "mean": 5e6, "ci95": [4e6, 6e6]},
        {"runs": 3, "share": 0.075, "share_ci95": [0.016, 0.2], "mean": 1e6, "ci95": None},
    ]
    first["flags"] = ["mixture"]
    first["mixture"] = {"metric": "pages_mapped_per_s", "modes": modes}
    second["flags"] = ["not_stationary"]
    for estimate in second["metrics"].values():
        estimate |= {"ci95": None, "reason": "not stationary: it grows"}
    for row in document["comparisons"][0]["rows"]:
        if row["threads"] == first["threads"] and row["parameters"] == first["parameters"]:
            row["a"]["flags"] = ["mixture"]
    (to / "results.json").write_text(json.dumps(document))
    return to


def test_flags_are_told_first_and_mark_rows_and_points(reported: Path, tmp_path: Path) -> None:
    """Warnings, a column, hollow marks that captions name; without flags there is none of it."""
    text = report_html(flagged(reported, tmp_path / "flagged"))
    said = Reader(text).text
    warnings = said[said.index("Before you believe it") : said.index("Who is faster")]
    assert "3 of 40 runs are of another kind (7.5 %, 95 % interval 1.6 to 20 %)" in warnings
    assert warnings.index("mixture: ") < warnings.index("Scaled: ")
    assert "not_stationary: a longer simulation gives other numbers" in warnings
    assert "Hollow marks: mixture (lock_each_page, " in said
    drawn = re.findall(r'<(?:circle|polygon)[^>]*fill="#ffffff"[^>]*><title>([^<]*)', text)
    assert drawn
    assert all(title.endswith(("mixture", "not_stationary")) for title in drawn)
    [rate] = [title for title in drawn if title.endswith("mixture") and "us" not in title][:1]
    assert "±" not in rate
    assert "[" in rate
    document = json.loads((reported / "results.json").read_text())
    for point in document["points"]:
        point |= {"flags": [], "mixture": None}
    (tmp_path / "flagged" / "results.json").write_text(json.dumps(document))
    before = report_html(tmp_path / "flagged")
    assert not re.findall(r'<(?:circle|polygon)[^>]*fill="#ffffff"', before)
    assert "Hollow marks" not in before


def test_rows_of_flagged_points_have_no_plus_minus(reported: Path, tmp_path: Path) -> None:
    """Of two kinds of runs the interval in full; where there is none, that and why."""
    results = load_results(flagged(reported, tmp_path / "flagged"))
    table = results_table(results)
    at = {name: table.columns.index(name) for name in ("pages/s", "flags")}
    first, second = table.rows[:2]
    assert [row[at["flags"]].text for row in (first, second)] == ["mixture", "not_stationary"]
    assert "±" not in first[at["pages/s"]].text
    assert second[at["pages/s"]].text.endswith("±?")
    assert "no interval: not stationary: it grows" in second[at["pages/s"]].tooltip
    [compared] = comparison_tables(results.document)
    column = compared.columns.index("A")
    mixed = [row[column].text for row in compared.rows if row[column].number]
    assert any("[" in text for text in mixed)
    assert "flags" not in results_table(load_results(reported)).columns or all(
        point["flags"] for point in json.loads((reported / "results.json").read_text())["points"]
    )


def test_bands_span_neighbours_with_intervals_only() -> None:
    """A gap in the intervals is a gap in the band; one that stands alone is a bar."""
    dots = [Dot(1, 5, 4, 6), Dot(2, 5, 4, 6), Dot(4, 5), Dot(8, 5, 4, 6)]
    text = str(svg(Chart("t", "x", "y", (Polyline(0, tuple(dots)),))))
    [band] = re.findall(r'<polygon points="([^"]+)"[^>]*fill-opacity', text)
    assert len(band.split()) == 4
    assert text.count('stroke-width="1.2"') == 1
    assert "fill-opacity" not in str(svg(Chart("t", "x", "y", (Polyline(0, (dots[2],)),))))


def test_the_command_writes_beside_the_results_or_elsewhere(reported: Path, tmp_path: Path) -> None:
    """By folder or by name; unknown results are refused with those that there are."""
    assert typed("report", reported).exit_code == 0
    page = (reported / "report.html").read_text()
    place = tmp_path / "there" / "page.html"
    done = typed("report", "small-report", "--results-dir", reported.parent, "--out", place)
    assert done.exit_code == 0
    assert place.read_text() == page
    done = typed("report", "nothing", "--results-dir", reported.parent)
    assert done.exit_code == 2
    assert "small-report" in done.stderr


@pytest.mark.parametrize(
    ("values", "log", "ticks"),
    [
        ([1, 120], True, [1, 2, 5, 10, 20, 50, 100]),
        ([1, 1e5], True, [1, 10, 100, 1000, 1e4, 1e5]),
        ([0, 7], False, [0, 2, 4, 6]),
        ([3.0, 3.0], True, [2.8, 3.0, 3.2, 3.4]),
        ([0.45, 0.9], True, [0.5, 1.0]),
    ],
)
def test_axes_have_round_ticks(values: list[float], log: bool, ticks: list[float]) -> None:
    """1, 2 and 5 of each decade, or only its first; equal steps where that is too few."""
    axis = axis_of(values, 0, 100, log)
    assert axis.ticks == pytest.approx(ticks)
    assert 0 <= axis.at(min(values)) <= axis.at(max(values)) <= 100


def test_a_panel_without_numbers_says_why() -> None:
    """No axis is made up."""
    assert "too few" in svg(Chart("t", "x", "y", (Polyline(0, ()),), note="too few"))


def test_lines_lie_inside_the_picture() -> None:
    """Points and the ends of intervals are drawn between the axes."""
    line = Polyline(1, (Dot(1, 5, 1, 9), Dot(8, 50, None, None), Dot(64, 500, 0, 900)))
    text = str(svg(Chart("t", "x", "y", (line,), y_log=True)))
    places = re.findall(r"([\d.]+),([\d.]+)", " ".join(re.findall(r'points="([^"]+)"', text)))
    assert places
    for x, y in places:
        assert 0 <= float(x) <= 380
        assert 0 <= float(y) <= 270
