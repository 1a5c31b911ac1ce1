"""Streams of struct pages that hardware prefetches, pages on their way into an L3, same draws."""

import pytest
from helpers import LOCAL_PS, MEMORY_PS, USER_PS, a_lab, a_machine, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import count, get_page, jump, label

MISS, PREFETCHED = MEMORY_PS["local_ps"], LOCAL_PS["rmw"]
DRAM, L3 = USER_PS["read_page_dram"], USER_PS["read_page_l3"]


def walk(lab, *pages):
    """Return for each page whether its line was prefetched."""
    hidden = []
    for page in pages:
        lab.put(0, lay.T_PC, 0)
        lab.on_page(0, page)
        ps = lab.go(0, 0)
        assert ps in (MISS, PREFETCHED)
        hidden.append(ps == PREFETCHED)
    return hidden


def a_stream_lab(after):
    """Return a lab where prefetch hides all, after some misses in a row."""
    line = {"prefetch_hidden_ppm": 1_000_000, "prefetch_after": after}
    return a_lab(get_page(), machine=a_machine(cache_line=line), workload=a_workload(pages=512))


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_stream_begins_after_its_misses_in_a_row(after):
    """The first line misses, then as many as train the prefetcher; the rest is prefetched."""
    lab = a_stream_lab(after)
    assert walk(lab, *range(10, 20)) == [False] * (1 + after) + [True] * (9 - after)


def test_a_stream_ends_at_4_kib_of_struct_pages():
    """At each 64th page the line misses, and the prefetcher is trained again."""
    lab = a_stream_lab(1)
    walk(lab, 60, 61, 62)
    assert walk(lab, 63, 64, 65, 66) == [True, False, False, True]


def test_a_jump_ends_a_stream():
    """After a page elsewhere the prefetcher is trained again, also when the walk turns round."""
    lab = a_stream_lab(1)
    walk(lab, 10, 11, 12)
    assert walk(lab, 30, 31, 32) == [False, False, True]
    assert walk(lab, 29, 28) == [False, False]


def test_another_use_of_the_same_line_does_not_end_a_stream():
    """The operations on one struct page are one line to the prefetcher."""
    lab = a_stream_lab(1)
    walk(lab, 10, 11)
    lab.put(0, lay.T_PC, 0)
    assert lab.go(0, 10 * MISS) == 10 * MISS + LOCAL_PS["rmw"]
    assert walk(lab, 12) == [True]


def readers(**changes):
    """Return a lab whose tasks read page 0, which they have mapped, and then stop."""
    lab = a_lab(jump("touch", "fault"), count("pte_lost"), label("fault"), **changes)
    for task in range(lab.w[lay.H_TASKS]):
        for word in range(16):
            lab.w[lab.get(task, lay.T_PTE) + word] = (1 << lay.PTE_BITS) - 1
    return lab


@pytest.mark.parametrize(
    ("later", "end"),
    [(0, DRAM), (100_000, DRAM), (DRAM - L3, DRAM), (DRAM - L3 + 1, DRAM + 1), (DRAM, DRAM + L3)],
)
def test_a_follower_is_not_done_before_the_data_is_there(later, end):
    """Who reads a page on its way into the L3 ends with the leader, or after its own work."""
    lab = readers(threads=3)
    assert lab.go(0, 0) == DRAM
    assert lab.go(2, later) == end
    assert lab.spent(2, "memory_bandwidth") == 0


def test_a_follower_behind_another_l3_is_a_leader_there():
    """Each L3 has its own pages on their way."""
    lab = readers(threads=5)
    lab.go(0, 0)
    assert lab.go(4, 10) == 10 + DRAM


def test_a_leader_that_waits_for_bandwidth_keeps_its_followers_waiting():
    """The data is there when the node has delivered it, not before."""
    page_ps = 3_000_000
    slow = a_machine(memory={"bandwidth_per_socket_bytes_per_s": 4096 * 10**12 // page_ps})
    lab = readers(threads=3, machine=slow)
    assert lab.go(0, 0) == page_ps
    assert lab.go(2, 1) == page_ps


@pytest.mark.parametrize(("apart", "end"), [(lay.FLIGHT_SLOTS, 20 + L3), (1, DRAM)])
def test_a_page_of_the_same_slot_takes_the_place_of_the_one_before(apart, end):
    """Of two pages 256 apart the later is remembered; a follower of the other finds the L3."""
    big = a_machine(topology={"l3_size_bytes": 1 << 24})
    lab = readers(threads=3, machine=big, workload=a_workload(pages=512))
    lab.go(0, 0)
    lab.put(0, lay.T_PC, 0)
    lab.on_page(0, apart)
    lab.go(0, 10)
    lab.on_page(2, 0)
    assert lab.go(2, 20) == end


def drawn(sequence, threads=3):
    """Return the pages that each thread draws."""
    workload = a_workload(256, access="random", touches_per_page=4, random_sequence=sequence)
    lab = a_lab(
        jump("next_access", "end"),
        count("touches"),
        label("end"),
        threads=threads,
        workload=workload,
    )
    pages = []
    for task in range(threads):
        mine = []
        for i in range(50):
            lab.put(task, lay.T_PC, 0)
            lab.put(task, lay.T_ACCESS, i)
            lab.go(task, 0)
            mine.append(lab.get(task, lay.T_PAGE))
        pages.append(mine)
    return pages


def test_threads_of_the_same_sequence_draw_the_same_pages():
    """With one seed for all, every thread reads the same pages in the same order."""
    first, second, third = drawn("same")
    assert first == second == third
    assert len(set(first)) > 25


def test_threads_of_their_own_sequences_draw_different_pages():
    """Otherwise no two threads read alike; the first one's pages are those of the other case."""
    first, second, third = drawn("own")
    assert len({tuple(first), tuple(second), tuple(third)}) == 3
    assert first == drawn("same")[0]
