"""Whatever a person programs: actors, protocols, figures, litmus tests; and kept searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st
from mutants import EDITS, edited, quick_and_thorough, refused_or_done

from dessim import registry
from dessim.engines.explorer.kept import HEAD, Kept
from dessim.model import python_file
from dessim.registry import files
from dessim.report.paper import figures
from dessim.study.check.litmus import read_litmus
from dessim.study.check.litmus_run import litmus_small_world
from dessim.study.check.protocols import protocol_scope, protocol_small_world

ROOT = Path(__file__).parents[2]
LITMUS = ("MP+poonceonces", "DCL-broken", "R+poonceonces", "MP+porevlocks", "LB+poonceonces")
PROTOCOLS = ("killed_waiter", "vma_lock_release", "futex_waiters")
ACTORS = ("munmap", "invalidate_range")
DANGEROUS = (b"import os", b"exec", b"open(", b"while", b"print(", b"9" * 9, b"range(1", b"**")


@pytest.fixture
def whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What is mutated, by name; mutants of harmless programs are run in this process."""
    monkeypatch.setattr(python_file, "_tried", lambda path, changed_ns, then: "")
    for folder in ("actors", "protocols", "experiments"):
        (tmp_path / folder).mkdir()
    found = {
        name: (files.PACKAGE / folder / f"{name}.py").read_bytes()
        for folder, names in (("protocols", PROTOCOLS), ("actors", ACTORS))
        for name in names
    }
    found |= {n: (ROOT / "experiments" / "litmus" / f"{n}.litmus").read_bytes() for n in LITMUS}
    return found | {"ccdf": (figures.shipped() / "ccdf.py").read_bytes()}


@quick_and_thorough(st.tuples(st.sampled_from((*PROTOCOLS, *ACTORS, "ccdf")), EDITS), 30, 1_000)
def _programs(whole: dict[str, bytes], drawn: Any) -> None:
    """Mutated protocols, actors and figures: found without being run, then built."""
    name, edits = drawn
    kind = "protocol" if name in PROTOCOLS else "ACTOR" if name in ACTORS else "figure"
    path = Path({"protocol": "protocols", "ACTOR": "actors"}.get(kind, "experiments"), "mine.py")
    path.write_bytes(edited(whole[name], edits))
    files._read.cache_clear()
    files._run.cache_clear()
    figures._module.cache_clear()
    figures._is_figure.cache_clear()
    attempts = {
        "protocol": lambda: protocol_small_world(protocol_scope("mine")),
        "ACTOR": lambda: registry.program_of_actor(registry.load_actor("mine"), {}),
        "figure": lambda: figures.load("mine"),
    }
    try:
        if any(token in path.read_bytes() for token in DANGEROUS):
            return  # what is drawn is read here, in this process
        if kind == "figure":
            figures.names()
        else:
            registry.listed(kind)
        refused_or_done(attempts[kind])
    finally:
        path.unlink()


test_quick_programs, test_thorough_programs = _programs


@quick_and_thorough(st.tuples(st.sampled_from(LITMUS), EDITS), 60, 5_000)
def _litmus(whole: dict[str, bytes], drawn: Any) -> None:
    """Mutated litmus tests: a World to be searched, or one line with a place."""
    name, edits = drawn
    path = Path("mine.litmus")
    path.write_bytes(edited(whole[name], edits))
    refused_or_done(lambda: litmus_small_world(read_litmus(path), "lkmm"))


test_quick_litmus, test_thorough_litmus = _litmus


@quick_and_thorough(EDITS, 40, 2_000)
def _heads(whole: dict[str, bytes], drawn: Any) -> None:
    """The mutated head of a kept search: that of what was kept, or none."""
    arrays = {"keys": (np.arange(12), 3), "parents": (np.arange(4), 1)}
    kept = Kept(Path("kept"), b"a search")
    assert kept.keep({"bound": 9, "numbers": [1, 2], "witness": [3]}, arrays)
    kept.close()
    path = kept.folder / HEAD
    before = path.read_bytes()
    path.write_bytes(edited(before, drawn))
    again = Kept(Path("kept"), b"a search")
    head = again.found({"keys": 24, "parents": 8})
    again.close()
    found = head and (head["numbers"], head["witness"], again.written["keys"])
    assert found in (None, ([1, 2], [3], 4))
    assert (head is not None) or path.read_bytes() != before


test_quick_heads, test_thorough_heads = _heads
