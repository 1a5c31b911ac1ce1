"""The commands of the page on traces, in order, on small traces; errors of import and compare."""

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner
from small import EXPERIMENT

from dessim.cli import main
from dessim.model import load_workload

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests" / "traces" / "samples"
PAGE = ROOT / "docs" / "traces.md"
pytestmark = pytest.mark.skipif(not PAGE.exists(), reason="only a checkout has the documentation")
FILES = {
    "h.txt": "@nsecs:\n[512, 1K)  50 |@|\n[1K, 2K)  400 |@|\n[2K, 4K)  90 |@|\n",
    "locks.txt": " contended   total wait     max wait     avg wait         type   caller\n\n"
    "        12     67.13 us     24.01 us      5.59 us     spinlock   rmqueue_bulk+0x5c\n"
    "         3      1.20 ms    900.01 us    400.39 us      rwsem:W   __vm_munmap+0x6d\n",
    "page_fault1.csv": "tasks,processes,processes_idle,threads,threads_idle,linear\n"
    "0,0,100,0,100,0\n2,500000,0,400000,0,500000\n",
    "times.json": json.dumps(
        {"results": [{"command": "./mine 2", "mean": 0.01, "parameters": {"threads": "2"}}]}
    ),
}


def commands() -> list[str]:
    """Return what the page runs of dessim, in order."""
    return re.findall(r"^\$ dessim (.*)$", PAGE.read_text(), re.MULTILINE)


def run(*arguments: str):
    """Run dessim here."""
    return CliRunner().invoke(main, list(arguments))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with what the page's reader has recorded and simulated."""
    place = tmp_path_factory.mktemp("traces")
    shutil.copy(SAMPLES / "perf_script_tracepoint_ns.txt", place / "t.txt")
    for name, text in FILES.items():
        (place / name).write_text(text)
    for name in ("will-it-scale", "my-result"):
        (place / f"{name}.yaml").write_text(EXPERIMENT.replace("name: small", f"name: {name}", 1))
        arguments = [str(place / f"{name}.yaml"), "--engine", "reference", "-q"]
        done = run("run", *arguments, "--out", str(place / "results"))
        assert done.exit_code == 0, done.output
    return place


def test_the_commands_of_the_page_work_one_after_the_other(folder, monkeypatch) -> None:
    """Import, replay, and every kind of comparison."""
    monkeypatch.chdir(folder)
    done = {}
    for line in commands():
        words = shlex.split(line.partition(" > ")[0])
        if words[0] in ("run", "explain"):
            words += ["--engine", "reference"] if words[0] == "run" else []
            words += ["--replications", "1"]
        result = run(*words)
        assert result.exit_code == 0, (line, result.output)
        if " > " in line:
            Path(line.partition(" > ")[2]).write_text(result.stdout)
        done[line] = result.output
    assert len(done) >= 7
    text = "\n".join(done.values())
    for words in ("replayed", "think time; --fault replays", "latency_ns_p50", "rmqueue_bulk"):
        assert words in text
    assert load_workload("./t.yaml").replays


def test_import_prints_json(folder, monkeypatch) -> None:
    """What was replayed, what was not, and where it comes from."""
    monkeypatch.chdir(folder)
    done = run("import", "t.txt", "--out", "other.yaml", "--fault", "read", "--json")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["replay"]["faults"] + found["replay"]["not_replayed"] == found["faults"]
    assert found["replay"]["others"] == {"anonymous": 30}
    assert len(found["source_sha256"]) == 64


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "cut.txt"], "cut.txt:21: "),
        (["import", "none.txt"], "unknown trace format"),
        (["import", "nobody.txt"], "nobody.txt: no such file"),
        (
            ["import", "t.txt", "--comm", "nobody", "--force"],
            "these tasks have no fault; the trace has tasks pf",
        ),
        (["compare", "results/my-result", "bad.txt"], "bad.txt:3: "),
        (["compare", "results/my-result", "h.txt", "--blame", "times.json"], "no blame in it"),
        (["compare", *2 * ["results/my-result"], "--blame", "x"], "B that perf lock wrote"),
        (["compare", *2 * ["results/my-result"], "--unit", "us"], "--unit is for a B that is"),
        (["compare", *2 * ["results/my-result"], "--key", ""], "--key is for a B that is a file"),
        (["compare", *2 * ["results/my-result"], "--column", "z"], "--column is for a B that is"),
        (["compare", *2 * ["results/my-result"], "--threads", "5"], "--threads is for a B that"),
        (["compare", "a", "b", "--in", "my-result", "--scheme", "w"], "--scheme is for a B that"),
        (["compare", "results/my-result", "h.txt", "--metric", "x"], "--metric is for two results"),
        (["compare", "results/my-result", "h.txt", "--column", "x"], "--column is for rates and"),
        (
            ["compare", "results/my-result", "h.txt", "--unit", "s"],
            "--unit is for histograms whose",
        ),
        (
            ["compare", "results/my-result", "locks.txt", "--key", "x"],
            "--key is for histograms, not",
        ),
        (["compare", "results/my-result", "locks.txt", "--unit", "s"], "--unit is for histograms,"),
        (["compare", "results/my-result", "page_fault1.csv", "--key", "x"], "--key is for histogr"),
        (["compare", "results/my-result", "times.json", "--blame", "b.json"], "no such file"),
    ],
)
def test_what_cannot_be_read_gets_one_error(folder, monkeypatch, arguments, words) -> None:
    """Exit code 2, the file with its line, and what to do."""
    monkeypatch.chdir(folder)
    lines = Path("t.txt").read_text().splitlines(keepends=True)
    Path("cut.txt").write_text("".join(lines[:20]) + lines[20][:40] + "\n" + "".join(lines[21:]))
    Path("none.txt").write_text("to whom it may concern\n")
    Path("bad.txt").write_text("@usecs:\n[0, 1)  50 |@|\n[1, 2)  many |@|\n")
    done = run(*arguments)
    assert done.exit_code == 2, done.output
    assert words in done.output
    assert "Traceback" not in done.output
