"""A metric is declared in one row, and every consumer picks it up from there."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from dessim.kernel.layout import COUNTERS
from dessim.kernel.result import RunResult
from dessim.metrics import METRICS, View, columns_of, events_of
from dessim.model.precision import ASKED

ROOT = Path(__file__).parents[2]
END = ')\n"""All metrics, in the order of results."""\n'
ROWS = """\
    counted("touches", Topic.PAGE_CACHE, "Touched pages", View.PAGE),
    quantile("95", View.RUN, View.PAGE, View.NOTEBOOK, View.FIGURE, View.RESULTS, View.COMPARE),
"""
SCRIPT = """
import json, sys
from click.testing import CliRunner
import dessim
from dessim.cli import main

sys.path.insert(0, "docs")
from pages import results

def call(*words):
    done = CliRunner().invoke(main, words, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout

run = call("run", "eight-processes", "--engine", "reference", "-q", "--figures",
           "--replications", "2", "--set", "threads=2", "--set", "precision.fault_latency_p95=99%",
           "--set", "max_replications=2")
call("report", "eight-processes")
said = {
    "dessim run": run,
    "results.csv": open("results/eight-processes/results.csv").readline(),
    "dessim compare": call("compare", "lock_each_page", "gang_lookup_mapcount", "--in",
                           "eight-processes"),
    "dessim compare --metric": call("compare", "eight-processes", "eight-processes",
                                    "--metric", "touches"),
    "dessim explain": call("explain", "eight-processes", "--engine", "reference", "-q", "--set",
                           "threads=2", "--speedup", "rmap=50%", "--metric", "fault_latency_p95"),
    "the report": open("results/eight-processes/report.html").read(),
    "a figure": open("results/eight-processes/figures/latency.csv").read(),
    "a notebook": dessim.load("eight-processes")._repr_html_(),
    "the documentation": results.page(),
}
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """Everything that a copy of dessim tells whose table of metrics has two more rows."""
    folder = tmp_path_factory.mktemp("one-line")
    for room in ("dessim", "configs", "docs"):
        shutil.copytree(
            ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", "*.md")
        )
    table = folder / "dessim" / "metrics.py"
    text = table.read_text()
    assert text.count(END) == 1
    table.write_text(text.replace(END, ROWS + END))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document = json.loads((folder / "results" / "eight-processes" / "results.json").read_text())
    return {**json.loads(done.stdout.splitlines()[-1]), "results.json": document}


needs_checkout = pytest.mark.skipif(
    not (ROOT / "docs" / "pages").exists(), reason="only a checkout has the documentation"
)


@needs_checkout
def test_a_quantile_is_one_line(said):
    """It is computed, compared, shown, drawn, asked for with a precision, and documented."""
    name = "fault_latency_ns_p95"
    for point in said["results.json"]["points"]:
        assert list(point["metrics"])[-1] == name
        assert point["metrics"][name]["mean"] > 0
        assert "met" in point["precision"][name]
    compared = {row["metric"] for one in said["results.json"]["comparisons"] for row in one["rows"]}
    assert name in compared
    for where in ("dessim run", "the report", "a notebook", "a figure"):
        assert "p95" in said[where], where
    for where in ("results.csv", "dessim compare", "the documentation"):
        assert name in said[where], where
    assert "fault_latency_p95" in said["dessim explain"]


@needs_checkout
def test_a_counter_is_one_line(said):
    """It is in results, can be compared, has a column where it is not 0, and is documented."""
    for point in said["results.json"]["points"]:
        assert point["metrics"]["touches"]["mean"] > 0
    for where in ("results.csv", "the report", "dessim compare --metric", "the documentation"):
        assert "touches" in said[where], where


def test_a_row_reads_what_exists():
    """Counters are the kernel's, series those of a result, ranks between 0 and 1."""
    series = {one.name for one in fields(RunResult) if one.name.startswith("series_")}
    for metric in METRICS:
        assert metric.counter in ("", *COUNTERS), metric.name
        assert metric.series in ("", *series), metric.name
        assert 0 <= metric.rank_ppm < 1_000_000, metric.name
        assert sum(map(bool, (metric.counter, metric.series, metric.rank_ppm))) <= 1, metric.name


def test_names_are_told_once():
    """No two metrics have a name, or a short name, in common; a short name is no other's name."""
    names = [metric.name for metric in METRICS]
    short = [metric.asked for metric in METRICS if metric.asked]
    assert len(set(names)) == len(names)
    assert len(ASKED) == len(set(short)) == len(short)
    assert all(ASKED[name] == name for name in ASKED if name in names)


@pytest.mark.parametrize("view", View)
def test_every_view_shows_something(view):
    """A view that no row names would be an empty table."""
    assert columns_of(view)
    assert not set(columns_of(view)) & set(events_of(view))
