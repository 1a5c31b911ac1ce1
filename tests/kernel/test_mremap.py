"""Runs in which tasks move their regions: what is locked, flushed and counted."""

import pytest
from whole_runs import assert_engines_agree, counter, ran, writing_setup

from dessim.kernel import layout as lay
from dessim.kernel.memory_invariants import check_memory_at_rest

TABLE = 512
FLUSHES = ("flush what was moved", "flush the table's range")


def moves(column="linux_6_12", threads=1, pages=2 * TABLE, **more):
    """Return a run in which tasks move regions of two tables twice after each of two sweeps."""
    values = {"mapping": "per_thread", "after_sweep": "mremap", "sweeps": 2, "calls": 2}
    return writing_setup(column, threads, pages, **values | more)


@pytest.mark.parametrize(("kind", "tables"), [("tables", 8), ("ptes", 0)])
def test_a_region_is_moved_table_by_table_or_pte_by_pte(kind, tables):
    """Two tables, two moves, two sweeps; then each sweep ends with munmap, and all faults again."""
    w = ran(moves(moves=kind))
    assert counter(w, "moves") == 4
    assert counter(w, "tables_moved") == tables
    assert counter(w, "unmaps") == 2
    assert counter(w, "minor_faults") == 2 * 2 * TABLE
    record = w[lay.H_HIST] + (lay.N_FAULT_RECORDS + lay.CALL_REGION) * lay.Y_WORDS
    assert w[record + lay.Y_COUNT] == 4
    check_memory_at_rest(w)


@pytest.mark.parametrize("kind", ["tables", "ptes"])
@pytest.mark.parametrize(
    "more",
    [{"mapping": "per_process"}, {}, {"vmas": "merged"}, {"anon_order": 3}],
    ids=["processes", "threads", "merged", "folios"],
)
@pytest.mark.parametrize("column", ["linux_5_15", "linux_6_18"])
def test_engines_agree_on_moves(column, more, kind):
    """Word by word at the end."""
    assert_engines_agree(moves(column, threads=3, pages=TABLE + 8, moves=kind, **more))


def test_mremap_holds_mmap_lock_for_writing_from_beginning_to_end():
    """Munmap goes on as a reader: one downgrade in the program, that of munmap."""
    listing = moves().program.listing
    assert listing.count("downgrade mmap_lock_write") == 1
    first = listing.index("lock mmap_lock_write")
    end = listing.index("unlock mmap_lock_write")
    assert first < listing.index("move table") < end
    assert listing.index("flush the table's range") < end


@pytest.mark.parametrize(("kind", "lock"), [("tables", "page_table_lock"), ("ptes", "ptl")])
def test_translations_are_flushed_under_the_lock_of_what_was_moved(kind, lock):
    """Who could use the old ones must not see the new ones before."""
    listing = moves(moves=kind).program.listing
    flush = next(i for i, line in enumerate(listing) if line in FLUSHES)
    taken = max(i for i in range(flush) if listing[i] == f"lock {lock}")
    dropped = listing.index(f"unlock {lock}", flush)
    assert not any(listing[i] == f"unlock {lock}" for i in range(taken, flush))
    assert taken < flush < dropped
