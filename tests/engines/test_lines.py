"""Lines of the kernel's source in machine code: for debuggers and profilers."""

import inspect
import os
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from helpers import a_lock_loop, lock_loop_setup

from dessim.engines import line_table, loop, objects, specialise
from dessim.engines.translate.module import translate
from dessim.engines.translate.threaded import translate_threaded
from dessim.kernel import locks
from dessim.kernel.layout import World
from dessim.kernel.world import build_world


def two_stores(w: World, number: int) -> int:
    """Store two numbers."""
    w[0] = number * 3
    w[1] = number * 5
    return 0


LINES, FIRST = inspect.getsourcelines(two_stores)


def line_with(text):
    """Return the line of this file that has a text."""
    [found] = [FIRST + place for place, line in enumerate(LINES) if text in line]
    return found


def code_of(**options):
    """Return ``two_stores`` as machine code."""
    return objects.emit(translate([two_stores], **options))


def test_each_statement_is_found_at_its_line():
    """Both stores are in the table, each at its line of this file; stretches do not overlap."""
    found = line_table.stretches(code_of(lines=True))
    assert {part.file for part in found} == {Path(__file__).name}
    assert {line_with("w[0] ="), line_with("w[1] =")} <= {part.line for part in found}
    assert all(a.end <= b.first for a, b in pairwise(found))


def test_code_without_lines_has_no_table():
    """Lines cost time to make: who does not ask for them has none."""
    assert line_table.stretches(code_of()) == []


def test_lines_change_no_instruction():
    """What is measured is what runs otherwise."""
    with_lines, without = code_of(lines=True), code_of()
    text = [line_table.sections_of(code)[".text"] for code in (with_lines, without)]
    assert text[0] == text[1]


@pytest.mark.skipif(not shutil.which("addr2line"), reason="no addr2line (binutils)")
def test_another_reader_of_the_table_agrees(tmp_path):
    """GNU addr2line finds the same file and line at the beginning of every stretch."""
    code = objects.emit(translate_threaded(build_world(A_LOOP), lines=True), level=1)
    path = tmp_path / "loop.o"
    path.write_bytes(code)
    found = line_table.stretches(code)
    command = ["addr2line", "-s", "-j", ".text", "-e", str(path)]
    told = subprocess.run(
        [*command, *(hex(part.first) for part in found)], capture_output=True, text=True, check=True
    )
    said = [line.split(" (")[0] for line in told.stdout.splitlines()]
    assert said == [f"{part.file}:{part.line}" for part in found]


A_LOOP = lock_loop_setup(a_lock_loop(iterations=40, think_ps=700, hold_ps=300), 9)


def test_a_running_loop_names_the_kernels_lines_to_perf(monkeypatch, tmp_path):
    """The map has the loop's own lines, and those of functions that were put in place."""
    monkeypatch.setenv(line_table.SWITCH, "1")
    monkeypatch.setenv("DESSIM_CACHE_DIR", str(tmp_path))
    path = Path("/", "tmp") / f"perf-{os.getpid()}.map"
    path.unlink(missing_ok=True)
    specialise.prepare(build_world(A_LOOP))
    rows = [row.split() for row in path.read_text().splitlines()]
    path.unlink()
    source, first = inspect.getsourcelines(locks.take_lock)
    lines = {f"locks.py:{first + place}" for place in range(len(source))}
    named = {name for _, _, name in rows}
    assert named & lines
    assert any(name.startswith(f"{Path(loop.__file__).name}:") for name in named)
    begins = [int(begin, 16) for begin, _, _ in rows]
    assert begins == sorted(begins)


def test_lines_have_a_name_of_their_own_in_the_cache(monkeypatch):
    """Code with lines is not taken for code without."""
    known = {1: 2}
    name = specialise.name_of(known)
    monkeypatch.setenv(line_table.SWITCH, "1")
    assert specialise.name_of(known) != name
    assert not line_table.stretches(code_of())
