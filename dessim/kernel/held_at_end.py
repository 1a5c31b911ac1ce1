"""LockRecords that somebody has, or wants, when the last task has ended.

A program that keeps a lock on a path that its assembler's walk does not see (`balance`) takes its
own time and nobody else's as long as nobody wants that lock: numbers would look plausible.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dessim.kernel import layout as lay
from dessim.kernel.exec_invariants import files_of
from dessim.kernel.layout import World
from dessim.kernel.operands import NAMES_OF_LOCKS
from dessim.kernel.ops import OPERATIONS

TAKE = (lay.TAKES_LOCK, lay.DOWNGRADES_LOCK)


class LockRecords(NamedTuple):
    """Lock records of one kind.

    Attributes
    ----------
    which : int
        As steps name it.
    owner : str
        What each of them belongs to; its number follows. Empty if there is only one.
    places : sequence of int
        Where the records begin.
    """

    which: int
    owner: str
    places: range | list[int]


def still_held(w: World) -> str:
    """Return which lock is held or waited for, by which steps it is taken; nothing if none is."""
    for kind in _kinds(w):
        for number, place in _in_use(w, kind.places):
            hold = int(w[place + lay.K_HOLD])
            how = (
                "a writer" if hold < 0 else f"{hold} readers" if hold else "nobody, and waited for"
            )
            whose = f" of {kind.owner} {number}" if kind.owner else ""
            names = dict.fromkeys(n for (one, _), n in NAMES_OF_LOCKS.items() if one == kind.which)
            name = next(iter(names), f"lock {kind.which}")
            return f"{name}{whose} is held by {how} at the end: {_taken_by(w, kind.which)}"
    for name, sem in _rwsems(w):
        if w[sem + lay.R_SPINS] or w[sem + lay.R_TRIES] or w[sem + lay.R_AWAKE]:
            return f"somebody spins on {name} at the end, or was woken for it"
    return ""


def _in_use(w: World, places: range | list[int]) -> Iterator[tuple[int, int]]:
    """Yield number and place of the records that somebody has or wants."""
    if isinstance(places, range) and len(places):
        rows = np.asarray(w[places.start : places.start + len(places) * places.step])
        rows = rows.reshape(-1, places.step)[:, [lay.K_HOLD, lay.K_HEAD]]
        for number in np.flatnonzero(rows.any(axis=1)).tolist():
            yield number, places[number]
        return
    for number, place in enumerate(places):
        if w[place + lay.K_HOLD] or w[place + lay.K_HEAD]:
            yield number, place


def _kinds(w: World) -> Iterator[LockRecords]:
    """Yield all locks that a run has."""
    line = int(w[lay.H_LINE_WORDS])
    file = int(w[lay.H_FILE])
    yield LockRecords(lay.LOCK_FREE_STANDING, "", [int(w[lay.H_LOCK])])
    yield LockRecords(lay.LOCK_I_MMAP, "", [file])
    yield LockRecords(lay.LOCK_TREE, "", [file + line])
    yield LockRecords(lay.LOCK_FILE, "file", files_of(w))
    mms = [mm + lay.MM_LOCKS for mm in _mms(w)]
    for which in (lay.LOCK_MMAP, lay.LOCK_PAGE_TABLE, lay.LOCK_PTL):
        yield LockRecords(which, "mm", [mm + which * line for mm in mms])
    count = int(w[lay.H_MAPPINGS])
    first = int(w[lay.H_MAPPING])
    mappings = [first + i * lay.M_WORDS for i in range(count)]
    yield LockRecords(
        lay.LOCK_VMA, "region", sorted({int(w[m + lay.M_VMA_LOCK]) for m in mappings})
    )
    if w[lay.H_SPLIT_PTL] and count:
        tables, words = int(w[first + lay.M_TABLE]), int(w[lay.H_TABLE_WORDS])
        number = count * int(w[lay.H_TABLES])
        yield LockRecords(lay.LOCK_PTL, "page table", range(tables, tables + number * words, words))
    if w[lay.H_SPLIT_PMD]:
        yield LockRecords(lay.LOCK_PAGE_TABLE, "PMD page", _pmd_locks(w, mappings))
    if w[lay.H_ZONE]:
        nodes = [int(w[lay.H_ZONE] + i * w[lay.H_ZONE_WORDS]) for i in range(w[lay.H_SOCKETS])]
        for which in (lay.LOCK_ZONE, lay.LOCK_LRU):
            yield LockRecords(
                which, "node", [node + (which - lay.LOCK_ZONE) * line for node in nodes]
            )


def _pmd_locks(w: World, mappings: list[int]) -> list[int]:
    found: set[int] = set()
    for mapping in mappings:
        tables = int(w[mapping + lay.M_PMD_FIRST]) + int(w[lay.H_TABLES])
        locks = -(-tables >> int(w[lay.H_TABLE_SHIFT]))
        first, line = int(w[mapping + lay.M_PMD]), int(w[lay.H_LINE_WORDS])
        found.update(range(first, first + locks * line, line))
    return sorted(found)


def _rwsems(w: World) -> Iterator[tuple[str, int]]:
    """Yield what locks that may be rwsems know besides their records (R_*)."""
    for mm in _mms(w):
        yield "mmap_lock", mm + lay.MM_RWSEM
    for file in files_of(w):
        yield "i_mmap_rwsem", file + int(w[lay.H_LINE_WORDS]) + lay.O_RWSEM


def _mms(w: World) -> list[int]:
    """Return where the record of each mm begins."""
    tasks = (int(w[lay.H_TASK]) + i * lay.T_WORDS for i in range(int(w[lay.H_TASKS])))
    return sorted({int(w[t + lay.T_MM]) for t in tasks})


def _taken_by(w: World, which: int) -> str:
    """Return the steps that take a lock, in words."""
    found = []
    first, stop = int(w[lay.H_PROG]), int(w[lay.H_CPU])
    for step, i in enumerate(range(first, stop - lay.I_WORDS + 1, lay.I_WORDS)):
        row = OPERATIONS[int(w[i + lay.I_OP])]
        if row.locking in TAKE and int(w[i + lay.I_A]) == which:
            found.append(
                f"{step} ({row.name} {NAMES_OF_LOCKS.get((which, int(w[i + lay.I_B])), '')})"
            )
    if not found:
        return "no step takes it"
    return f"step{'s' * (len(found) > 1)} {', '.join(found[:4])}{', …' * (len(found) > 4)} take it"
