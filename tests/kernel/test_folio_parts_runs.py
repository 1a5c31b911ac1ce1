"""Runs in which MADV_DONTNEED leaves parts of folios: memory adds up, engines agree."""

import itertools

import pytest
from memory_labs import HALVES
from whole_runs import assert_engines_agree, counter, ran, writing_setup

from dessim.engines.reference import Reference
from dessim.kernel.memory_invariants import check_lists, check_memory_at_rest
from dessim.kernel.steps import advance
from dessim.kernel.world import build_world
from dessim.model.workload import PAGE_BYTES

EVERY = 101  # events from one look at all frames to the next
CASES = {
    "half of the region": {"dropped_ppm": 500_000},
    "half of each folio": HALVES,
    "all, page by page": {"drop_every_bytes": PAGE_BYTES},
    "half of each folio, which is split": HALVES | {"split_folios": True},
    "a part of some folios, which are split": {
        "dropped_ppm": 700_000,
        "drop_every_bytes": 8 * PAGE_BYTES,
        "split_folios": True,
    },
    "to the middle of a folio": {"dropped_ppm": 700_000, "drop_every_bytes": 8 * PAGE_BYTES},
}


def drops(column="linux_6_12", threads=2, pages=16, memcg=3, **more):
    """Return a run in which tasks drop parts of their regions, in folios of four pages."""
    values = {"mapping": "per_process", "sweeps": 3, "after_sweep": "dontneed", "anon_order": 2}
    small = {"pcp_batch": 7, "pcp_high": 14, "pcp_high_max": 28, "lru_release": 3}
    return writing_setup(column, threads, pages, small, memcg_depth=memcg, **values | more)


@pytest.mark.parametrize("memcg", [0, 3])
@pytest.mark.parametrize("column", ["linux_6_6", "linux_6_18"])
@pytest.mark.parametrize("case", CASES)
def test_memory_adds_up_after_every_event(case, column, memcg):
    """Each frame is in one place; all of it is free at the end."""
    w = build_world(drops(column, memcg=memcg, **CASES[case])).tolist()
    events = itertools.count()

    def checked(w, task, now):
        then = advance(w, task, now)
        if next(events) % EVERY == 0:
            check_lists(w)
        return then

    Reference(w, None, checked, check=False).run()
    check_memory_at_rest(w)


@pytest.mark.parametrize("mapping", ["processes", "threads", "merged", "parts"])
@pytest.mark.parametrize("case", CASES)
def test_engines_agree_on_parts_of_folios(case, mapping):
    """Word by word at the end."""
    more = {
        "processes": {"mapping": "per_process"},
        "threads": {"mapping": "per_thread"},
        "merged": {"mapping": "per_thread", "vmas": "merged"},
        "parts": {"mapping": "shared", "file": "part"},
    }[mapping]
    assert_engines_agree(drops(threads=3, **CASES[case], **more))


def test_a_dropped_page_of_a_folio_comes_back_as_a_single_page():
    """A folio that is mapped in part keeps its place: from then on each page has a fault."""
    w = ran(drops(threads=1, **HALVES))
    assert counter(w, "minor_faults") == 4 + 2 * 8
    assert counter(w, "folios_deferred") == 4
    assert counter(w, "pages_mapped") == 16 + 2 * 8


def test_folios_that_are_dropped_as_a_whole_come_back_as_folios():
    """The range is a multiple of a folio, so that nothing waits to be split."""
    w = ran(drops(threads=1, dropped_ppm=500_000))
    assert counter(w, "minor_faults") == 4 + 2 * 2
    assert counter(w, "folios_deferred") == 0


@pytest.mark.parametrize(("column", "deferred"), [("linux_6_6", 0), ("linux_6_12", 4)])
def test_up_to_6_7_only_folios_of_a_page_table_wait_to_be_split(column, deferred):
    """Others are mapped in part and not queued."""
    assert counter(ran(drops(column, threads=1, **HALVES)), "folios_deferred") == deferred


def test_a_folio_that_goes_page_by_page_leaves_the_queue():
    """The first of four calls queues it, the last frees it."""
    w = ran(drops(threads=1, pages=8, drop_every_bytes=PAGE_BYTES))
    assert counter(w, "folios_deferred") == 3 * 2
    assert counter(w, "minor_faults") == 3 * 2


def test_split_folios_free_what_is_not_mapped_of_them():
    """Each is split once; from then on all is in single pages, and nothing waits."""
    w = ran(drops(threads=1, split_folios=True, **HALVES))
    assert counter(w, "folios_deferred") == counter(w, "folios_split") == 4
    assert counter(w, "minor_faults") == 4 + 2 * 8
    check_memory_at_rest(w)


def test_a_part_of_single_pages_needs_no_queue():
    """Without folios a call drops what it covers, and the rest stays."""
    w = ran(drops(threads=1, anon_order=0, **HALVES))
    assert counter(w, "minor_faults") == 16 + 2 * 8
    assert counter(w, "folios_deferred") == 0
    check_memory_at_rest(w)
