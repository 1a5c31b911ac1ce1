"""Locks that are held, or wanted, at the end of a run: an error that names lock and steps."""

import pytest
from helpers import a_machine, a_workload
from memory_labs import memory

from dessim.engines import compiled, reference, run_setup
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import get_page, lock
from dessim.kernel.assembler import assemble
from dessim.kernel.exec_invariants import files_of
from dessim.kernel.held_at_end import still_held
from dessim.kernel.operands import LOCKS
from dessim.kernel.result import InvariantError, check_at_rest
from dessim.kernel.setup import Setup
from dessim.kernel.world import build_world
from dessim.registry.programs import whole_life
from dessim.schemes.no_fault_around import SLOW_PATH

OPTIONS = (
    *("page_cache_changes", "reads_ahead", "unmaps", "counts_tables", "vma_cache_of_mm"),
    *("maps_file", "vma_locks", "second_attempts", "replays", "large_folios"),
)


def faulty(*steps, split=True):
    """Return a run whose only fault ends with some more steps, which nobody has checked."""
    program = assemble(whole_life((), (*SLOW_PATH, *steps)), dict.fromkeys(OPTIONS, False))
    machine = a_machine(locks={"split_page_table_locks": split})
    return Setup(machine, a_workload(1, mapping="shared"), program, 1, 0, None, 1, 0)


def ended(setup, engine):
    """Run to the end, and check what is left; locks of page tables are taken by one thread, too."""
    w = build_world(setup)
    t = w[lay.H_TASK]
    w[t + lay.T_OWN_TABLES] = 0
    w = w.tolist() if engine is reference else w
    engine.run(w)
    check_at_rest(w)


@pytest.mark.parametrize("engine", [reference, compiled])
@pytest.mark.parametrize("split", [True, False])
@pytest.mark.parametrize("name", ["vma_lock", "vma_lock_write", "ptl", "tree_lock", "i_mmap_read"])
def test_a_lock_that_a_program_keeps_is_named_with_its_step(name, split, engine):
    """Nobody else wants it: the run ends, and its numbers would look plausible."""
    with pytest.raises(InvariantError, match=f" at the end: .*steps? .*lock {name}.* takes? it"):
        ended(faulty(lock(name), split=split), engine)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_reference_that_a_program_keeps_is_named_with_its_page(engine):
    """As for locks."""
    with pytest.raises(InvariantError, match="page 0 at the end: mapcount 0, refcount 2"):
        run_setup(faulty(get_page()), engine)


def every_lock(w):
    """Return where each lock of a World lies: name, number, place."""
    line, t = w[lay.H_LINE_WORDS], w[lay.H_TASK]
    mm, mapping = w[t + lay.T_MM], w[t + lay.T_MAPPING]
    found = {
        "lock": w[lay.H_LOCK],
        "i_mmap_mutex": w[lay.H_FILE],
        "tree_lock": w[lay.H_FILE] + line,
        "mmap_lock": mm + lay.MM_LOCKS,
        "vma_lock of region": w[mapping + lay.M_VMA_LOCK],
    }
    if w[lay.H_SPLIT_PTL]:
        found["ptl of page table 0"] = w[mapping + lay.M_TABLE]
        last = (w[lay.H_TABLES] - 1) * w[lay.H_TABLE_WORDS]
        found[f"ptl of page table {w[lay.H_TABLES] - 1}"] = w[mapping + lay.M_TABLE] + last
    for node in range(w[lay.H_SOCKETS]):
        zone = w[lay.H_ZONE] + node * w[lay.H_ZONE_WORDS]
        found[f"zone_lock of node {node}"] = zone
        found[f"lru_lock of node {node}"] = zone + line
    return found


def test_every_lock_is_looked_at():
    """Held by a writer, by readers, or waited for: each kind, and each one of a kind."""
    w = memory(lock("ptl"), pages=2000).w
    assert still_held(w) == ""
    for name, place in every_lock(w).items():
        for word, value, how in (
            (lay.K_HOLD, -1, "a writer"),
            (lay.K_HOLD, 2, "2 readers"),
            (lay.K_HEAD, 1, "nobody, and waited for"),
        ):
            w[place + word] = value
            assert still_held(w).startswith(name), name
            assert f" is held by {how} at the end: " in still_held(w)
            with pytest.raises(InvariantError):
                check_at_rest(w)
            w[place + word] = 0
    assert {LOCKS[name.split()[0]].which for name in every_lock(w)} >= {
        *range(lay.LOCK_LRU + 1)
    } - {lay.LOCK_PAGE_TABLE}


def test_the_lock_of_every_file_that_execs_map_is_looked_at():
    """And who spins on it, tries to take it, or was woken to try."""
    w = memory(lock("i_mmap_rwsem"), workload={"after_sweep": "exec", "exec_files": 3}).w
    assert still_held(w) == ""
    for number, place in enumerate(files_of(w)):
        w[place + lay.K_HOLD] = -1
        assert still_held(w).startswith(f"i_mmap_rwsem of file {number} is held by a writer at")
        assert "lock i_mmap_rwsem) take it" in still_held(w)
        w[place + lay.K_HOLD] = 0
        for word in (lay.R_SPINS, lay.R_TRIES, lay.R_AWAKE):
            sem = place + w[lay.H_LINE_WORDS] + lay.O_RWSEM
            w[sem + word] = 1
            assert still_held(w).startswith("somebody spins on i_mmap_rwsem at the end")
            w[sem + word] = 0
    assert number == 2
