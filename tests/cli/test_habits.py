"""What people type by habit: names, YAML of other programs, pipes, the tab key."""

import json

import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from dessim.cli import main
from dessim.cli.results import report_files
from dessim.files import reading
from dessim.report.text.hanging import hanging

SMALL = """
name: small
machine: ivybridge-ex-4s
workload: separate-processes
schemes: [lock_each_page]
threads: 2
simulate: 64KiB
replications: 2
"""


def plan(tmp_path, text, name="small.yaml"):
    """Return the plan of an experiment's file."""
    (tmp_path / name).write_text(text)
    return CliRunner().invoke(main, ["run", str(tmp_path / name), "--dry-run"])


@pytest.mark.parametrize("name", ["small.YAML", "small.yml", "small.json"])
def test_a_file_is_one_by_its_ending(tmp_path, name, monkeypatch) -> None:
    """Upper case and JSON, which is YAML, are taken without `./`."""
    monkeypatch.chdir(tmp_path)
    text = json.dumps({"machine": "ivybridge-ex-4s", "workload": "separate-processes"})
    (tmp_path / name).write_text(text.replace("}", ', "schemes": ["lock_each_page"]}'))
    assert CliRunner().invoke(main, ["run", name, "--dry-run"]).exit_code == 0


def test_merge_keys_give_what_is_missing(tmp_path) -> None:
    """`<<` takes one mapping or several, the first wins, and own keys win over all."""
    text = SMALL.replace("threads: 2\nsimulate: 64KiB\n", "") + (
        "x-a: &a {threads: 4, simulate: 32KiB}\nx-b: &b {threads: 8, seed: 7}\n<<: [*a, *b]\n"
    )
    done = plan(tmp_path, text)
    assert done.exit_code == 0, done.output
    assert "threads=4" in done.output
    assert "32KiB" in done.output
    wrong = plan(tmp_path, SMALL + "<<: 3\n")
    assert wrong.exit_code == 2
    assert "takes a mapping" in wrong.output


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("threads: 2", "threads:", "'threads' has no value"),
        ("threads: 2", "threads: 010", "write 10, or 0o10"),
        ("threads: 2", "threads: 2\ninclude: common.yaml", "a file cannot include"),
        ("threads: 2", "matrix:\n  machine.kernel.rmap: [0.0001ps]", "less than 1ps"),
        ("ivybridge-ex-4s", "epyc", "did you mean 'epyc-7713-1s' or 'epyc-genoa-2s'?"),
        ("lock_each_page", "lock_each_pag", "lock_each_page"),
    ],
)
def test_a_habit_that_means_something_else_is_refused(tmp_path, old, new, words) -> None:
    """One error, exit code 2, and what to write instead."""
    done = plan(tmp_path, SMALL.replace(old, new))
    assert done.exit_code == 2
    assert words in done.output


def test_standard_input_is_a_file(monkeypatch) -> None:
    """`-` reads the experiment from a pipe, once."""
    reading._piped_once.cache_clear()
    done = CliRunner().invoke(main, ["run", "-", "--dry-run"], input=SMALL)
    reading._piped_once.cache_clear()
    assert done.exit_code == 0, done.output
    assert "lock_each_page threads=2" in done.output


def completed(words: list[str], part: str) -> list[str]:
    """Return what the shell would offer."""
    found = BashComplete(main, {}, "dessim", "_DESSIM_COMPLETE").get_completions(words, part)
    return [item.value for item in found]


def test_the_shell_completes_names() -> None:
    """Machines, experiments, schemes, workloads, and keys of `--set` with their names."""
    epycs = ["epyc-7713-1s", "epyc-genoa-2s"]
    assert completed(["show", "machine"], "epyc") == epycs
    assert "quickstart" in completed(["run"], "qui")
    assert completed(["check"], "gang") == ["gang_lookup_mapcount"]
    assert "machine.kernel.rmap=" in completed(["run", "x", "--set"], "machine.kernel.rm")
    assert "machine=graviton2-1s" in completed(["run", "x", "--set"], "machine=gra")


def test_lists_are_json_too() -> None:
    """A program reads names, descriptions, and what they have been compared with."""
    entries = json.loads(CliRunner().invoke(main, ["list", "machine", "--format", "json"]).output)
    known = {entry["name"]: entry["compared_with"] for entry in entries}
    assert known["graviton2-1s"] is None
    assert "fault-around-2014" in known["ivybridge-ex-4s"]
    shown = CliRunner().invoke(main, ["show", "workload", "shared-mapping", "--format", "json"])
    assert json.loads(shown.output)["mapping"] == "shared"


def test_a_list_is_wrapped_on_a_terminal_only(monkeypatch) -> None:
    """Text stands behind its name at 80 columns; a pipe gets a line per name."""
    monkeypatch.setenv("COLUMNS", "80")
    text = "one two three four " * 6
    assert hanging("name  ", text) == f"name  {text}".rstrip()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    first, second = hanging("name  ", text).splitlines()
    assert first.startswith("name  one two")
    assert second.startswith("      ")
    assert len(first) <= 80
    page = "docs/larger-than-memory.md"
    assert hanging("name  ", f"{'x' * 60} {page}").splitlines()[1].strip() == page, "stays whole"


def test_more_threads_than_cpus_are_noted(tmp_path) -> None:
    """A sweep made for a larger machine says that threads queue, unless it is quiet."""
    (tmp_path / "small.yaml").write_text(SMALL)
    start = ["run", str(tmp_path / "small.yaml"), "--dry-run", "--set", "threads=[120,121]"]
    noted = "note: 1 point with more threads than the 120 CPUs of ivybridge-ex-4s: "
    assert CliRunner().invoke(main, start).stderr.startswith(noted)
    assert CliRunner().invoke(main, [*start, "-q"]).stderr == ""


def test_no_tables_are_said_in_words(capsys) -> None:
    """Where all runs failed nothing was written, and no line ends in nothing."""
    report_files([])
    assert capsys.readouterr().err == "wrote no tables: no run has a result\n"


def test_a_run_says_what_it_replaces(tmp_path) -> None:
    """Other settings under the same name name the command that goes; the same ones do not."""
    (tmp_path / "small.yaml").write_text(SMALL)
    start = ["run", str(tmp_path / "small.yaml"), "--engine", "reference", "--replications", "1"]
    start += ["--out", str(tmp_path / "results")]
    first = CliRunner().invoke(main, start)
    second = CliRunner().invoke(main, [*start, "--set", "threads=1"])
    third = CliRunner().invoke(main, [*start, "--set", "threads=1", "--force"])
    assert "replaces" not in first.stderr + third.stderr
    assert "replaces the results of `dessim run" in second.stderr
