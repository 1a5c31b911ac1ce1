"""The examples in docs/ load, run, and say what the program says."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from helpers import scheme_setup

from dessim import registry
from dessim.cli import main
from dessim.engines import run_setup
from dessim.metrics import NAMES
from dessim.model import ConfigError, json_schema, load_experiment, resolve
from dessim.model.experiment import SWEPT_KEYS

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
    """Keys of experiments and workloads, what can be swept, all metrics stand in the guide."""
    text = EXPERIMENTS.read_text()
    keys = [key for kind in ("experiment", "workload") for key in json_schema(kind)["properties"]]
    for name in {*keys, *SWEPT_KEYS}:
        assert f"`{name}`" in text, name
    for name in NAMES:
        full, short = f"`{name}`", name.replace("fault_latency_ns", "")
        assert full in text or f"`{short}`" in text, name


def test_the_example_of_a_scheme_runs(tmp_path, monkeypatch) -> None:
    """The scheme in the guide is found by its file's name, runs, and leaves nothing locked."""
    (tmp_path / "schemes").mkdir()
    (tmp_path / "schemes" / "optimistic_example.py").write_text(blocks(SCHEMES, "python")[0])
    monkeypatch.chdir(tmp_path)
    assert "optimistic_example" in registry.names()
    run = run_setup(scheme_setup("optimistic_example", 2, threads=3), "reference")
    assert run.counters["pages_mapped"] == 3 * 16
    assert run.counters["minor_faults"] < 3 * 16


def test_the_refusal_of_a_scheme_looks_as_shown(tmp_path, monkeypatch) -> None:
    """The sentence of the guide is the one about a scheme that keeps the page-table lock."""
    (tmp_path / "schemes").mkdir()
    (tmp_path / "schemes" / "mine.py").write_text(
        "from dessim.kernel.alphabet import lock, unlock, when\n"
        "from dessim.schemes.no_fault_around import SLOW_PATH as SLOW_PATH\n"
        'FAULT_AROUND = (lock("ptl"), when("window.open", unlock("ptl")))\n'
    )
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["show", "scheme", "mine"])
    (shown,) = blocks(SCHEMES, "text")
    assert done.stderr.replace(str(tmp_path), "...") == shown


def test_the_example_of_an_actor_is_explored(tmp_path, monkeypatch) -> None:
    """The actor in the guide is listed, takes its option, and leaves nothing behind."""
    (example,) = blocks(ROOT / "docs" / "actors.md", "python")
    (tmp_path / "actors").mkdir()
    (tmp_path / "actors" / "looker_example.py").write_text(example)
    monkeypatch.chdir(tmp_path)
    assert "looker_example" in registry.actor_names()
    line = "check no_fault_around --actor looker --set actor.slowly=on --property leak_at_rest"
    assert line.partition(" --property")[0] in (ROOT / "docs" / "actors.md").read_text()
    done = CliRunner().invoke(main, line.replace("looker", "looker_example").split())
    assert done.exit_code == 0, done.output
    assert "never" in done.stdout


FIGURES = ROOT / "docs" / "figures.md"


def test_the_commands_for_figures_work(shell, tmp_path) -> None:
    """Every command of the guides to figures and report ends well, in its order."""
    for page in (FIGURES, ROOT / "experiments" / "README.md", ROOT / "docs" / "report.md"):
        for command in "".join(blocks(page, "sh")).splitlines():
            done = shell(command, tmp_path)
            assert done.returncode == 0, done.stderr
    made = (
        "eight-processes/figures/ccdf.svg",
        "figures/lock_collapse.pdf",
        "eight-processes/report.html",
    )
    for name in made:
        assert (tmp_path / "results" / name).stat().st_size > 1000


def test_the_figure_of_one_s_own_is_drawn(shell, tmp_path) -> None:
    """The example, put in ./experiments, is found by its name, drawn, and accepted."""
    done = shell(
        "dessim run eight-processes --engine reference --set simulate=64KiB --replications 2 -q",
        tmp_path,
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "mine.py").write_text(blocks(FIGURES, "python")[0])
    done = shell("dessim figure mine --accept --check", tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "mine: as expected (tolerance: 5 % or the intervals)\n"
    assert (tmp_path / "results" / "figures" / "mine.png").is_file()


def test_every_figure_stands_in_the_list_with_its_command_and_tolerance() -> None:
    """The table of experiments/README.md tells of each figure what its file says."""
    from dessim.report.paper import figures as paper

    text = (ROOT / "experiments" / "README.md").read_text()
    lines = dict(re.findall(r"^(?:\| `(\w+)` \|(.*))$", text, re.M))
    assert sorted(lines) == paper.names()
    for name, line in lines.items():
        figure = paper.load(name)
        assert str(figure.tolerance).split(" or ")[0] in line
        for command in figure.needs.values():
            assert f"`{command.removesuffix(' -j 2')}`" in line or "the same" in line


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_scripts_for_python_run(shell, tmp_path, place) -> None:
    """The scripts of the guide to the API end well; the figure and the report are there."""
    script = blocks(ROOT / "docs" / "api.md", "python")[place]
    (tmp_path / "script.py").write_text(script)
    done = shell("python script.py", tmp_path)
    assert done.returncode == 0, done.stderr
    if place == 0:
        assert "<dessim results of eight-processes: 4 points" in done.stdout
        assert (tmp_path / "throughput.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "eight-processes.html").stat().st_size > 10_000
    elif place == 2:
        idle, user, lock, faults = (int(re.search(r"\d+", x)[0]) for x in done.stdout.splitlines())
        assert idle > user > lock > 0
        assert faults >= 64 / 4  # all frames, four to a window
    else:
        lines = done.stdout.splitlines()
        assert lines[0].endswith("0 us:  0 asleep, 0 faults")
        assert len(lines) > 10
        assert int(lines[-1]) > 100


def test_the_tutorial_says_what_its_table_says() -> None:
    """The sentence about the first table has the numbers of the table."""
    text = (ROOT / "docs" / "tutorial.md").read_text()
    row = re.search(r"^ +8 .*?\+([\d.]+)% .*-([\d.]+)% \[", text, re.M)
    words = " ".join(text.split())
    said = re.search(r"eight processes map (\d+) % more .*? p99 falls to a quarter", words)
    assert row
    assert said
    assert int(said[1]) == round(float(row[1]))
    assert float(row[2]) == pytest.approx(75, abs=5)
