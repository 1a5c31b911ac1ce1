"""What an unmap gathers before it flushes translations: limits of an mmu_gather, delayed rmap."""

import pytest
from helpers import TLB, a_machine, a_workload
from memory_labs import NO, YES, memory, run

from dessim import registry
from dessim.engines import run_setup
from dessim.kernel import layout as lay
from dessim.kernel.memory import _gathered
from dessim.kernel.memory_words import when_gather_full, when_gathered
from dessim.kernel.setup import Batches, Setup
from dessim.study.sweep.plan import features_of

TABLE = lay.TABLE_PAGES


def a_gather(step, gathered, limit=1000):
    """Return where a task goes on behind a question about its gather."""
    lab = memory(step, NO)
    lab.w[lay.H_GATHER] = limit
    lab.put(0, lay.T_GATHERED, gathered)
    assert run(lab) == 0
    return lab.place(0)


def test_gather_full_if_one_more_table_does_not_fit():
    """tlb_next_batch fails: asked for a whole table's pages at once."""
    assert a_gather(when_gather_full(YES), 1000 - TABLE) == "count pte_lost"
    assert a_gather(when_gather_full(YES), 1000 - TABLE + 1) == "count touches"


def test_anything_gathered_has_to_be_flushed():
    """The last flush is left out if the one before took everything."""
    assert a_gather(when_gathered(YES), 0) == "count pte_lost"
    assert a_gather(when_gathered(YES), 1) == "count touches"


def a_setup(
    scheme="linux_6_17", *, fault="anonymous", pages=3 * TABLE, order=0, chosen=None, **batches
):
    """Return a run of one process that writes to its region once, and unmaps it."""
    machine = a_machine(tlb=TLB)
    more = {"anon_order": order, "memcg_depth": 1} if fault == "anonymous" else {}
    workload = a_workload(pages, fault=fault, file="own", mapping="per_process", sweeps=1, **more)
    found = registry.load(scheme)
    chosen = chosen or {}
    program = registry.thread_program(found, chosen, 0, **dict(features_of(workload, machine)))
    of_kernel = Batches.among(dict(found.options) | chosen | batches)
    return Setup(machine, workload, program, 1, 0, None, 1, 0, batches=of_kernel)


@pytest.mark.parametrize(
    ("order", "batched", "frames"), [(0, 0, 9698), (0, 1, 9698), (2, 0, 2424), (2, 1, 4849)]
)
def test_a_folio_takes_an_entry_for_each_page_or_two(order, batched, frames):
    """From 6.9 on a folio that is unmapped in one go has an entry, and its number of pages one."""
    assert _gathered(a_setup(order=order, folio_batches=batched)) == frames


@pytest.mark.parametrize(
    ("limit", "flushes"),
    [(9698, 1), (3 * TABLE, 1), (3 * TABLE - 1, 2), (2 * TABLE - 1, 3), (1, 3)],
)
@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_full_gather_is_flushed_and_freed_before_the_next_table(limit, flushes, engine):
    """Three page tables of pages: one flush for all of them, or one each time there is no room."""
    found = run_setup(a_setup(gather_max=limit), engine)
    assert found.counters["shootdowns"] == flushes
    assert found.counters["ptes_cleared"] == 3 * TABLE


@pytest.mark.parametrize(("scheme", "delays"), [("linux_6_1", False), ("linux_6_6", True)])
def test_counts_of_mappings_fall_after_the_flush_from_6_2_on(scheme, delays):
    """5df397dec7c4: both are under the page table's lock, and pages are freed behind it."""
    listing = a_setup(scheme, fault="write_shared", pages=16).program.listing
    flush, falls = listing.index("flush table"), listing.index("page.mapcount - 1")
    drops = listing.index("unlock ptl", flush)
    puts = listing.index("page.refcount - 1", flush)
    assert flush < drops < puts
    assert falls < drops
    assert (falls > flush) == delays


@pytest.mark.parametrize(("batch", "flushes"), [(0, 1), (64, 1), (20, 1), (8, 3), (7, 3), (1, 20)])
@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_written_pages_are_flushed_after_each_run_of_them(batch, flushes, engine):
    """5df397dec7c4 had room for 8 pages whose counts fall behind the flush; all go in the end."""
    setup = a_setup(
        "linux_6_1",
        fault="write_shared",
        pages=20,
        chosen={"rmap_batch": batch, "delay_rmap": True},
    )
    found = run_setup(setup, engine)
    assert found.counters["shootdowns"] == flushes
    assert found.counters["ptes_cleared"] == 20
    assert found.counters["tables_freed"] == 1


def test_a_run_is_flushed_and_put_before_the_next_and_tables_are_freed_at_last():
    """The page table's lock is dropped after each run, whose pages are put then."""
    changes = {"rmap_batch": 8, "delay_rmap": True}
    listing = a_setup("linux_6_1", fault="write_shared", pages=16, chosen=changes).program.listing
    flush = listing.index("flush table")
    drops, puts = listing.index("unlock ptl", flush), listing.index("page.refcount - 1", flush)
    falls = listing.index("page.mapcount - 1")
    assert flush < falls < drops < puts < listing.index("next table") < listing.index("free table")
    assert listing.count("next table") == 2


def test_runs_of_pages_end_with_their_page_table():
    """The last run of a page table is shorter where its pages do not divide by a run's."""
    changes = {"rmap_batch": 500, "delay_rmap": True}
    setup = a_setup("linux_6_1", fault="write_shared", pages=2 * TABLE, chosen=changes)
    found = run_setup(setup, "compiled")
    assert found.counters["shootdowns"] == 4
    assert found.counters["ptes_cleared"] == 2 * TABLE
