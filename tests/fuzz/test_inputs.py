"""Whatever a person brings: it is used, or refused in one message. Nothing else ever happens."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st
from mutants import (
    EDITS,
    HANGS,
    TOKENS,
    edited,
    ended_after,
    quick_and_thorough,
    refused_or_done,
)

from dessim import model, registry
from dessim.model import find
from dessim.model.published import load_published
from dessim.registry import files
from dessim.study.fidelity.sosp13 import is_table_of_curves, load_curves, setup_of
from dessim.study.sweep.plan import label_of
from dessim.study.sweep.request import Request

EXPERIMENTS = ("eight-processes", "fault-around-2014", "lock-collapse")
SCHEMES = ("no_fault_around", "gang_lookup_mapcount", "lock_each_page")
KEYS = (
    *("threads", "machine", "workload", "schemes", "simulate", "seed", "replications", "name"),
    *("precision", "max_replications", "warmup", "measured", "fault_around_order", "matrix", "zip"),
    *(
        "include",
        "exclude",
        "machine.cache_line.hold",
        "machine.topology.sockets",
        "workload.actors",
    ),
    *("workload.file_size", "workload.kind", "workload.access", "machine.locks.page_table_lock"),
    *(
        "machine.kernel.rmap",
        "machine.memory",
        "workload.start_stagger",
        "workload.folio_order",
        "description",
        "simulate_cap",
        "workload.name",
        "x.y",
    ),
)
VALUES = (
    *("[]", "{}", "[1, 2]", "{a: 1}", "true", "null", "~", "1", "0", "-1", "1e400", ".nan", "on"),
    *("20ns", "[0ns, 20ns]", "64KiB", "full", "auto", "[lock_each_page, {folio_batch: {}}]"),
    *("{throughput: 1%}", "10%", "[[1]]", "'", '"', "*a", "&a [*a]", "!!x 1", "a: b: c", "=1"),
    *("1000s", "[20ns, 0.02us]", "1_0%", "-3 cycles", "[{folio_batch: {folio_order: 99}}]"),
    *("/dev/zero", "../x.yaml", "ivybridge-ex-4s", "random-read", "9" * 40, "[" * 40, "\x1b[31m"),
)


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, bytes]:
    """What is mutated, by name."""
    (tmp_path / "schemes").mkdir()
    found = {name: find("experiments", name).read_bytes() for name in EXPERIMENTS}
    found["machine"] = find("machines", "ivybridge-ex-4s").read_bytes()
    found["table"] = find("published", "fault-around-2014").read_bytes()
    found["curves"] = find("published", "sosp13-synchronization").read_bytes()
    for name in SCHEMES:
        found[name] = (files.PACKAGE / "schemes" / f"{name}.py").read_bytes()
    return found


@quick_and_thorough(st.tuples(st.sampled_from(EXPERIMENTS), EDITS), 40, 8_000)
def _experiments(whole: dict[str, bytes], drawn: Any) -> None:
    """Mutated experiments: all that a dry run does with them."""
    name, edits = drawn
    Path("own.yaml").write_bytes(edited(whole[name], edits))
    loaded = refused_or_done(lambda: Request("own.yaml").load())
    if loaded is not None:
        assert all(label_of(point).isprintable() for point in loaded[1][:100])


test_quick_experiments, test_thorough_experiments = _experiments


@quick_and_thorough(EDITS, 40, 1_500)
def _machines(whole: dict[str, bytes], drawn: Any) -> None:
    """Mutated machine profiles."""
    Path("own.yaml").write_bytes(edited(whole["machine"], drawn))
    refused_or_done(lambda: model.load_machine("own.yaml"))


test_quick_machines, test_thorough_machines = _machines

SETTINGS = st.lists(
    st.tuples(
        st.one_of(st.sampled_from(KEYS), st.text(max_size=12)),
        st.one_of(st.sampled_from(VALUES), st.text(max_size=12)),
        st.sampled_from(["=", "", ":", "=="]),
    ),
    min_size=1,
    max_size=3,
)


@quick_and_thorough(st.tuples(st.sampled_from(EXPERIMENTS), SETTINGS), 80, 2_000)
def _settings(whole: dict[str, bytes], drawn: Any) -> None:
    """`--set` with keys and values of all kinds."""
    name, settings = drawn
    overrides = tuple(f"{key}{sign}{value}" for key, value, sign in settings)
    refused_or_done(lambda: Request(name, overrides).load())


test_quick_settings, test_thorough_settings = _settings


@quick_and_thorough(st.tuples(st.sampled_from(["table", "curves"]), EDITS), 120, 20_000)
def _tables(whole: dict[str, bytes], drawn: Any) -> None:
    """Mutated measured tables: every number that is taken is one that can have been measured."""
    name, edits = drawn
    path = Path("own.csv")
    path.write_bytes(edited(whole[name], edits))
    curves = refused_or_done(lambda: is_table_of_curves(path))
    if curves:
        rows = refused_or_done(lambda: load_curves(path, setup_of(path))) or []
        numbers = [row.value for row in rows]
    else:
        table = refused_or_done(lambda: load_published("own.csv"))
        measured = table.rows.values() if table else ()
        numbers = [value for row in measured for value in row.values.values()]
    assert all(1e-12 <= value <= 1e18 for value in numbers)


test_quick_tables, test_thorough_tables = _tables


@quick_and_thorough(st.tuples(st.sampled_from(SCHEMES), EDITS), 40, 1_000)
def _schemes(whole: dict[str, bytes], drawn: Any) -> None:
    """Mutated schemes: found without being run, then run and assembled."""
    name, edits = drawn
    path = Path("schemes/mine.py")
    path.write_bytes(edited(whole[name], edits))
    files._read.cache_clear()
    files._run.cache_clear()
    if any(token in path.read_bytes() for token in (b"import os", b"exec", b"open(", b"while")):
        return  # what is drawn is read here, in this process
    registry.listed("SLOW_PATH")
    refused_or_done(
        lambda: registry.thread_program(registry.load("mine"), {}, 4, page_cache_changes=True)
    )


test_quick_schemes, test_thorough_schemes = _schemes


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutants of harmless schemes need no process of their own to be tried out in."""
    from dessim.model import python_file

    monkeypatch.setattr(python_file, "_tried", lambda path, changed_ns, then: "")


def test_tokens_are_what_they_should_be() -> None:
    """A token that looks like others attacks nothing new."""
    assert len(set(TOKENS)) == len(TOKENS)


def test_an_endless_loop_is_found() -> None:
    """It would never come to where its time is looked at."""
    with pytest.raises(AssertionError, match=HANGS), ended_after(0.05):
        next(number for number in itertools.count() if number < 0)
