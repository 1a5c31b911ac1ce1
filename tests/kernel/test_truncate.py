"""Truncation in time: which locks its walks take, what they clear, what the options leave out."""

import pytest
from helpers import TLB, Lab, a_lab, a_machine, a_workload

from dessim.actors.truncate import UNMAP_RANGE
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.registry import load_actor, program_of_actor

PAGES = 600  # two page tables


def walking(*mapped: int, threads: int = 2, tables: bool = True) -> Lab:
    """Return a lab of processes, of which the first walks over the whole file."""
    lab = a_lab(
        Step("pick_range"),
        *UNMAP_RANGE,
        threads=threads,
        machine=a_machine(tlb=TLB),
        workload=a_workload(pages=PAGES, mapping="per_process"),
    )
    lab.put(0, lay.T_RANGE, PAGES)
    for task in range(threads):
        for number in range(2):
            table = lab.get(task, lay.T_TABLE) + number * lab.w[lay.H_TABLE_WORDS]
            lab.w[table + lab.w[lay.H_LINE_WORDS] + lay.D_POPULATED] = int(tables)
        for page in mapped:
            lab.w[lab.get(task, lay.T_PTE) + page // lay.PTE_BITS] |= 1 << page % lay.PTE_BITS
            lab.w[lab.page_at(page) + lay.P_MAPCOUNT] += 1
            lab.w[lab.page_at(page) + lay.P_REFCOUNT] += 1
    return lab


def steps_of(lab: Lab) -> list[str]:
    """Let the first task go to its end; return its steps."""
    seen, now = [], 0
    while lab.place(0) != "stop":
        seen.append(lab.place(0))
        now = lab.go(0, now)
    return seen


def times(seen: list[str], step: str) -> int:
    """Return how often a step was made."""
    return sum(step == one for one in seen)


def test_a_walk_takes_every_page_table_lock_though_nothing_is_mapped():
    """Two mappings of two page tables each: four locks, once each, under one i_mmap_mutex."""
    seen = steps_of(walking())
    assert (times(seen, "lock i_mmap_mutex"), times(seen, "unlock i_mmap_mutex")) == (1, 1)
    assert (times(seen, "lock ptl"), times(seen, "unlock ptl")) == (4, 4)


def test_a_walk_passes_over_page_tables_that_are_missing():
    """What has no page table has no pte, and no lock."""
    seen = steps_of(walking(tables=False))
    assert (times(seen, "lock i_mmap_mutex"), times(seen, "lock ptl")) == (1, 0)


def test_a_walk_clears_what_is_mapped_whether_or_not_it_is_still_in_the_page_cache():
    """Neither the page's mapping nor its count is asked: ptes are what it looks at."""
    lab = walking(3, 599)
    lab.flag(599, lay.FLAG_OURS, False)
    steps_of(lab)
    for page in (3, 599):
        assert [lab.mapped(task, page) for task in (0, 1)] == [False, False]
        assert (lab.page(page, lay.P_MAPCOUNT), lab.page(page, lay.P_REFCOUNT)) == (0, 1)
    assert (lab.counter("ptes_cleared"), lab.counter("unmaps")) == (4, 1)


def test_references_are_dropped_after_the_flush_and_without_the_page_table_lock():
    """zap_pte_range: ptes and counts under the lock, then the flush, then the pages."""
    seen = steps_of(walking(3, threads=1))
    wanted = ("page.mapcount - 1", "unlock ptl", "flush table", "page.refcount - 1")
    order = [seen.index(step) for step in wanted]
    assert order == sorted(order)


@pytest.mark.parametrize(("options", "walks"), [({}, 2), ({"punch_hole": True}, 1)])
def test_a_truncation_walks_before_and_after_and_a_hole_before_only(options, walks):
    """Outside of the loops over pages there are two walks over the range, or one."""
    program = program_of_actor(load_actor("truncate"), options)
    assert program.listing.count("flush table") == walks


@pytest.mark.parametrize(("walk", "tests"), [("if_mapped", 2), ("every_table", 0)])
def test_the_option_walk_takes_the_look_at_the_count_away(walk, tests):
    """Two passes over the pages, each with its look; an unconditional walk does not look."""
    listing = program_of_actor(load_actor("truncate"), {"walk": walk}).listing
    assert listing.count("when mapped") == tests
