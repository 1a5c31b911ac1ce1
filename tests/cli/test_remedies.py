"""What dessim refuses, it says what to do about."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest
from small import EXPERIMENT, experiment_file
from typing_in import FAST, process, typed

from dessim.study.check import litmus

SHIPPED = Path(litmus.__file__).parents[2] / "protocols"

pytestmark = pytest.mark.usefixtures("empty_folder")


def test_results_below_a_link_that_leads_nowhere() -> None:
    """The link is named, not what could not be made behind it."""
    Path("results").symlink_to("nowhere")
    done = typed("run", "eight-processes", *FAST)
    assert done.exit_code == 2
    assert "results: this link leads nowhere: remove it, or make its target" in done.stderr
    assert not Path("nowhere").exists()


def test_a_place_of_another_user_is_like_a_read_only_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 and a remedy, whatever the command."""

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "results/tiny")

    monkeypatch.setattr("dessim.report.page.render.write_report", refuse)
    assert typed("run", "eight-processes", *FAST).exit_code == 0
    done = typed("report", "eight-processes")
    assert done.exit_code == 1
    assert "results/tiny: Permission denied" in done.stderr
    assert "ask the owner for the right to it, or choose another place" in done.stderr


@pytest.mark.parametrize(
    "place", ["dessim.study.store.runs.Store.save", "dessim.study.sweep.request.run_request"]
)
def test_runs_that_another_user_s_folder_does_not_take(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run fails for it: the sweep stops, and goes on once the place is ours."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "runs")

    monkeypatch.setattr(place, refuse)
    done = typed("run", "eight-processes", *FAST)
    assert done.exit_code == 1
    assert "runs: Permission denied; ask the owner for the right to it: " in done.stderr


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("threads: [2, 4]", "; `matrix: {threads: [2, 4]}` sweeps it"),
        ("fault_around_order: [2, 4]", "; `matrix: {fault_around_order: [2, 4]}` sweeps it"),
        ("simulate: [64KiB, auto]", "; `matrix: {simulate: [64KiB, auto]}` sweeps it"),
        ("machine: [a, b]", "; `matrix: {machine: [a, b]}` sweeps it"),
        ("seed: [1, 2]", "found a list\n"),
    ],
)
def test_a_list_where_one_value_is_expected(line: str, remedy: str) -> None:
    """Keys that can be swept say how; the others cannot be."""
    key = line.partition(":")[0]
    kept = [row for row in EXPERIMENT.splitlines() if not row.startswith(f"{key}:")]
    path = experiment_file(Path(), "\n".join([*kept, line, ""]))
    done = typed("run", path)
    assert done.exit_code == 2
    assert remedy in done.stderr


@pytest.mark.parametrize("command", ["report", "figure"])
def test_a_folder_without_results_is_no_experiment(command: str) -> None:
    """`dessim run results/tiny/` would not make them."""
    Path("results/tiny").mkdir(parents=True)
    done = typed(command, "results/tiny/")
    assert done.exit_code == 2
    assert "name an experiment, or a folder that `dessim run` wrote" in done.stderr
    assert "dessim run results" not in done.stderr
    assert "make them with `dessim run tiny`" in typed(command, "tiny").stderr


@pytest.mark.parametrize("words", ["run", "import", "machine new m3 --lscpu"])
def test_a_pipe_of_the_shell_is_read_by_its_own_sign(words: str) -> None:
    """Pipes are refused; `-` is there for them."""
    read, write = os.pipe()
    os.close(write)
    done = process(*words.split(), f"/dev/fd/{read}", pass_fds=(read,))
    os.close(read)
    assert done.returncode == 2
    assert f"/dev/fd/{read}: " in done.stderr
    assert "- reads standard input" in done.stderr


@pytest.mark.parametrize("name", ["-", "/dev/stdin", "protocols/none.py", "none.PY"])
def test_what_is_no_name_of_a_program(name: str) -> None:
    """The message says what can be given."""
    done = typed("check", name)
    assert done.exit_code == 2
    for words in (f"'{name}' is no scheme, actor or protocol", "FILE.litmus", "./protocols"):
        assert words in done.stderr


def test_programs_of_your_own_by_file() -> None:
    """In the folders where they are found; one in another is refused with the remedy."""
    for folder, name in (("protocols", "swap_twice"), ("schemes", "lock_each_page")):
        Path(folder).mkdir()
        shutil.copy(SHIPPED.parent / folder / f"{name}.py", Path(folder) / "p7.py")
        path = f"{folder}/p7.py"
        if folder == "protocols":
            assert typed("check", path).stdout == typed("check", "p7").stdout != ""
            Path(path).unlink()
        else:
            assert typed("show", "scheme", path).stdout == typed("show", "scheme", "p7").stdout
            assert typed("show", "scheme", path).exit_code == 0
    Path("p8.py").write_text(Path("schemes/p7.py").read_text())
    assert "./schemes" in typed("show", "scheme", "p8.py").stderr
    Path("schemes/linux.py").write_text(Path("schemes/p7.py").read_text())
    assert "rename yours" in typed("show", "scheme", "schemes/linux.py").stderr


def test_a_litmus_test_in_capitals() -> None:
    """It is one, too."""
    assert "SB.LITMUS: no such file" in typed("check", "SB.LITMUS").stderr


def test_a_figure_that_is_named_twice_is_drawn_once() -> None:
    """And so it is reported."""
    assert typed("run", "eight-processes", *FAST).exit_code == 0
    done = typed("figure", "eight-processes", "throughput", "throughput")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("pdf") == 1
