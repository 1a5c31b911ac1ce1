"""Commands that make a file of their own: where they may write it, and what they never replace."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from dessim.cli import main
from dessim.host.writing import Draft
from dessim.model import names

TRACE = "1000 0 7 7 a 0x7f0000001000 0x1 0x6\n"

LSCPU = """\
Architecture: riscv64
CPU(s): 4
Thread(s) per core: 2
Core(s) per socket: 1
Socket(s): 2
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a new folder with a trace."""
    monkeypatch.chdir(tmp_path)
    Path("t.txt").write_text(TRACE)
    Path("l.txt").write_text(LSCPU)


def run(*words: str) -> Result:
    """Run dessim here."""
    return CliRunner().invoke(main, list(words))


@pytest.mark.parametrize("name", ["t.yaml", "t.parquet"])
@pytest.mark.parametrize("trace", [TRACE, "damaged"], ids=["whole", "damaged"])
def test_an_import_replaces_files_with_force_only(name: str, trace: str) -> None:
    """It is refused before the trace is read."""
    Path("t.txt").write_text(trace)
    Path(name).write_text("precious")
    done = run("import", "t.txt")
    assert done.exit_code == 2
    assert f"{name} exists already: give another --out, or --force to replace it" in done.stderr
    assert Path(name).read_text() == "precious"
    if trace == TRACE:
        assert run("import", "t.txt", "--force").exit_code == 0
        assert Path(name).read_bytes() != b"precious"


def test_an_import_counts_in_words() -> None:
    """One line, one process."""
    done = run("import", "t.txt")
    assert "bpftrace, 1 line\n" in done.stdout
    assert "1 in 1 process\n" in done.stdout
    assert "1 fault 'anonymous', closed, in 1 page table\n" in done.stdout


@pytest.mark.parametrize("name", ["own.yaml", "own.parquet"])
def test_an_import_never_replaces_its_trace(name: str) -> None:
    """Not with --force, and not behind a link."""
    Path("t.txt").rename(name)
    Path("link.txt").symlink_to(name)
    for file in (name, "link.txt"):
        done = run("import", file, "--out", "own.yaml", "--force")
        assert done.exit_code == 2
        assert f"{name}: the command reads this file; choose another one to write" in done.stderr
    assert Path(name).read_text() == TRACE


NAMES = (
    "..",
    ".",
    "*",
    "~",
    "",
    "mine ",
    "\u202ex",
    "a\nb",
    "a/b",
    "-x",
    "x.yaml",
    "x.YML",
    "x.json",
)


@pytest.mark.parametrize("name", [*NAMES, "x" * 101])
def test_a_machine_has_a_name_that_it_is_found_by(name: str) -> None:
    """Anything else is refused before a file is made."""
    done = run("machine", "new", "--lscpu", "l.txt", "--", name)
    assert done.exit_code == 2
    assert "is not a name for a machine: " in done.stderr
    assert all(c.isprintable() or c == "\n" for c in done.stderr)
    assert not Path("configs").exists()


@pytest.mark.parametrize("name", ["..yaml", "a b.yaml", "[x].yaml", "a\tb.yaml", "x.json.yaml"])
@pytest.mark.parametrize(
    "line", ["measure --out", "calibrate fault-around-2014 --params kernel.rmap --to"]
)
def test_a_profile_that_its_file_names_has_such_a_name(line: str, name: str) -> None:
    """It is refused at the command line, as `machine new` does."""
    done = run(*line.split(), name)
    assert done.exit_code == 2
    assert f"{line.split()[-1]}: '" in done.stderr
    assert "is not a name for a machine: " in done.stderr
    assert not Path(name).exists()


@pytest.mark.parametrize(
    "line", ["machine new k --lscpu l.txt --out k.yaml", "import t.txt --out k.yaml"]
)
def test_a_file_that_appears_meanwhile_is_not_replaced(
    line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check before the work saw nothing there; neither file of an import stays behind."""
    module = "machine" if "machine" in line else "import_trace"
    monkeypatch.setattr(f"dessim.cli.{module}.check_new", lambda *_, **__: None)
    Path("k.yaml").write_text("precious")
    done = run(*line.split())
    assert done.exit_code == 2
    assert "k.yaml exists already: give another --out, or --force to replace it" in done.stderr
    assert Path("k.yaml").read_text() == "precious"
    assert not Path("k.parquet").exists()
    assert run(*line.split(), "--force").exit_code == 0
    assert Path("k.yaml").read_text() != "precious"


def test_a_measured_profile_is_kept_where_its_file_appeared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A minute of measuring is not lost."""
    made = SimpleNamespace(draft=Draft("k", "ivybridge-ex-4s", "made up"), busy=0.0, skipped=[])

    def measured(*_: object, **__: object) -> SimpleNamespace:
        Path("k.yaml").write_text("precious")
        return made

    monkeypatch.setattr("dessim.host.session.measure_host", measured)
    Path("k-2.yaml").write_text("precious, too")
    done = run("measure", "--out", "k.yaml", "-q")
    assert done.exit_code == 2
    assert "k.yaml appeared during the work" in done.stderr
    assert "the profile is k-3.yaml" in done.stderr
    assert Path("k.yaml").read_text() == "precious"
    assert Path("k-2.yaml").read_text() == "precious, too"
    assert Path("k-3.yaml").read_text() == made.draft.text()


@pytest.mark.parametrize("name", ["mine", "Mine_2.1", "müller"])
def test_a_machine_is_found_by_its_name(name: str) -> None:
    """As soon as it is written."""
    assert run("machine", "new", name, "--lscpu", "l.txt").exit_code == 0
    assert run("show", "machine", name).exit_code == 0


@pytest.mark.parametrize("command", [("machine", "new", "k", "--lscpu", "l.txt"), ("measure",)])
@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("k.json", "--out k.json: a profile's name must end in .yaml"),
        ("d/", "give the name of a file"),
        ("d.yaml/", "give the name of a file"),
        ("d/.", "give the name of a file"),
    ],
)
def test_a_profile_is_a_file_of_yaml(command: tuple[str, ...], place: str, said: str) -> None:
    """A folder's name is no file's."""
    done = run(*command, "--out", place)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not Path("d").exists()


def test_a_broken_profile_of_your_own_blocks_no_other() -> None:
    """It is passed over with a line, unless it was asked for; a file that no name finds is none."""
    folder = Path("configs/machines")
    folder.mkdir(parents=True)
    (folder / "aaa.yaml").write_text("nonsense: 1\n")
    (folder / "aux.yaml.yaml").write_text("nonsense: 1\n")
    done = run("machine", "new", "mine", "--lscpu", "l.txt")
    assert done.exit_code == 0, done.output
    assert done.stderr.startswith("Not a base: configs/machines/aaa.yaml:1:1: error: ")
    assert "aux" not in done.stderr
    assert "aux.yaml" not in names("machines")
    assert "nonsense" in run("machine", "new", "x", "--lscpu", "l.txt", "--base", "aaa").stderr


def test_a_profile_does_not_stand_on_itself() -> None:
    """Neither by its name nor by its file; a shipped name stands on another profile."""
    assert run("machine", "new", "k", "--lscpu", "l.txt").exit_code == 0
    for base in ("k", "configs/machines/k.yaml"):
        done = run("machine", "new", "k", "--lscpu", "l.txt", "--base", base, "--force")
        assert done.exit_code == 2
        assert "'k' is the name of its base: give another NAME or --base" in done.stderr
    done = run("machine", "new", "broadwell-2018-2s", "--lscpu", "l.txt")
    assert done.exit_code == 0
    assert done.stdout.rstrip().endswith("base broadwell-2018-4s")


@pytest.mark.parametrize("base", ["m7", "configs/machines/m7.yaml", "link.yaml"])
def test_no_chain_of_bases_leads_back(base: str) -> None:
    """Over two others, by name, by path and behind a link; each of them can still be read."""
    for name, own in (("m5", "ivybridge-ex-4s"), ("m6", "m5"), ("m7", "m6")):
        assert run("machine", "new", name, "--lscpu", "l.txt", "--base", own).exit_code == 0
    Path("link.yaml").symlink_to("configs/machines/m7.yaml")
    line = ("machine", "new", "m5", "--lscpu", "l.txt", "--force")
    done = run(*line, "--base", base)
    assert done.exit_code == 2
    assert f"base '{base}' stands on configs/machines/m5.yaml itself" in done.stderr
    Path("other.yaml").symlink_to("configs/machines/m5.yaml")
    done = run("machine", "new", "x", *line[3:], "--base", base, "--out", "other.yaml")
    assert done.exit_code == 2
    assert run("show", "machine", "m7").exit_code == 0
    done = run(*line)
    assert done.exit_code == 0, "of its own accord it takes one that does not stand on it"
    assert run("show", "machine", "m7").exit_code == 0


def test_a_chain_of_bases_does_not_lead_back_by_a_name_that_is_taken_over() -> None:
    """A profile in configs/machines hides a shipped one; a file next to it, another."""
    line = ("machine", "new", "ivybridge-ex-4s", "--lscpu", "l.txt")
    assert run("machine", "new", "m", "--lscpu", "l.txt", "--base", line[2]).exit_code == 0
    done = run(*line, "--base", "m")
    assert done.exit_code == 2
    assert "base 'm' stands on configs/machines/ivybridge-ex-4s.yaml itself" in done.stderr
    Path("k.yaml").write_text("name: other\nbase: ivybridge-ex-4s\n")
    done = run("machine", "new", "k", "--lscpu", "l.txt", "--base", "./k.yaml")
    assert done.exit_code == 2
    assert "base './k.yaml' stands on configs/machines/k.yaml itself" in done.stderr
    assert run("show", "machine", "m").exit_code == 0


def test_neither_measuring_nor_fitting_closes_a_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both are refused before the work."""
    monkeypatch.setattr("dessim.host.session.usable_cpus", None)
    monkeypatch.setattr("dessim.cli.calibrate._fit", None)
    own = ("machine", "new", "--lscpu", "l.txt", "--base")
    assert run(*own, "ivybridge-ex-4s", "m5").exit_code == 0
    assert run(*own, "m5", "m6").exit_code == 0
    done = run("measure", "--base", "m6", "--out", "configs/machines/m5.yaml", "--force")
    assert done.exit_code == 2
    assert "base 'm6' stands on configs/machines/m5.yaml itself" in done.stderr
    assert run(*own, "ivybridge-ex-4s", "m7").exit_code == 0
    line = ("calibrate", "fault-around-2014", "--params", "kernel.rmap", "--machine", "m7")
    done = run(*line, "--to", "configs/machines/ivybridge-ex-4s.yaml")
    assert done.exit_code == 2
    assert "machine 'm7' stands on configs/machines/ivybridge-ex-4s.yaml" in done.stderr
