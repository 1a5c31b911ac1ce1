"""`import dessim`: experiments and results from Python."""

import subprocess
import sys
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
from small import experiment_file

import dessim
from dessim.files.writing import UnwritableError
from dessim.measure.statistics.flags import FLAGS
from dessim.model import ConfigError
from dessim.report.plot.drawing import UnknownFigureError

HEAVY = ("llvmlite", "simpy", "scipy", "matplotlib", "pyarrow", "pandas", "numpy", "pydantic")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place for results."""
    return tmp_path_factory.mktemp("api")


@pytest.fixture(scope="module")
def result(folder: Path) -> dessim.Result:
    """Results of the small experiment."""
    path = experiment_file(folder)
    return dessim.run(path, engine="reference", results_dir=folder / "results")


def test_importing_it_is_light() -> None:
    """No heavy library comes along, and what is offered is reported by `dir`."""
    code = (
        "import sys, dessim; assert 'run' in dir(dessim);"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_everything_offered_is_there() -> None:
    """Each name of `__all__` can be had; another cannot."""
    assert all(getattr(dessim, name) is not None for name in dessim.__all__)
    with pytest.raises(AttributeError, match="no attribute 'ran'"):
        dessim.ran  # noqa: B018


def test_points_hold_numbers_with_intervals(result: dessim.Result) -> None:
    """A metric is an estimate; a number that the runs do not support says why."""
    assert len(result) == len(result.points) == 4
    point = result.point(scheme="lock_each_page", threads=2)
    rate = point["average_pages_per_s"]
    stored = result.document["points"][2]["metrics"]["average_pages_per_s"]
    assert rate.mean == stored["mean"]
    assert [rate.low, rate.high] == stored["ci95"]
    assert rate.low < rate.mean < rate.high
    assert str(rate) == f"{rate.mean:.6g} [{rate.low:.6g}, {rate.high:.6g}]"
    assert point["fault_latency_ns_p999"].mean is None
    assert str(point["fault_latency_ns_p999"]).startswith("unknown (observations beyond it: 0 of")
    assert sum(point.time_share.values()) == pytest.approx(1)


def test_a_point_must_be_the_only_one(result: dessim.Result) -> None:
    """None and several are refused, and reported by their number."""
    with pytest.raises(LookupError, match=r"2 points of small have threads=1; .*scheme is"):
        result.point(threads=1)
    with pytest.raises(LookupError, match="0 points of small have scheme='none'"):
        result.point(scheme="none")
    with pytest.raises(LookupError, match=r"points are in small; .*threads is"):
        result.point()
    with pytest.raises(LookupError, match="points have no key 'thread'; did you mean 'threads'"):
        result.point(thread=1)


def test_the_table_is_that_of_the_csv(
    result: dessim.Result, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same columns and rows as a DataFrame, or as dicts without pandas."""
    pandas = pytest.importorskip("pandas")
    written = pandas.read_csv(result.folder / "results.csv")
    table = result.table()
    assert list(table.columns) == list(written.columns)
    assert list(table["pages_mapped_per_s"]) == list(written["pages_mapped_per_s"])
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert result.table() == result.rows()


def test_figures_are_drawn(result: dessim.Result, tmp_path: Path) -> None:
    """A matplotlib figure that can be saved; an unknown one is refused with the nearest name."""
    figure = result.figure("time_share")
    assert isinstance(figure, matplotlib.figure.Figure)
    figure.savefig(tmp_path / "it.png", dpi=30)
    assert (tmp_path / "it.png").stat().st_size > 1000
    with pytest.raises(UnknownFigureError, match="did you mean 'throughput'"):
        result.figure("thruput")


def test_a_notebook_shows_a_table(result: dessim.Result) -> None:
    """A row per point below the heads, everything escaped."""
    text = result._repr_html_()
    assert text.count("<tr>") == 1 + 4
    assert "lock_each_page" in text
    assert repr(result).startswith("<dessim results of small: 4 points")
    hostile = dessim.Result(result.folder)
    hostile.document["points"][0]["scheme"] = "<script>"
    assert "<script>" not in hostile._repr_html_()


def test_flags_and_what_is_behind_them_are_told(result: dessim.Result) -> None:
    """As attributes of a point, as a column of the notebook, and without a ± for two kinds."""
    flagged = dessim.Result(result.folder)
    for point in flagged.document["points"]:
        point["flags"] = []
    assert "<th>flags</th>" not in flagged._repr_html_()
    flagged = dessim.Result(result.folder)
    first = flagged.document["points"][0]
    first |= {"flags": ["mixture"], "mixture": {"metric": "completion_s"}}
    rate = first["metrics"]["pages_mapped_per_s"]
    rate |= {"mean": 1e6, "ci95": [0.98e6, 1.03e6], "n": 40}
    point = flagged.points[0]
    assert point.flags == ("mixture",)
    assert point.mixture == {"metric": "completion_s"}
    assert point.simulated_bytes == first["simulated_bytes"] > 0
    assert point.stationarity == first.get("stationarity")
    text = flagged._repr_html_()
    assert "<th>flags</th>" in text
    assert "<td>mixture</td>" in text
    assert "1.00M [980k, 1.03M]" in text


def test_a_number_without_an_interval_says_why() -> None:
    """Not just a number that looks sure."""
    refused = dessim.api.Estimate(5.0, None, None, 6, reason="two sizes differ")
    assert str(refused) == "5 (no interval: two sizes differ)"


def test_every_point_says_what_it_cannot(result: dessim.Result) -> None:
    """`flags` of known words and `notes` on each; a missing number or interval has its reason."""
    for point in result.document["points"]:
        assert set(point["flags"]) <= set(FLAGS)
        assert all(isinstance(note, str) for note in point["notes"])
        for name, estimate in point["metrics"].items():
            if estimate["ci95"] is None:
                assert estimate["reason"], name


def test_stored_results_are_opened_by_name_or_folder(result: dessim.Result, folder: Path) -> None:
    """Without running anything; what is not there is refused with what to do."""
    for name in (result.folder, "small"):
        assert dessim.load(name, folder / "results").document == result.document
    with pytest.raises(FileNotFoundError, match=r"dessim\.run\('nothing'\)"):
        dessim.load("nothing", folder / "results")


def test_settings_are_those_of_the_command_line(folder: Path) -> None:
    """A list sweeps, text is YAML, and a wrong key is refused as there."""
    settings = {"threads": [2, 3], "simulate": "32KiB", "machine.cache_line.hold": "0ns"}
    path = folder / "small.yaml"
    result = dessim.run(
        path, settings, engine="reference", replications=1, results_dir=folder / "other"
    )
    assert {point.threads for point in result.points} == {2, 3}
    assert result.document["points"][0]["simulated_bytes"] == 32 * 1024
    with pytest.raises(ConfigError, match="unknown key"):
        dessim.run(path, {"machine.cache_line.hodl": "0ns"})


def test_numbers_of_numpy_and_paths_are_settings_and_a_set_is_not(folder: Path) -> None:
    """They come out of other people's loops; a set has no order to sweep in."""
    path = folder / "small.yaml"
    settings = {"threads": np.int64(3), "simulate": "32KiB", "fault_around_order": np.arange(1, 2)}
    settings["machine"] = Path("icelake-sp-2s")
    schemes = {"schemes": ["lock_each_page"]}
    assert dessim.setup(path, settings | schemes).threads == 3
    with pytest.raises(TypeError, match="setting 'threads': a set is not a configuration value"):
        dessim.run(path, {"threads": {1, 2}})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"workers": 0}, "workers must be at least 1, found 0"),
        ({"workers": -1}, "workers must be at least 1"),
        ({"engine": "nosuch"}, "unknown engine 'nosuch': there are compiled, reference"),
    ],
)
def test_what_nobody_can_do_is_refused_at_once(folder: Path, wrong: dict, said: str) -> None:
    """Nothing is run, and nothing stored."""
    with pytest.raises(ValueError, match=said):
        dessim.run(folder / "small.yaml", **wrong, results_dir=folder / "none")
    assert not (folder / "none").exists()


def test_failed_runs_raise_and_the_others_are_stored(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first reason is reported."""
    from dessim.study.sweep import runner

    def fail(*anything: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(runner, "run_setup", fail)
    with pytest.raises(dessim.RunFailedError, match="8 runs failed, the first: MemoryError"):
        dessim.run(folder / "small.yaml", engine="reference", results_dir=folder / "failed")


def test_a_setup_is_that_of_one_point(folder: Path) -> None:
    """Of a sweep, all but one must be set away."""
    path = folder / "small.yaml"
    with pytest.raises(ValueError, match="4 points"):
        dessim.setup(path)
    setup = dessim.setup(path, {"threads": 2, "schemes": ["lock_each_page"]}, replication=3)
    assert (setup.threads, setup.replication) == (2, 3)


def test_a_report_does_not_replace_results(result: dessim.Result) -> None:
    """A page goes anywhere else."""
    before = (result.folder / "results.json").read_bytes()
    with pytest.raises(UnwritableError, match="which only `dessim run` writes"):
        result.report(result.folder / "results.json")
    assert (result.folder / "results.json").read_bytes() == before
    assert result.report(result.folder / "page.html").is_file()
