"""Steps about frames of memory: what each moves, and what it takes, to the ps."""

import pytest
from helpers import LINE_PS, a_machine
from memory_labs import (
    BATCH,
    FRAMES,
    NEAR,
    NO,
    SAME_L3,
    YES,
    frame,
    gathered,
    give,
    mapped,
    memory,
    run,
    word,
    zone,
)

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.memory_invariants import check_lists, check_memory_at_rest
from dessim.kernel.memory_words import (
    add_to_lru,
    allocate_page,
    copy_page,
    drop_memory,
    free_gathered,
    map_memory,
    zap_memory,
    zero_page,
)


def test_pcp_empty_holds_until_the_list_is_filled():
    """An empty list governs the refill; one with a frame does not; neither takes time."""
    for frames, place in ((0, "count touches"), (1, "count pte_lost")):
        lab = memory(Step("pcp_empty", body=(YES,), otherwise=(NO,)))
        give(lab, 0, frames) if frames else None
        assert run(lab, now=5) == 5
        assert lab.place(0) == place


def test_refill_pcp_moves_a_batch_in_order_and_waits_for_each_struct_page():
    """The batch comes from the head of the node's list; each struct page is a miss of memory."""
    lab = memory(Step("refill_pcp"))
    first, _, free, _ = zone(lab)
    done = run(lab)
    assert done == BATCH * (FRAMES.zone_page_ps + NEAR)
    assert lab.spent(0, "zone_lock") == done
    assert zone(lab)[0] == first + BATCH
    assert zone(lab)[2] == free - BATCH
    assert lab.cpu(0, lay.U_PCP_HEAD) == first
    assert lab.cpu(0, lay.U_PCP_COUNT) == BATCH
    assert frame(lab, first, lay.F_WHERE) == lay.FRAME_ON_CPU
    assert lab.counter("zone_refills") == 1
    check_lists(lab.w)


def test_refill_pcp_finds_struct_pages_in_the_l3_if_all_regions_fit_there():
    """Regions that the L3 can keep leave their struct pages there."""
    lab = memory(Step("refill_pcp"), pages=16)
    assert run(lab) == BATCH * (FRAMES.zone_page_ps + a_machine().cache_line.l3_hit_ps)


def test_refill_pcp_brings_a_struct_page_from_the_core_that_used_it_last():
    """What another core used a moment ago comes from there; what one used oneself is at hand."""
    lab = memory(Step("refill_pcp"), threads=3)
    lab.w[lay.H_PCP_BATCH] = 2
    for number, task in ((1, 2), (2, 0)):
        at = lab.w[lay.H_FRAME] + (number - 1) * lay.F_WORDS
        lab.w[at + lay.F_CORE], lab.w[at + lay.F_AT] = lab.get(task, lay.T_CORE), 900
    transfer = LINE_PS["store_modified"][SAME_L3]
    assert run(lab, now=1000) == 1000 + 2 * FRAMES.zone_page_ps + transfer


def test_refill_pcp_takes_what_there_is():
    """A node with fewer frames than a batch gives all of them."""
    lab = memory(Step("refill_pcp"))
    lab.w[lay.H_PCP_BATCH] = 10**6
    free = zone(lab)[2]
    run(lab)
    assert (lab.cpu(0, lay.U_PCP_COUNT), zone(lab)[:3]) == (free, (0, 0, 0))


def test_take_frame_takes_the_head_of_the_list():
    """The frame freed last is taken first, for the cost of an allocation."""
    lab = memory(*allocate_page()[1:])
    give(lab, 0, 2)
    head = lab.cpu(0, lay.U_PCP_HEAD)
    assert run(lab, now=7) == 7 + FRAMES.alloc_frame_ps
    assert lab.get(0, lay.T_FRAME) == head
    assert lab.cpu(0, lay.U_PCP_COUNT) == 1
    check_lists(lab.w)


@pytest.mark.parametrize(("step", "cost"), [(zero_page, "zero"), (copy_page, "copy")])
def test_fill_frame_takes_a_cores_time_while_memory_is_idle(step, cost):
    """Zeroing and copying cost what a core alone needs."""
    lab = memory(step())
    expected = getattr(FRAMES, f"{cost}_page_ps")
    assert run(lab) == expected
    assert lab.spent(0, "zeroing") == expected
    assert lab.counter("frames_filled") == 1


def test_fill_frame_waits_for_the_bandwidth_of_its_node():
    """Where memory is slower than the core, the node serves one after the other."""
    lab = memory(zero_page(), threads=2, memory={"bandwidth_per_socket_bytes_per_s": 4096 * 10**6})
    each = FRAMES.zero_traffic_ppm  # 1 us for a page
    assert run(lab, task=0) == each
    assert run(lab, task=1) == 2 * each
    assert lab.spent(1, "memory_bandwidth") == 2 * each - FRAMES.zero_page_ps
    assert lab.spent(1, "zeroing") == FRAMES.zero_page_ps


def test_map_frame_maps_the_frame_in_hand_at_the_page():
    """The pte is set, the page knows its frame, and the hand is empty."""
    lab = memory(*allocate_page()[1:], map_memory())
    give(lab, 0, 1)
    lab.on_page(0, 3)
    now = run(lab)
    number = lab.get(0, lay.T_FRAME)
    run(lab, now=now)
    assert lab.mapped(0, 3)
    assert word(lab, lay.H_FRAME_OF, 3) == number
    assert (lab.get(0, lay.T_FRAME), lab.counter("pages_mapped")) == (0, 1)
    check_lists(lab.w)


def test_drop_frame_gives_the_frame_in_hand_back():
    """It lies at the head of the CPU's list again, and is to be uncharged."""
    lab = memory(*allocate_page()[1:], drop_memory())
    give(lab, 0, 2)
    head = lab.cpu(0, lay.U_PCP_HEAD)
    now = run(lab)
    assert run(lab, now=now) == now + FRAMES.free_page_ps
    assert lab.cpu(0, lay.U_PCP_HEAD) == head
    assert (lab.get(0, lay.T_FRAME), lab.get(0, lay.T_UNCHARGED)) == (0, 1)
    check_lists(lab.w)


def test_lru_add_lets_a_page_wait_until_lru_waiting_has_a_batch():
    """Pages wait on their CPU; a full batch goes under the lock of the node's LRU."""
    lab = memory(*allocate_page()[1:], *add_to_lru())
    give(lab, 0, 2)
    lab.w[lay.H_LRU_BATCH] = 2
    now = run(lab, steps=3)
    assert now == FRAMES.alloc_frame_ps + FRAMES.lru_add_ps
    assert (lab.cpu(0, lay.U_LRU_COUNT), lab.place(0)) == (1, "stop")
    assert lab.cpu(0, lay.U_LRU_HEAD) == lab.get(0, lay.T_FRAME)
    lab.put(0, lay.T_PC, 0)
    run(lab, now=now, steps=3)
    assert lab.place(0) == "lock lru_lock"


def test_lru_waiting_asks_for_any_before_an_unmap():
    """Before pages are unmapped all that wait are put on the LRU: one is enough."""
    lab = memory(Step("lru_waiting", 1, body=(YES,), otherwise=(NO,)))
    lab.w[lab.get(0, lay.T_CPU) + lay.U_LRU_COUNT] = 1
    run(lab)
    assert lab.place(0) == "count touches"


def test_lru_flush_puts_what_waits_on_the_lru():
    """The lock is held for each page, and for the line of the list's end."""
    lab = memory(*allocate_page()[1:], Step("lru_add"), Step("lru_flush"))
    give(lab, 0, 1)
    now = run(lab, steps=2)
    number = lab.get(0, lay.T_FRAME)
    tail = LINE_PS["store_modified"][SAME_L3]
    assert run(lab, now=now) == now + FRAMES.lru_link_ps + tail
    assert frame(lab, number, lay.F_ON_LRU) == 1
    assert (zone(lab)[3], lab.cpu(0, lay.U_LRU_COUNT), lab.cpu(0, lay.U_LRU_HEAD)) == (1, 0, 0)
    assert lab.counter("lru_flushes") == 1
    check_lists(lab.w)


def test_zap_frames_gathers_what_the_table_maps():
    """Each pte costs its share; frames are gathered, and not yet free."""
    lab = memory(*zap_memory())
    frames = mapped(lab, (1, 4, 9))
    assert run(lab) == 3 * (FRAMES.zap_page_ps + 2 * FRAMES.page_statistics_ps)
    assert lab.spent(0, "memcg") == 3 * 2 * FRAMES.page_statistics_ps
    assert not any(lab.mapped(0, page) for page in (1, 4, 9))
    assert lab.get(0, lay.T_GATHERED) == 3
    assert lab.get(0, lay.T_RSS) == -3
    assert {frame(lab, f, lay.F_WHERE) for f in frames} == {lay.FRAME_GATHERED}
    assert lab.counter("ptes_cleared") == 3
    check_lists(lab.w)


def test_lru_remove_free_frames_and_uncharged_give_a_batch_back():
    """A round takes pages off the LRU, puts them on the CPU's list, and uncharges them."""
    lab = memory(*zap_memory(), free_gathered())
    lab.w[lay.H_RELEASE] = lab.w[lay.H_UNCHARGE] = 2
    mapped(lab, (1, 4, 9))
    for level in range(3):
        lab.w[lab.w[lay.H_MEMCG] + level * lab.w[lay.H_LINE_WORDS] + lay.COUNTED_PAGES] = 3
    now = run(lab, steps=2)  # zapped, and the LRU's lock taken
    counted = lab.spent(0, "memcg")
    tail = LINE_PS["store_modified"][SAME_L3]
    assert run(lab, now=now) == now + 2 * FRAMES.lru_link_ps + tail
    assert zone(lab)[3] == 1
    check_lists(lab.w)
    now = run(lab, now=now)  # unlock
    freed = run(lab, now=now)
    assert freed == now + 2 * (FRAMES.free_page_ps + FRAMES.uncharge_page_ps)
    assert lab.spent(0, "memcg") - counted == 2 * FRAMES.uncharge_page_ps
    assert lab.get(0, lay.T_UNCHARGED) == lab.cpu(0, lay.U_PCP_COUNT) == 2
    now = run(lab, now=freed, steps=4)  # uncharge_due, three times uncharge_level
    assert now == freed + 3 * NEAR
    now = run(lab, now=now, steps=3)  # uncharged, pcp_full, next_round
    assert (lab.place(0), lab.get(0, lay.T_UNCHARGED)) == ("lock lru_lock", 0)
    run(lab, now=now, steps=11)
    assert (lab.place(0), lab.counter("lru_removals")) == ("stop", 2)
    lab.put(0, lay.T_RSS, 0)
    check_memory_at_rest(lab.w)


def test_pcp_full_lets_drain_pcp_give_a_batch_from_the_tail_back():
    """What was freed first goes to the end of the node's list; each page asks for its buddy."""
    lab = memory(Step("pcp_full", body=(Step("drain_pcp"),)))
    give(lab, 0, 10)
    lab.w[lay.H_PCP_BATCH], lab.w[lay.H_PCP_HIGH] = 4, 10
    tail = lab.cpu(0, lay.U_PCP_TAIL)
    free = zone(lab)[2]
    now = run(lab)
    for number in range(1, 11):
        at = lab.w[lay.H_FRAME] + (number - 1) * lay.F_WORDS
        lab.w[at + lay.F_CORE], lab.w[at + lay.F_AT] = lab.get(0, lay.T_CORE), now
    assert run(lab, now=now) == now + 4 * (FRAMES.zone_page_ps + NEAR)
    assert lab.cpu(0, lay.U_PCP_COUNT) == 6
    assert zone(lab)[1:3] == (tail - 3, free + 4)
    assert lab.counter("zone_drains") == 1
    check_lists(lab.w)


def test_pcp_full_does_not_hold_below_the_mark():
    """A list below its mark keeps what it has."""
    lab = memory(Step("pcp_full", body=(Step("drain_pcp"),)))
    give(lab, 0, 10)
    lab.w[lay.H_PCP_HIGH] = 11
    assert run(lab) == 0
    assert lab.place(0) == "stop"


def test_lru_remove_takes_no_more_than_its_batch():
    """What is left stays gathered, and on the LRU."""
    lab = memory(Step("lru_remove"))
    lab.w[lay.H_RELEASE] = 2
    gathered(lab, (0, 1, 2))
    run(lab)
    assert (lab.get(0, lay.T_GATHERED), zone(lab)[3]) == (1, 1)
    check_lists(lab.w)


def test_free_frames_puts_what_is_off_the_lru_on_the_cpus_list():
    """Each frame costs a free and an uncharge; it is the next to be allocated."""
    lab = memory(Step("lru_remove"), Step("free_frames"))
    gathered(lab, (0, 1))
    now = run(lab)
    assert run(lab, now=now) == now + 2 * (FRAMES.free_page_ps + FRAMES.uncharge_page_ps)
    assert (lab.cpu(0, lay.U_PCP_COUNT), lab.get(0, lay.T_RELEASED)) == (2, 0)
    check_lists(lab.w)


def test_drain_pcp_brings_a_struct_page_back_from_another_core():
    """A page that another core used since costs its transfer besides the buddy's miss."""
    lab = memory(Step("drain_pcp"), threads=3)
    give(lab, 0, 1)
    lab.w[lay.H_PCP_BATCH] = 1
    at = lab.w[lay.H_FRAME] + (lab.cpu(0, lay.U_PCP_TAIL) - 1) * lay.F_WORDS
    lab.w[at + lay.F_CORE], lab.w[at + lay.F_AT] = lab.get(2, lay.T_CORE), 0
    transfer = LINE_PS["store_modified"][SAME_L3]
    assert run(lab) == FRAMES.zone_page_ps + NEAR + transfer
    assert (lab.cpu(0, lay.U_PCP_HEAD), lab.cpu(0, lay.U_PCP_COUNT)) == (0, 0)
    check_lists(lab.w)


def test_next_round_goes_back_while_anything_is_gathered():
    """The loop ends with the last gathered page."""
    lab = memory(Step("each_round", body=(YES,)))
    lab.put(0, lay.T_GATHER, 1)
    run(lab, steps=2)
    assert lab.place(0) == "count touches"
    lab.put(0, lay.T_GATHER, 0)
    run(lab, steps=2)
    assert lab.place(0) == "stop"
