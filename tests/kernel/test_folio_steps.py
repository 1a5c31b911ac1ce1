"""Steps on folios: to the head and back, page by page, folio by folio, references in one go."""

import pytest
from helpers import LOCAL_PS, a_lab, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    Step,
    add_folio_refs,
    count,
    count_folio,
    each_folio,
    each_page_of_folio,
    from_head,
    set_pte,
    to_head,
    whole_folio,
)

SEEN = count("touches")
PAGE_WORDS = (lay.P_FLAGS, lay.P_MAPCOUNT, lay.P_REFCOUNT)


def visited(lab):
    """Return the pages on which the cursor stands when `count touches` is reached."""
    pages = []
    while lab.place(0) != "stop":
        if lab.place(0) == "count touches":
            pages.append(lab.get(0, lay.T_CURSOR))
        assert lab.go(0, 5) == 5  # moving the cursor is free
    return pages


@pytest.mark.parametrize(("folio_order", "page", "head"), [(0, 7, 7), (2, 7, 4), (3, 15, 8)])
def test_to_head_goes_to_the_first_page_of_the_folio(folio_order, page, head):
    """The head of an aligned folio of 2**order pages is where its lock and references are."""
    lab = a_lab(to_head(), folio_order=folio_order)
    lab.on_page(0, page)
    assert lab.go(0, 3) == 3
    assert (lab.get(0, lay.T_CURSOR), lab.get(0, lay.T_PAGE)) == (head, page)


def test_from_head_goes_back_to_where_to_head_left():
    """From the head the cursor returns to the page at which it was."""
    lab = a_lab(to_head(), from_head(), folio_order=2)
    lab.on_page(0, 6)
    lab.go(0, 0)
    assert lab.go(0, 3) == 3
    assert lab.get(0, lay.T_CURSOR) == 6


@pytest.mark.parametrize(
    ("start", "stop", "expected"), [(4, 16, [4, 5, 6, 7]), (6, 16, [6, 7]), (4, 6, [4, 5])]
)
def test_next_in_folio_ends_with_the_folio_or_the_window(start, stop, expected):
    """The pages of the cursor's folio are visited up to its end or the window's."""
    lab = a_lab(each_page_of_folio(SEEN), folio_order=2)
    lab.on_page(0, start)
    lab.put(0, lay.T_STOP, stop)
    assert visited(lab) == expected
    assert lab.get(0, lay.T_CURSOR) == expected[-1]


@pytest.mark.parametrize(
    ("folio_order", "pages", "expected"),
    [(0, 8, list(range(8))), (1, 8, [0, 2, 4, 6]), (3, 8, [0]), (2, 7, [0, 4])],
)
def test_next_folio_visits_each_folio_of_the_window_once(folio_order, pages, expected):
    """The loop over folios steps from head to head and ends with the cursor on the target."""
    lab = a_lab(
        each_folio(SEEN), order=3, folio_order=folio_order, workload=a_workload(pages=pages)
    )
    lab.on_page(0, 5)
    assert visited(lab) == expected
    assert lab.get(0, lay.T_CURSOR) == 5


def test_next_folio_goes_on_behind_the_folio_wherever_in_it_the_cursor_is():
    """A loop over the pages of a folio leaves the cursor at its end: the next head follows."""
    lab = a_lab(each_folio(each_page_of_folio(SEEN)), order=3, folio_order=1)
    lab.on_page(0, 2)
    assert visited(lab) == list(range(8))


def test_add_folio_refs_adds_the_ptes_set_since_then_for_one_rmw():
    """Three ptes are three references for one RMW; the next batch begins at none."""
    lab = a_lab(*[set_pte()] * 3, add_folio_refs(), add_folio_refs(), folio_order=2)
    lab.own_line(0, 0)
    for _ in range(3):
        lab.go(0, 0)
    assert lab.page(0, lay.P_REFCOUNT) == 1
    assert lab.go(0, 10**9) == 10**9 + LOCAL_PS["rmw"]
    assert lab.page(0, lay.P_REFCOUNT) == 4
    lab.go(0, 2 * 10**9)
    assert lab.page(0, lay.P_REFCOUNT) == 4


def test_stop_of_a_folios_tail_leaves_no_reference_behind():
    """Only heads of folios hold the page cache's reference at the start."""
    lab = a_lab(Step("fence"), folio_order=2)
    assert [lab.page(p, lay.P_REFCOUNT) for p in range(8)] == [1, 0, 0, 0, 1, 0, 0, 0]


@pytest.mark.parametrize(
    ("page", "stop", "pages", "expected"),
    [
        (5, 6, 16, [4, 5, 6, 7]),  # beyond the window on both sides
        (4, 16, 16, [4, 5, 6, 7]),  # a window that goes on behind the folio
        (5, 7, 7, [5, 6]),  # the file ends in the folio: what the window has of it
    ],
)
def test_whole_folio_goes_beyond_the_window(page, stop, pages, expected):
    """The loop over pages begins at the head and goes to the folio's end, if the file has it."""
    program = (to_head(), whole_folio(), from_head(), each_page_of_folio(SEEN))
    lab = a_lab(*program, folio_order=2, workload=a_workload(pages=pages))
    lab.on_page(0, page)
    lab.put(0, lay.T_STOP, stop)
    assert visited(lab) == expected
    assert lab.get(0, lay.T_STOP) == max(stop, expected[-1] + 1)


@pytest.mark.parametrize(("pages", "expected"), [(8, [4, 5, 6, 7]), (7, [5])])
def test_whole_folio_alone_is_the_target_if_the_file_ends_in_it(pages, expected):
    """finish_fault() maps one page if it cannot map all, whatever the last window was."""
    program = (to_head(), whole_folio(alone=True), from_head(), each_page_of_folio(SEEN))
    lab = a_lab(*program, folio_order=2, workload=a_workload(pages=pages))
    lab.on_page(0, 5)
    lab.put(0, lay.T_STOP, 7)
    assert visited(lab) == expected


def test_count_folio_moves_the_head_s_line():
    """A count of the folio costs an RMW, and changes nothing that a step asks for."""
    lab = a_lab(to_head(), count_folio(), folio_order=2)
    lab.own_line(0, 4)
    lab.on_page(0, 6)
    lab.go(0, 0)
    words = [lab.page(page, word) for page in range(8) for word in PAGE_WORDS]
    assert lab.go(0, 10**9) == 10**9 + LOCAL_PS["rmw"]
    assert words == [lab.page(page, word) for page in range(8) for word in PAGE_WORDS]
