"""Steps on the page cache and on other people's ptes: flags, removal, freezing, BUG_ON."""

import pytest
from helpers import KERNEL_PS, LOCAL_PS, MEMORY_PS, a_lab, a_workload

from dessim.engines.deadlock import why_halted
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    add_to_page_cache,
    bug_on_mapped,
    clear_pte,
    count,
    remove_from_page_cache,
    set_flags,
    set_pte,
    when,
)

YES, NO = count("touches"), count("pte_lost")
TAKEN = {True: "count touches", False: "count pte_lost"}
GOOD = lay.FLAG_UPTODATE | lay.FLAG_OURS


def put(lab, page, word, value):
    """Set a word of a page."""
    lab.w[lab.page_at(page) + word] = value


@pytest.mark.parametrize(
    ("clear", "put_on", "after"),
    [
        (lay.FLAG_READAHEAD, 0, GOOD),
        (0, lay.FLAG_LOCKED, GOOD | lay.FLAG_READAHEAD | lay.FLAG_LOCKED),
        (GOOD, lay.FLAG_UPTODATE, lay.FLAG_UPTODATE | lay.FLAG_READAHEAD),
    ],
)
def test_set_flags_clears_and_sets_for_one_rmw(clear, put_on, after):
    """Some flags go, others come, the rest stays, in one RMW on the page's line."""
    lab = a_lab(set_flags(clear, put_on))
    lab.own_line(0, 2)
    lab.on_page(0, 2)
    lab.flag(2, lay.FLAG_READAHEAD, on=True)
    assert lab.go(0, 0) == LOCAL_PS["rmw"]
    assert lab.page(2, lay.P_FLAGS) == after


def test_clear_pte_unmaps_the_cursors_page_and_counts_nothing_on_the_page():
    """Clearing exchanges one pte; mapcount and references are separate steps."""
    lab = a_lab(set_pte(), set_pte(), clear_pte())
    for page in (4, 5):
        lab.on_page(0, page)
        now = lab.go(0, 0)
    assert lab.go(0, now) == now + LOCAL_PS["rmw"] + KERNEL_PS["clear_pte"]
    assert (lab.mapped(0, 4), lab.mapped(0, 5)) == (True, False)
    assert lab.counter("ptes_cleared") == 1
    assert (lab.page(5, lay.P_MAPCOUNT), lab.page(5, lay.P_REFCOUNT)) == (0, 1)


def test_clear_pte_in_shared_tables_fetches_the_line_of_the_ptes():
    """Where others use the page tables, the exchange brings the pte's line."""
    lab = a_lab(clear_pte(), threads=2, workload=a_workload(mapping="shared"))
    assert lab.go(0, 0) == MEMORY_PS["local_ps"] + KERNEL_PS["clear_pte"]


def test_add_to_cache_makes_a_locked_page_that_is_not_uptodate():
    """A new page is ours, locked, not uptodate, and referenced by page cache and device."""
    lab = a_lab(add_to_page_cache())
    put(lab, 0, lay.P_FLAGS, lay.FLAG_UPTODATE)
    put(lab, 0, lay.P_REFCOUNT, 0)
    assert lab.go(0, 0) == KERNEL_PS["add_to_page_cache"]
    assert lab.page(0, lay.P_FLAGS) == lay.FLAG_LOCKED | lay.FLAG_OURS
    assert lab.page(0, lay.P_REFCOUNT) == 2


def test_remove_forgets_the_mapping_and_keeps_flags_and_references():
    """Removal empties slot and mapping; the page cache's reference is dropped by its own step."""
    lab = a_lab(remove_from_page_cache())
    lab.flag(0, lay.FLAG_LOCKED, on=True)
    assert lab.go(0, 0) == KERNEL_PS["remove_from_page_cache"]
    assert lab.page(0, lay.P_FLAGS) == lay.FLAG_LOCKED | lay.FLAG_UPTODATE
    assert (lab.page(0, lay.P_REFCOUNT), lab.counter("pages_removed")) == (1, 1)


@pytest.mark.parametrize("which", ["bug1", "bug2"])
@pytest.mark.parametrize("mapcount", [0, 1, 3])
def test_bug_on_counts_a_mapped_page_and_goes_on(which, mapcount):
    """BUG_ON reads the mapcount for one load; a mapped page is counted under its name."""
    lab = a_lab(bug_on_mapped(which))
    lab.own_line(0, 0)
    put(lab, 0, lay.P_MAPCOUNT, mapcount)
    assert lab.go(0, 7) == 7 + LOCAL_PS["load"]
    found = {name: lab.counter(name) for name in ("bug1", "bug2") if lab.counter(name)}
    assert found == ({which: 1} if mapcount else {})
    assert lab.place(0) == "stop"


@pytest.mark.parametrize("mapcount", [0, 1])
def test_bug_on_that_is_fatal_halts_the_run(mapcount):
    """A fatal BUG_ON on a mapped page halts, and tells who met it, where and when."""
    lab = a_lab(bug_on_mapped("bug2", fatal=True), threads=2)
    lab.own_line(1, 3)
    lab.on_page(1, 3)
    put(lab, 3, lay.P_MAPCOUNT, mapcount)
    end = lab.go(1, 7)
    if mapcount == 0:
        assert (end, lab.place(1)) == (7 + LOCAL_PS["load"], "stop")
        return
    assert end == lay.HALTED
    at = (7 + LOCAL_PS["load"]) / 1e6
    assert str(why_halted(lab.w)) == f"kernel BUG2 at {at:.6f} us: task 1 found page 3 still mapped"


def test_bug_on_remembers_the_time_of_the_first():
    """The first BUG of a run has its time noted; later ones do not move it."""
    lab = a_lab(bug_on_mapped("bug2"), bug_on_mapped("bug1"))
    lab.own_line(0, 0)
    put(lab, 0, lay.P_MAPCOUNT, 1)
    now = lab.go(0, 50)
    lab.go(0, now)
    assert lab.w[lay.H_BUG_AT] == now + 1


@pytest.mark.parametrize("flags", [GOOD, lay.FLAG_OURS, lay.FLAG_UPTODATE, 0])
def test_when_cached_asks_the_tree_and_not_the_page(flags):
    """Whether a slot holds a page is free to ask: the walk is paid apart, the line not touched."""
    lab = a_lab(when("page.cached", YES, otherwise=(NO,)))
    put(lab, 0, lay.P_FLAGS, flags)
    assert lab.go(0, 9) == 9
    assert lab.place(0) == TAKEN[bool(flags & lay.FLAG_OURS)]


@pytest.mark.parametrize(
    ("flags", "references", "free"),
    [(lay.FLAG_UPTODATE, 0, True), (lay.FLAG_UPTODATE, 1, False), (GOOD, 0, False), (0, 0, True)],
)
def test_when_frame_free_needs_an_empty_slot_and_no_reference(flags, references, free):
    """A page can be read anew when it is neither in the cache nor still held by anybody."""
    lab = a_lab(when("page.frame_free", YES, otherwise=(NO,)))
    put(lab, 0, lay.P_FLAGS, flags)
    put(lab, 0, lay.P_REFCOUNT, references)
    assert lab.go(0, 9) == 9
    assert lab.place(0) == TAKEN[free]


@pytest.mark.parametrize("mapcount", [0, 1, 2])
def test_when_mapped_reads_the_mapcount(mapcount):
    """A page is mapped if its mapcount says so: one load of its line."""
    lab = a_lab(when("page.mapped", YES, otherwise=(NO,)))
    lab.own_line(0, 0)
    put(lab, 0, lay.P_MAPCOUNT, mapcount)
    assert lab.go(0, 0) == LOCAL_PS["load"]
    assert lab.place(0) == TAKEN[mapcount > 0]


@pytest.mark.parametrize("references", [1, 2, 3])
def test_when_frozen_takes_exactly_two_references_or_none(references):
    """Freezing succeeds only from two references, which are gone then; it is one RMW either way."""
    lab = a_lab(when("page.frozen", YES, otherwise=(NO,)))
    lab.own_line(0, 0)
    put(lab, 0, lay.P_REFCOUNT, references)
    assert lab.go(0, 0) == LOCAL_PS["rmw"]
    assert lab.place(0) == TAKEN[references == 2]
    assert lab.page(0, lay.P_REFCOUNT) == (0 if references == 2 else references)
