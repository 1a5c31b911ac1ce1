import json
import re

import pytest
from click.testing import CliRunner
from small import EXPERIMENT, experiment_file

from dessim.cli import main


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """Return a folder with the results of a small experiment, large enough for numbers to hold."""
    folder = tmp_path_factory.mktemp("compare")
    enough = EXPERIMENT.replace("64KiB", "1MiB").replace("replications: 2", "replications: 6")
    path = experiment_file(folder, enough)
    arguments = ["run", str(path), "--engine", "reference", "-q", "--out", str(folder / "results")]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 0, done.output
    return folder / "results"


def compare(results, *arguments):
    """Run `dessim compare`."""
    return CliRunner().invoke(main, ["compare", *arguments, "--results-dir", str(results)])


def test_two_schemes_stand_beside_each_other(results) -> None:
    """Numbers have intervals as in `run`; crossovers and the remedy for many tests follow."""
    done = compare(results, "lock_each_page", "gang_lookup_mapcount", "--in", "small")
    assert done.exit_code == 0, done.output
    assert re.search(r"[0-9]M ±\S+ +\S+ \[\S+%, \S+%\] +[0-9.]+M ±", done.stdout)
    assert "2t.pages_mapped_per_s" in done.stdout
    assert re.search(r"crossover of .*completion_s", done.stdout)
    assert "(Bonferroni)" in done.stdout


def test_a_result_beside_itself_changes_nothing(results) -> None:
    """Every ratio is 1, and nothing is significant."""
    done = compare(results, "small", "small", "--format", "json")
    rows = json.loads(done.stdout)["rows"]
    known = [row for row in rows if row["ratio"] is not None]
    assert known
    assert all(row["ratio"] == pytest.approx(1) and not row["significant"] for row in known)
    assert "~" in compare(results, "small", "small").stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "small"], "there are no results in 'nowhere'"),
        (["old", "lock_each_page", "--in", "small"], "no scheme 'old'"),
        (["small", "small", "--metric", "speed"], "unknown metric 'speed'"),
    ],
)
def test_what_cannot_be_compared_is_refused(results, arguments, words) -> None:
    """Wrong usage, exit code 2, with what there is."""
    done = compare(results, *arguments)
    assert done.exit_code == 2
    assert words in done.output
