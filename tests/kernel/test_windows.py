"""The fault-around window: where a walk over it begins, which pages it visits, where it ends."""

import pytest
from helpers import LOCAL_PS, a_lab, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import count, each_page, when


@pytest.mark.parametrize(
    ("order", "page", "first", "stop"),
    [(0, 7, 7, 8), (2, 7, 4, 8), (4, 7, 0, 16), (4, 17, 16, 20), (9, 19, 0, 20)],
)
def test_window_is_aligned_around_the_target_and_clipped_to_the_file(order, page, first, stop):
    """The window is the aligned block of 2**order pages around the target, inside the file."""
    lab = a_lab(each_page(count("touches")), order=order, workload=a_workload(pages=20))
    lab.on_page(0, page)
    lab.go(0, 0)
    assert (lab.get(0, lay.T_CURSOR), lab.get(0, lay.T_STOP)) == (first, stop)
    assert lab.get(0, lay.T_PAGE) == page


def test_next_page_visits_each_page_of_the_window_once_and_returns_to_the_target():
    """The loop sees the pages in order, is free, and ends with the cursor on the target."""
    lab = a_lab(each_page(count("touches")), order=3, workload=a_workload(pages=14))
    lab.on_page(0, 9)
    seen = []
    while lab.place(0) != "stop":
        if lab.place(0) == "count touches":
            seen.append(lab.get(0, lay.T_CURSOR))
        assert lab.go(0, 0) == 0
    assert seen == [8, 9, 10, 11, 12, 13]
    assert lab.get(0, lay.T_CURSOR) == 9


def map_pages(lab, *pages):
    """Let the first task's page tables map some pages."""
    for page in pages:
        lab.w[lab.get(0, lay.T_PTE) + (page >> lay.PTE_SHIFT)] |= 1 << (page & lay.PTE_BITS - 1)


@pytest.mark.parametrize(
    ("mapped", "visited"),
    [((), [8, 9, 10, 11]), ((8, 9), [10, 11]), ((9, 11), [8, 9, 10, 11]), ((8, 9, 10), [11])],
)
def test_window_of_the_unmapped_begins_with_the_first(mapped, visited):
    """Pages behind the first that is not mapped are visited, mapped or not."""
    body = each_page(count("touches"), unmapped=True)
    lab = a_lab(body, order=2, workload=a_workload(pages=16))
    lab.put(0, lay.T_PAGE, 10)
    map_pages(lab, *mapped)
    lab.go(0, 0)
    assert lab.get(0, lay.T_CURSOR) == visited[0]
    for _ in visited:
        lab.go(0, 0)
        lab.go(0, 0)
    assert lab.counter("touches") == len(visited)
    assert lab.get(0, lay.T_CURSOR) == 10


@pytest.mark.parametrize(("mapped", "left"), [((8, 9, 10, 11), False), ((8, 9, 11), True)])
def test_when_window_open_holds_while_a_pte_is_none(mapped, left):
    """One load of the ptes tells; the cursor stays on the target."""
    steps = when("window.open", count("touches"), otherwise=(count("pte_lost"),))
    lab = a_lab(steps, order=2, workload=a_workload(pages=16))
    lab.put(0, lay.T_PAGE, 10)
    lab.put(0, lay.T_CURSOR, 10)
    map_pages(lab, *mapped)
    assert lab.go(0, 0) == LOCAL_PS["load"]
    assert lab.place(0) == f"count {'touches' if left else 'pte_lost'}"
    assert lab.get(0, lay.T_CURSOR) == 10
