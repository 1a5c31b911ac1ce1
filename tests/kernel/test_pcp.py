"""Lists of free frames of CPUs: batches that double, and marks that grow with use (Linux 6.7)."""

import pytest
from helpers import STOP, a_machine, a_workload
from memory_labs import give, memory, run, zone

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.assembler import assemble
from dessim.kernel.frames import drain_pcp, free_frames, refill_pcp, take_frame
from dessim.kernel.memory_invariants import check_lists
from dessim.kernel.pcp import (
    frames_to_give,
    frames_to_take,
    mark_of,
    note_freed,
)
from dessim.kernel.pcp_sizes import pcp_high, pcp_most, pcp_scale
from dessim.kernel.setup import Batches, Setup
from dessim.model.workload import PAGE_BYTES

FRAMES = a_machine().frames


def lists(*steps, batch=4, high=16, most=0, scale=5, pages=512):
    """Return a lab whose CPU has a list of such a batch and mark, its task, and the CPU."""
    lab = memory(*steps, pages=pages)
    w = lab.w
    w[lay.H_PCP_BATCH], w[lay.H_PCP_HIGH] = batch, high
    w[lay.H_PCP_MOST], w[lay.H_PCP_SCALE] = most, scale
    t = w[lay.H_TASK]
    return lab, t, w[t + lay.T_CPU]


def refills(lab, t, cpu, times):
    """Take all frames of the list, and refill it, some times; return how many came."""
    found = []
    for _ in range(times):
        while lab.w[cpu + lay.U_PCP_HEAD]:
            take_frame(lab.w, t, 0, 0)
        refill_pcp(lab.w, t, 0)
        found.append(lab.w[cpu + lay.U_PCP_COUNT])
    return found


def test_a_list_that_does_not_tune_takes_a_batch_at_a_time():
    """Up to 6.6 a refill is never doubled, and the mark stays."""
    lab, t, cpu = lists()
    assert refills(lab, t, cpu, 4) == [4, 4, 4, 4]
    assert mark_of(lab.w, cpu) == 16


def test_a_list_that_tunes_doubles_its_refills_up_to_the_scale():
    """nr_pcp_alloc: each refill without a free in between is twice the last, 2^scale at most."""
    lab, t, cpu = lists(most=4096, scale=3)
    assert refills(lab, t, cpu, 6) == [4, 8, 16, 32, 32, 32]
    assert mark_of(lab.w, cpu) == 16 + 4 + 8 + 16 + 32 + 32 + 32


def test_a_refill_leaves_a_batch_of_room_below_the_mark():
    """max_nr_alloc: what would reach the mark is cut, is a batch at least, and doubles no more."""
    lab, t, cpu = lists(high=4, most=20)
    assert refills(lab, t, cpu, 5) == [4, 8, 16, 16, 16]
    assert mark_of(lab.w, cpu) == 20
    lab, t, cpu = lists(high=4, most=11)
    assert refills(lab, t, cpu, 4) == [4, 7, 7, 7]
    assert lab.w[cpu + lay.U_PCP_FACTOR] == 1


def test_each_free_halves_the_doublings_of_the_next_refill():
    """free_unref_page_commit: alloc_factor, an exponent, is shifted for each page."""
    lab, t, cpu = lists(most=4096)
    assert refills(lab, t, cpu, 4) == [4, 8, 16, 32]
    for expected in (4 << 2, 4 << 1, 4, 4):
        note_freed(lab.w, cpu, 1)
        assert frames_to_take(lab.w, cpu) == expected


def test_refills_of_folios_are_not_doubled():
    """``order > 0``: the base batch, whatever was taken before."""
    lab = memory(pages=512, anon_order=1)
    w, t = lab.w, lab.w[lay.H_TASK]
    w[lay.H_PCP_BATCH], w[lay.H_PCP_HIGH], w[lay.H_PCP_MOST] = 4, 16, 4096
    assert refills(lab, t, w[t + lay.T_CPU], 3) == [4, 4, 4]


def released(lab, t, cpu, frames):
    """Let the task have so many frames to free: taken off the CPU's list one by one."""
    give(lab, 0, frames)
    for _ in range(frames):
        take_frame(lab.w, t, 0, 0)
        frame = lab.w[t + lay.T_FRAME]
        at = lab.w[lay.H_FRAME] + (frame - 1) * lay.F_WORDS
        lab.w[at + lay.F_NEXT], lab.w[t + lay.T_RELEASED] = lab.w[t + lay.T_RELEASED], frame
    lab.w[t + lay.T_FRAME] = 0


def test_a_list_that_tunes_gives_back_what_was_freed_in_a_row():
    """nr_pcp_free: free_count, a batch at least, and a batch stays below the mark."""
    for freed, expected in ((1, 4), (7, 7), (12, 12), (14, 12), (40, 12)):
        lab, _, cpu = lists(most=4096)
        note_freed(lab.w, cpu, freed)
        assert frames_to_give(lab.w, cpu) == expected


def test_frees_in_a_row_are_counted_up_to_the_largest_batch_and_halved_by_an_allocation():
    """free_count < batch << scale; rmqueue_pcplist halves it."""
    lab, t, cpu = lists(most=4096, scale=2)
    note_freed(lab.w, cpu, 100)
    assert lab.w[cpu + lay.U_PCP_FREED] == 4 << 2
    give(lab, 0, 1)
    take_frame(lab.w, t, 0, 0)
    assert lab.w[cpu + lay.U_PCP_FREED] == 8


def test_giving_back_raises_a_mark_that_is_too_low_for_what_was_freed():
    """nr_pcp_high: at least free_count and a batch, at most the highest mark; and it is used."""
    lab, t, cpu = lists(most=30)
    released(lab, t, cpu, 18)
    free = zone(lab)[2]
    lab.w[cpu + lay.U_PCP_MARK] = lab.w[cpu + lay.U_PCP_FREED] = 0
    free_frames(lab.w, t)
    drain_pcp(lab.w, t, 0)
    assert zone(lab)[2] == free + 12
    assert mark_of(lab.w, cpu) == 18 + 4
    lab.w[cpu + lay.U_PCP_FREED] = 100
    drain_pcp(lab.w, t, 0)
    assert mark_of(lab.w, cpu) == 30
    assert lab.w[cpu + lay.U_PCP_COUNT] == 0


def test_without_tuning_each_batch_that_goes_back_is_twice_the_last():
    """Up to 6.6: free_factor, until a batch would be left below the mark, halved by allocations."""
    lab, t, cpu = lists(high=20)
    give(lab, 0, 60)
    given = []
    for _ in range(4):
        given.append(frames_to_give(lab.w, cpu))
        drain_pcp(lab.w, t, 0)
    assert given == [4, 8, 16, 16]
    assert lab.w[cpu + lay.U_PCP_COUNT] == 60 - sum(given)
    take_frame(lab.w, t, 0, 0)
    assert frames_to_give(lab.w, cpu) == 8


def test_a_scale_of_zero_never_doubles():
    """As the lists of a file's pages, and before 5.14."""
    lab, t, cpu = lists(high=20, scale=0)
    give(lab, 0, 12)
    for _ in range(3):
        assert frames_to_give(lab.w, cpu) == 4
        drain_pcp(lab.w, t, 0)
    assert lab.w[cpu + lay.U_PCP_COUNT] == 0


@pytest.mark.parametrize(
    ("declared", "pages", "expected"),
    [(32768, 32768, (512, 65536, 5)), (32768, 4096, (64, 8192, 2)), (32768, 1024, (63, 2048, 0))],
)
def test_a_part_of_a_region_has_its_part_of_marks_and_batches(declared, pages, expected):
    """What never leaves a CPU's list, and what comes at once, are the same share of the region."""
    workload = a_workload(declared, fault="anonymous", mapping="per_process")
    setup = Setup(
        a_machine(),
        workload,
        assemble((STOP,)),
        1,
        0,
        pages * PAGE_BYTES,
        1,
        0,
        batches=Batches(pcp_high_max=65536),
    )
    assert (pcp_high(setup, 1), pcp_most(setup, 1), pcp_scale(setup, 1)) == expected


@pytest.mark.parametrize("most", [0, 4096])
def test_moving_more_frames_takes_longer(most):
    """What the zone's lock is held for grows with the batch: a miss for each frame."""
    lab, _, cpu = lists(Step("refill_pcp"), most=most)
    lab.w[cpu + lay.U_PCP_FACTOR] = 2
    frames = 16 if most else 4
    miss = lab.w[lab.w[lay.H_STRUCT_MISS]]
    assert run(lab) == frames * (FRAMES.zone_page_ps + miss)
    assert lab.w[cpu + lay.U_PCP_COUNT] == frames
    check_lists(lab.w)


def test_pcp_full_asks_for_the_mark_that_has_grown():
    """A mark above that of the boot keeps the list."""
    lab, _, cpu = lists(Step("pcp_full", body=(Step("drain_pcp"),)), most=40)
    give(lab, 0, 16)
    lab.w[cpu + lay.U_PCP_MARK] = 17
    run(lab)
    assert lab.place(0) == "stop"
