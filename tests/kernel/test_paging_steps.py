"""Steps of readahead: which window follows from what, as in Linux's ``mm/readahead.c``."""

import pytest
from paging_labs import own, paging_lab, put_own, put_state, state, window

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, count
from dessim.kernel.paging import watermarks
from dessim.kernel.readahead import first_size, next_size

YES, NO = count("touches"), count("pte_lost")


def a_state(lab, start, size, ahead, misses=0):
    """Set the readahead state of the open file."""
    for word, value in enumerate((start, size, ahead, misses)):
        put_state(lab, word, value)


def keep(lab, *pages):
    """Let some pages be in the page cache, and no others."""
    for page in range(lab.w[lay.H_PAGES]):
        lab.flag(page, lay.FLAG_OURS, page in pages)


@pytest.mark.parametrize(
    ("page", "expected"), [(100, (96, 104, 102)), (2, (0, 8, 6)), (254, (250, 256, 256))]
)
def test_plan_sync_reads_around_the_fault_with_the_marker_in_the_last_quarter(page, expected):
    """MADV_NORMAL: a window of ra_pages centred on the fault, cut at the ends of the file."""
    lab = paging_lab(Step("plan_sync", 0))
    lab.on_page(0, page)
    lab.go(0, 0)
    assert window(lab) == expected
    assert (state(lab, lay.A_SIZE), state(lab, lay.A_ASYNC)) == (8, 2)
    assert state(lab, lay.A_MISS) == 1
    assert lab.counter("windows_read") == 1


def test_plan_sync_gives_up_after_a_hundred_misses():
    """mmap_miss above MMAP_LOTSAMISS: one page, and the count stops at ten times that."""
    lab = paging_lab(Step("plan_sync", 0))
    lab.on_page(0, 50)
    a_state(lab, 0, 0, 0, misses=100)
    lab.go(0, 0)
    assert window(lab) == (50, 51, -1)
    assert state(lab, lay.A_MISS) == 101
    a_state(lab, 0, 0, 0, misses=1000)
    lab.put(0, lay.T_PC, 0)
    lab.go(0, 10**9)
    assert state(lab, lay.A_MISS) == 1000


def test_plan_sync_reads_one_page_of_a_file_advised_random():
    """MADV_RANDOM: neither a window nor a count."""
    lab = paging_lab(Step("plan_sync", 1))
    lab.on_page(0, 50)
    lab.go(0, 0)
    assert (window(lab), state(lab, lay.A_MISS)) == ((50, 51, -1), 0)


@pytest.mark.parametrize(
    ("page", "before", "expected"),
    [
        (0, (9, 9, 9), (0, 8, 4)),  # the start of the file: the greatest window, half of it ahead
        (40, (32, 8, 8), (40, 48, 44)),  # right behind the window: the next one, as great
        (90, (0, 0, 0), (90, 98, -1)),  # anywhere else: ra_pages, no marker, no state
    ],
)
def test_plan_sync_ahead_follows_the_stream(page, before, expected):
    """MADV_SEQUENTIAL: from the fault on, and the next window after the last one."""
    lab = paging_lab(Step("plan_sync", 2))
    keep(lab)
    lab.on_page(0, page)
    a_state(lab, *before)
    lab.go(0, 0)
    assert window(lab) == expected


def test_plan_async_goes_on_behind_the_window_that_the_marker_is_of():
    """The page at start + size - async_size: the next window, all of it ahead."""
    lab = paging_lab(Step("plan_async"))
    lab.on_page(0, 38)
    a_state(lab, 32, 8, 2)
    lab.go(0, 0)
    assert window(lab) == (40, 48, 40)
    assert (state(lab, lay.A_START), state(lab, lay.A_ASYNC)) == (40, 8)
    assert lab.counter("windows_ahead") == 1


def test_plan_async_finds_its_stream_by_what_is_cached():
    """A marker of another stream's window: from the first page that is missing behind it."""
    lab = paging_lab(Step("plan_async"))
    keep(lab, *range(100, 105))
    lab.on_page(0, 100)
    a_state(lab, 0, 8, 8)
    lab.go(0, 0)
    assert window(lab) == (105, 113, 105)


def test_plan_async_reads_nothing_if_enough_is_cached():
    """No page is missing within ra_pages: somebody else is ahead."""
    lab = paging_lab(Step("plan_async"))
    keep(lab, *range(100, 120))
    lab.on_page(0, 100)
    lab.go(0, 0)
    assert window(lab)[0] == window(lab)[1]


def test_windows_grow():
    """Four times while small, then twice, to the greatest; first windows are a part of it."""
    assert [next_size(size, 32) for size in (1, 2, 4, 8, 16, 32)] == [4, 4, 8, 16, 32, 32]
    assert [first_size(asked, 32) for asked in (1, 2, 4, 8, 9, 32)] == [4, 4, 8, 16, 32, 32]


@pytest.mark.parametrize(("one", "left"), [(0, 7), (1, 9)])
def test_count_hits_takes_found_pages_off_mmap_miss(one, left):
    """Fault-around: as many as it mapped since the last time; a page found: one."""
    lab = paging_lab(Step("count_hits", one))
    a_state(lab, 0, 0, 0, misses=10)
    lab.put(0, lay.T_MAPPED, 5)
    put_own(lab, 0, lay.X_COUNTED, 2)
    lab.go(0, 0)
    assert state(lab, lay.A_MISS) == left
    assert own(lab, 0, lay.X_COUNTED) == 5


def test_in_window_goes_through_the_window_and_back_to_the_target():
    """The cursor visits each page; behind the last it stands on the target again."""
    lab = paging_lab(Step("in_window", body=(YES,), otherwise=(NO,)))
    lab.on_page(0, 50)
    put_own(lab, 0, lay.X_NEXT, 48)
    put_own(lab, 0, lay.X_END, 50)
    seen = []
    for _ in range(3):
        lab.put(0, lay.T_PC, 0)
        lab.go(0, 0)
        seen.append((lab.get(0, lay.T_CURSOR), lab.place(0)))
    assert seen == [(48, "count touches"), (49, "count touches"), (50, "count pte_lost")]


def test_fault_kind_remembers_whether_a_fault_waited_for_the_device():
    """And begins to count anew what it maps."""
    lab = paging_lab(Step("fault_kind", 1), Step("fault_kind", 0))
    put_own(lab, 0, lay.X_COUNTED, 3)
    lab.go(0, 0)
    assert (own(lab, 0, lay.X_MAJOR), own(lab, 0, lay.X_COUNTED)) == (1, 0)
    lab.go(0, 0)
    assert own(lab, 0, lay.X_MAJOR) == 0


@pytest.mark.parametrize(
    ("frames", "expected"),
    [(1 << 18, (1024, 1286, 1548)), (25 * 2**20, (10240, 36454, 62668)), (400, (40, 50, 60))],
)
def test_watermarks_are_those_of_a_machine_with_so_much_memory(frames, expected):
    """min_free_kbytes = sqrt(16 KiB x memory), then 0.1 % of memory or a quarter of it apart."""
    assert watermarks(frames) == expected


def test_the_open_files_state_lies_where_objects_lie_on_their_lines():
    """Behind owner, time, queue and home, as the words of a page do."""
    assert lay.A_STATE == lay.P_FLAGS
