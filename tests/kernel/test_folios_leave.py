"""Folios of a file leave the page cache, and come back, as a whole."""

import pytest
from helpers import DEVICE, a_lab, a_machine, a_workload

from dessim import registry
from dessim.engines import run_setup
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    Step,
    add_to_page_cache,
    bug_on_mapped,
    count,
    each_in_range,
    remove_from_page_cache,
    shootdown,
    when,
)
from dessim.kernel.setup import ActorSetup, Setup
from dessim.kernel.world import build_world
from dessim.model.workload import ActorChoice

ORDER, PAGES = 2, 22  # the last folio has two pages
SEEN = count("touches")


def flags_of(lab):
    """Return which pages are in the page cache."""
    return [lab.page(page, lay.P_FLAGS) & lay.FLAG_OURS != 0 for page in range(8)]


def test_a_folio_is_removed_and_added_as_a_whole():
    """All its slots become empty, or are filled; the head has lock and references."""
    lab = a_lab(remove_from_page_cache(), add_to_page_cache(), folio_order=ORDER)
    lab.on_page(0, 4)
    lab.go(0, 0)
    assert flags_of(lab) == [True] * 4 + [False] * 4
    assert lab.counter("pages_removed") == 4
    before = lab.page(4, lay.P_REFCOUNT)
    lab.go(0, 10**9)
    assert flags_of(lab) == [True] * 8
    assert lab.page(4, lay.P_REFCOUNT) == before + 2
    locked = [lab.page(page, lay.P_FLAGS) & lay.FLAG_LOCKED != 0 for page in range(4, 8)]
    assert locked == [True, False, False, False]


@pytest.mark.parametrize(("mapped", "holds"), [(4, True), (6, True), (3, False), (8, False)])
def test_a_folio_is_mapped_if_any_of_its_pages_is(mapped, holds):
    """folio_mapped(); so BUG_ON fires for a tail, too."""
    lab = a_lab(when("page.mapped", SEEN), bug_on_mapped("bug1"), folio_order=ORDER)
    lab.w[lab.page_at(mapped) + lay.P_MAPCOUNT] = 1
    lab.on_page(0, 4)
    while lab.place(0) != "stop":
        lab.go(0, 0)
    assert lab.counter("touches") == lab.counter("bug1") == holds


def test_a_range_is_one_of_whole_folios():
    """Five pages are two folios; the loop goes from head to head."""
    workload = a_workload(pages=8)
    lab = a_lab(Step("pick_range"), each_in_range(SEEN), folio_order=ORDER, workload=workload)
    lab.put(0, lay.T_RANGE, 5)
    heads = []
    while lab.place(0) != "stop":
        if lab.place(0) == "count touches":
            heads.append(lab.get(0, lay.T_CURSOR))
        lab.go(0, 0)
    assert heads == [0, 4]


def test_a_flush_of_a_folio_is_one():
    """All its pages are flushed by one shootdown."""
    machine = a_machine(tlb={"l1_entries": 8, "l1_ways": 2, "l2_entries": 16, "l2_ways": 2})
    lab = a_lab(shootdown(folio=True), folio_order=ORDER, machine=machine)
    lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
    lab.on_page(0, 4)
    lab.go(0, 0)
    assert lab.counter("shootdowns") == 1


def setup_of(scheme, actor, order, *, readahead=0, cached_ppm=1_000_000, threads=4):
    """Return threads that read a file in folios, whose pages somebody takes away."""
    choice = ActorChoice(name=actor, every_ps=3_000_000, range_pages=8)
    workload = a_workload(
        pages=PAGES,
        mapping="per_process",
        cached_ppm=cached_ppm,
        readahead_pages=readahead,
        actors=(choice,),
    )
    program = registry.thread_program(
        registry.load(scheme),
        {},
        order,
        page_cache_changes=True,
        reads_ahead=readahead > 0,
        large_folios=True,
    )
    steps = registry.program_of_actor(
        registry.load_actor(actor), {}, "vma_lock", counts_tables=True, large_folios=True
    )
    actors = (ActorSetup(steps, choice.every_ps, choice.range_pages),)
    machine = a_machine(device=DEVICE)
    return Setup(machine, workload, program, threads, order, None, 1, 0, actors, ORDER)


@pytest.mark.parametrize("actor", ["invalidate_range", "truncate", "reclaim", "munmap"])
@pytest.mark.parametrize("scheme", ["linux_6_12", "linux_6_18"])
def test_counts_of_folios_stay_in_order(scheme, actor):
    """The reference engine checks counts, ptes and page cache after each event."""
    run = run_setup(setup_of(scheme, actor, 2), engine="reference")
    assert run.counters["invalidations"] > 5
    removed = run.counters["pages_removed"]
    assert (removed > 0) == (actor != "munmap")
    assert run.counters["bug1"] == run.counters["bug2"] == 0


@pytest.mark.parametrize("order", [0, 3])
def test_what_is_missing_is_read_folio_by_folio(order):
    """Nothing is cached at first: each read brings a folio, with readahead the ones behind it."""
    run = run_setup(
        setup_of("linux", "munmap", order, readahead=8, cached_ppm=0), engine="reference"
    )
    assert run.counters["pages_read"] == PAGES
    assert run.counters["major_faults"] <= 6


def test_folios_are_missing_as_a_whole():
    """A draw is one of a folio, not of a page."""
    setup = setup_of("linux", "reclaim", 2, cached_ppm=500_000)
    w = build_world(setup)
    base, words = int(w[lay.H_PAGE]), int(w[lay.H_PAGE_WORDS])
    ours = [int(w[base + page * words + lay.P_FLAGS]) & lay.FLAG_OURS for page in range(20)]
    assert all(len(set(ours[head : head + 4])) == 1 for head in range(0, 20, 4))
    assert len(set(ours)) == 2
