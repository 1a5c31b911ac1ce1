import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from small import EXPERIMENT, experiment_file

from dessim.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with a small experiment, in which runs are kept."""
    path = tmp_path_factory.mktemp("explain")
    experiment_file(path)
    return path


def explain(folder, *arguments):
    """Run `dessim explain` on the small experiment with the reference engine."""
    where = ["--out", str(folder / "results"), "--engine", "reference", "-q"]
    call = ["explain", str(folder / "small.yaml"), *where, *arguments]
    return CliRunner().invoke(main, call)


def test_where_the_time_goes_adds_up(folder) -> None:
    """Percentages of each column add up to 100.0, and `kernel` is the sum of all but `user`."""
    done = explain(folder)
    assert done.exit_code == 0, done.output
    found = [(line, re.findall(r"(\d+\.\d)%", line)) for line in done.stdout.splitlines()]
    rows = {line.split()[0]: [float(cell) for cell in row] for line, row in found if row}
    assert list(rows)[-2:] == ["kernel", "total"]
    assert rows.pop("total") == [100.0] * 4
    kernel = rows.pop("kernel")
    for column in zip(*rows.values(), strict=True):
        assert sum(column) == pytest.approx(100.0)
    others = [rows[name] for name in rows if name != "user"]
    assert kernel == pytest.approx([sum(column) for column in zip(*others, strict=True)])


def test_points_are_chosen_by_options(folder) -> None:
    """Only the chosen scheme and thread count are explained."""
    done = explain(folder, "--threads", "2", "--scheme", "lock_each_page", "--format", "json")
    assert done.exit_code == 0, done.output
    [point] = json.loads(done.stdout)["time"]
    assert (point["scheme"], point["threads"]) == ("lock_each_page", 2)


def test_speed_ups_are_shown_with_their_intervals(folder) -> None:
    """Free reading of pages makes every point faster, and nothing cut changes nothing."""
    cuts = ("--speedup", "user=100%", "--speedup", "rmap=0%", "--metric", "completion")
    done = explain(folder, *cuts, "--format", "json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert "time" not in document
    for point in document["speedups"]:
        free, nothing, _ = point["effects"]
        assert free["metrics"]["completion"]["ratio"] < 0.9
        assert nothing["identical"]
    table = explain(folder, *cuts)
    assert table.exit_code == 0, table.output
    assert "no change" in table.stdout
    assert "common random numbers" in table.stdout


def test_all_costs_are_ranked(folder) -> None:
    """Ranks begin at 1 for both metrics, and costs without effect are counted."""
    choice = ("--threads", "2", "--scheme", "lock_each_page", "--causal", "--cut", "50%")
    done = explain(folder, *choice, "--metric", "completion", "--metric", "fault_latency_p50")
    assert done.exit_code == 0, done.output
    first = done.stdout.splitlines()[2].split()
    assert first[1] == "1"
    assert "others have no effect here" in done.stdout
    again = explain(folder, *choice)
    assert again.stdout == explain(folder, *choice).stdout


def test_a_finished_run_is_used_again(folder) -> None:
    """The second time nothing is left to do, and the answer is the same."""
    first = explain(folder, "--speedup", "map=30%")
    stored = sorted((folder / "results" / "runs").iterdir())
    second = explain(folder, "--speedup", "map=30%")
    assert second.stdout == first.stdout
    assert sorted((folder / "results" / "runs").iterdir()) == stored


def test_sensitivity_ranks_the_numbers_of_the_machine(tmp_path) -> None:
    """Every number with a range is ranked for each scheme and for their ratio, with its range."""
    profile = (Path(__file__).parents[2] / "configs/machines/ivybridge-ex-4s.yaml").read_text()
    few = re.sub(r"(, |\n *)range: \[[^\]]*\]", "", profile)
    for value, ends in (("714 cycles", "438.6 cycles, 714 cycles"), ("1.05us", "0.75us, 1.4us")):
        assert few.count(f"{{value: {value}, ") == 1
        few = few.replace(f"{{value: {value}, ", f"{{value: {value}, range: [{ends}], ")
    (tmp_path / "few.yaml").write_text(few)
    path = experiment_file(tmp_path, EXPERIMENT.replace("ivybridge-ex-4s", "./few.yaml"))
    call = ["explain", str(path), "--engine", "reference", "-q", "--out", str(tmp_path / "out")]
    call += ["--sensitivity", "--trajectories", "2", "--samples", "8", "--metric", "completion"]
    done = CliRunner().invoke(main, [*call, "--format", "json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["sensitivity"]
    assert found["threads"] == 2
    assert [one["parameter"] for one in found["parameters"]] == [
        "kernel.exception_entry",
        "user.read_page_dram",
        "kernel.work_cv",  # its default has a range, too
    ]
    assert [entry["response"] for entry in found["responses"]] == [
        "lock_each_page",
        "gang_lookup_mapcount",
        "gang_lookup_mapcount / lock_each_page",
    ]
    assert all(entry["chance"] > 0 for entry in found["responses"])
    for entry in found["responses"][:2]:
        assert entry["effects"][0]["parameter"] == "user.read_page_dram"
        assert entry["sobol"][0]["parameter"] == "user.read_page_dram"
    table = CliRunner().invoke(main, call)
    assert table.exit_code == 0, table.output
    assert "750ns to 1400ns" in table.stdout
    assert "machines within the ranges" in table.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--speedup", "rmapp=3%"], "did you mean 'rmap'"),
        (["--speedup", "rmap=3"], "expected a percentage"),
        (["--threads", "7"], "no such point with threads 7"),
        (["--scheme", "old"], "there is lock_each_page, gang_lookup_mapcount"),
        (["--sensitivity", "--metric", "speed"], "no metric is named 'speed'"),
        (["--sensitivity", "--samples", "100"], "Invalid value for '--samples'"),
        (["--sensitivity", "--metric", "p50", "--metric", "p99"], "one --metric at a time"),
        (["--causal", "--cut", "half"], "expected a percentage"),
        (["--speedup", "rmap=3%", "--metric", "speed"], "no metric is named 'speed'"),
        (["--causal", "--cut", "0%"], "--cut 0% cuts nothing"),
        (["--metric", "speed"], "--metric needs --speedup or --causal or"),
        (["--speedup", "rmap=3%", "--top", "3"], "--top needs --sensitivity"),
        (["--samples", "64"], "--samples needs --sensitivity"),
        (["--blame", "--cut", "20%"], "--cut needs --causal"),
        (["--limit", "10"], "--limit needs --blame"),
    ],
)
def test_what_cannot_be_explained_is_refused(folder, arguments, words) -> None:
    """Wrong usage, exit code 2, with the remedy and no traceback."""
    done = explain(folder, *arguments)
    assert done.exit_code == 2
    assert words in done.output
    assert "Traceback" not in done.output


def test_costs_are_listed() -> None:
    """With values if an experiment is named; without, groups say that they depend on a scheme."""
    done = CliRunner().invoke(main, ["explain", "--list"])
    assert done.exit_code == 0, done.output
    assert "depends on the scheme" in done.stdout
    done = CliRunner().invoke(main, ["explain", "eight-processes", "--list", "--format", "json"])
    entries = {entry["name"]: entry for entry in json.loads(done.stdout)}
    assert entries["rmap"]["value"] == "15ns"
    assert "machine.kernel.rmap" in entries["ptl_hold"]["paths"]
    assert CliRunner().invoke(main, ["explain"]).exit_code == 2


def test_a_point_that_grows_is_looked_at_in_the_size_of_its_results(tmp_path) -> None:
    """Before `dessim run` the first size of `simulate: auto`; after it, the one it settled on."""
    text = EXPERIMENT.replace("simulate: 64KiB", "simulate: auto\nsimulate_cap: 128KiB")
    path = experiment_file(tmp_path, text)
    out = ("--engine", "reference", "--out", str(tmp_path / "out"))
    call = ["explain", str(path), "--threads", "1", "--format", "json", *out]
    before = CliRunner().invoke(main, call)
    assert before.exit_code == 0, before.output
    assert "2 points have the first size of `simulate: auto`" in before.stderr
    assert CliRunner().invoke(main, ["run", str(path), "-q", *out]).exit_code == 0
    after = CliRunner().invoke(main, call)
    assert "2 points have the size on which the results in" in after.stderr
    assert "stored already" in after.stderr
    small, large = (json.loads(one.stdout)["time"][0]["faults"] for one in (before, after))
    assert large == 4 * small
