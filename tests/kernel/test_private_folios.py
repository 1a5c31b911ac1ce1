"""Faults that copy a page of a file whose folios are large: lock and references are its head's."""

import pytest
from whole_runs import assert_engines_agree, counter, ran, writing_setup

from dessim.engines.reference import Reference
from dessim.kernel import layout as lay
from dessim.kernel.result import check_at_rest
from dessim.kernel.steps import advance
from dessim.kernel.world import build_world

FOLIO = 4


def copies(column="linux_6_12", threads=1, order=2, **more):
    """Return a run in which tasks write to private pages of files of their own, in folios."""
    values = {"fault": "write_private", "mapping": "per_process", "sweeps": 2}
    return writing_setup(column, threads, 10, folio_order=order, **values | more)


@pytest.mark.parametrize("order", [0, 2])
def test_each_page_has_a_fault_and_a_copy_of_its_own(order):
    """A folio of the file is not copied as a whole, nor are its other pages mapped."""
    w = ran(copies(order=order))
    assert counter(w, "minor_faults") == counter(w, "frames_filled") == 2 * 10
    check_at_rest(w)


@pytest.mark.parametrize("order", [0, 2])
def test_the_head_of_a_folio_is_locked_and_referenced(order):
    """Its struct page has both; no other page of it is ever locked or held."""
    w = build_world(copies(order=order)).tolist()
    held = set()

    def watched(w, task, now):
        then = advance(w, task, now)
        for page in range(10):
            record = w[lay.H_PAGE] + page * w[lay.H_PAGE_WORDS]
            if w[record + lay.P_FLAGS] & lay.FLAG_LOCKED:
                assert w[record + lay.P_REFCOUNT] == 2
                held.add(page)
        return then

    Reference(w, None, watched, check=False).run()
    assert held == (set(range(0, 10, FOLIO)) if order else set(range(10)))


@pytest.mark.parametrize("order", [0, 2])
def test_private_copies_are_not_taken_for_mappings_of_the_file(order):
    """Tasks that are out of step free page tables while others lock pages: nothing is broken."""
    check_at_rest(ran(copies(threads=5, order=order, phases="spread", sweeps=4)))


@pytest.mark.parametrize("column", ["linux_5_15", "linux_6_18"])
def test_engines_agree_on_private_pages_of_folios(column):
    """Word by word at the end."""
    assert_engines_agree(copies(column, threads=3))
