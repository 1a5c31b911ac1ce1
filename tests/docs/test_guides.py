"""The examples in docs/ load, run, and say what the program says."""

import re
from pathlib import Path

import pytest
from helpers import scheme_setup

from dessim import schemes
from dessim.engines import run_setup
from dessim.measure.metrics import METRICS
from dessim.model import ConfigError, json_schema, load_experiment, resolve
from dessim.model.sweep import SWEPT_KEYS

ROOT = Path(__file__).parents[2]
EXPERIMENTS = ROOT / "docs" / "experiments.md"
SCHEMES = ROOT / "docs" / "schemes.md"
pytestmark = pytest.mark.skipif(
    not EXPERIMENTS.exists(), reason="only a checkout has the documentation"
)


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)


def test_the_example_is_an_experiment(tmp_path) -> None:
    """The example loads, and expands to the grid less what is excluded plus what is included."""
    path = tmp_path / "example.yaml"
    path.write_text(blocks(EXPERIMENTS, "yaml")[0])
    points = resolve(load_experiment(path))
    assert len(points) == 2 * (3 * 2 * 2 - 2) + 1


def test_errors_look_as_shown(tmp_path, monkeypatch) -> None:
    """The errors shown are those of the file whose lines they show."""
    shown = next(block for block in blocks(EXPERIMENTS, "text") if "error:" in block)
    lines = dict(re.findall(r"^ +(\d+) \| (.*)$", shown, re.MULTILINE))
    lines["3"] = "schemes: [radix_walk_trylock]"
    monkeypatch.chdir(tmp_path)
    Path("bad.yaml").write_text("".join(f"{lines[key]}\n" for key in sorted(lines)))
    with pytest.raises(ConfigError) as error:
        load_experiment("bad.yaml")
    assert str(error.value) == shown.rstrip("\n")


def test_the_commands_shown_work(shell, tmp_path) -> None:
    """Each shell command of the guide ends well."""
    commands = "".join(blocks(EXPERIMENTS, "sh")).splitlines()
    assert commands
    for command in commands:
        done = shell(f"{command} --engine reference --replications 1", tmp_path)
        assert done.returncode == 0, done.stderr


def test_every_key_of_an_experiment_is_explained() -> None:
    """Keys of an experiment, what can be swept, and all metrics stand in the guide."""
    text = EXPERIMENTS.read_text()
    for name in {*json_schema("experiment")["properties"], *SWEPT_KEYS}:
        assert f"`{name}`" in text, name
    for name in METRICS:
        full, short = f"`{name}`", name.replace("fault_latency_ns", "")
        assert full in text or f"`{short}`" in text, name


def test_the_example_of_a_scheme_runs(tmp_path, monkeypatch) -> None:
    """The scheme in the guide is found by its file's name, runs, and leaves nothing locked."""
    (tmp_path / "optimistic_example.py").write_text(blocks(SCHEMES, "python")[0])
    monkeypatch.setattr(schemes, "__path__", [*schemes.__path__, str(tmp_path)])
    assert "optimistic_example" in schemes.names()
    run = run_setup(scheme_setup("optimistic_example", 2, threads=3), "reference")
    assert run.counters["pages_mapped"] == 3 * 16
    assert run.counters["minor_faults"] < 3 * 16


def test_the_figure_beside_measurements_is_drawn_from_stored_results(shell, tmp_path) -> None:
    """The script reads results that hold measured values and writes a row per measured point."""
    (tmp_path / "small.yaml").write_text(
        "machine: ivybridge-ex-4s\nworkload: sequential-read\nschemes: [radix_walk_trylock]\n"
        "threads: 1\nmatrix: {fault_around_order: [4, 9]}\nsimulate: 1MiB\nreplications: 2\n"
        "measured: fault-around-2014\n"
    )
    done = shell("dessim run small.yaml --engine reference", tmp_path)
    assert done.returncode == 0, done.stderr
    script = ROOT / "experiments" / "fault_around_2014.py"
    done = shell(f"python '{script}' results/small", tmp_path)
    assert done.returncode == 0, done.stderr
    rows = (tmp_path / "results/small/figures/measured.csv").read_text().splitlines()
    assert rows[0].startswith("workload,threads,fault_around_order,simulated_s")
    assert [row.split(",")[:3] for row in rows[1:]] == [
        ["sequential-read", "1", "4"],
        ["sequential-read", "1", "9"],
    ]
