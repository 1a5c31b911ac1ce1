"""Steps of reclaim and of frames for a file: what each moves, and what it takes."""

import pytest
from helpers import TLB_PS, a_machine
from paging_labs import lists, own, paging_lab, put_own

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, count
from dessim.kernel.paging_invariants import check_paging

YES, NO = count("touches"), count("pte_lost")
PAGING, FRAMES = a_machine().paging, a_machine().frames
HALF = {"pages": 512, "share": 0.5, "cached": 0.5}


def ask(op, a=0, **changes):
    """Return a lab with a step that asks something."""
    return paging_lab(Step(op, a, body=(YES,), otherwise=(NO,)), **changes)


def answer(lab, task=0):
    """Carry the question out; return whether it holds."""
    lab.go(task, 0)
    return lab.place(task) == "count touches"


def oldest(lab, which=lay.LRU_INACTIVE):
    """Return frame and page at the tail of node 0's list."""
    zone = lab.w[lay.H_ZONE] + 2 * lab.w[lay.H_LINE_WORDS]
    place = zone + lay.Z_LIST + (which - lay.LRU_INACTIVE) * lay.LIST_WORDS
    frame = lab.w[place + lay.LIST_OLDEST]
    return frame, lab.w[lab.w[lay.H_FRAME] + (frame - 1) * lay.F_WORDS + lay.F_PAGE] - 1


def held(lab, isolated=1):
    """Let task 0 have looked for pages; return the page it is to look at first."""
    lab.go(0, 0)
    frame = own(lab, 0, lay.X_ISOLATED)
    page = lab.w[lab.w[lay.H_FRAME] + (frame - 1) * lay.F_WORDS + lay.F_PAGE] - 1
    lab.put(0, lay.T_CURSOR, page)
    return page


def test_isolate_takes_a_round_of_the_oldest_pages():
    """32 pages leave the tail of the list, each with a reference and its struct page at hand."""
    lab = paging_lab(Step("isolate", 0), **HALF)
    before, (_, last) = lists(lab)[0], oldest(lab)
    done = lab.go(0, 0)
    assert lists(lab)[0] == before - 32
    assert done == 32 * (PAGING.isolate_page_ps + a_machine().memory.local_ps)
    assert lab.page(last, lay.P_REFCOUNT) == 2
    assert (own(lab, 0, lay.X_SCAN), lab.counter("reclaim_rounds")) == (-32, 1)
    check_paging(lab.w)


def test_isolated_next_goes_to_the_page_or_back_to_the_window():
    """The cursor is on the page that is looked at; behind the last, on that to be read."""
    lab = paging_lab(
        Step("isolate", 0), Step("isolated_next", body=(YES,), otherwise=(NO,)), **HALF
    )
    page = held(lab)
    assert answer(lab)
    assert lab.get(0, lay.T_CURSOR) == page
    put_own(lab, 0, lay.X_ISOLATED, 0)
    put_own(lab, 0, lay.X_NEXT, 8)
    lab.put(0, lay.T_PC, 1)
    assert not answer(lab)
    assert lab.get(0, lay.T_CURSOR) == 7


@pytest.mark.parametrize(
    ("young", "marked", "kept", "flags"),
    [
        (0, 0, False, 0),
        (0, 1, False, 0),
        (1, 0, True, lay.FLAG_REFERENCED),
        (1, 1, True, lay.FLAG_REFERENCED | lay.FLAG_ACTIVE),
        (2, 0, True, lay.FLAG_REFERENCED | lay.FLAG_ACTIVE),
    ],
)
def test_page_referenced_gives_a_used_page_a_second_chance(young, marked, kept, flags):
    """Once used: kept and marked; used again, or in several mappings: active; not used: out."""
    lab = ask("page_referenced", **HALF)
    lab.on_page(0, 7)
    lab.flag(7, lay.FLAG_REFERENCED, bool(marked))
    put_own(lab, 0, lay.X_YOUNG, young)
    assert answer(lab) == kept
    assert lab.page(7, lay.P_FLAGS) & (lay.FLAG_REFERENCED | lay.FLAG_ACTIVE) == flags


@pytest.mark.parametrize(("references", "mapped", "frozen"), [(2, 0, 1), (3, 0, 0), (2, 1, 0)])
def test_freeze_page_wants_nobody_else_to_hold_the_page(references, mapped, frozen):
    """Two references, the page cache's and the own, and no pte."""
    lab = ask("freeze_page")
    lab.on_page(0, 7)
    lab.w[lab.page_at(7) + lay.P_REFCOUNT] = references
    lab.w[lab.page_at(7) + lay.P_MAPCOUNT] = mapped
    assert answer(lab) == bool(frozen)
    assert lab.page(7, lay.P_REFCOUNT) == (0 if frozen else references)


def test_begin_scan_begins_a_call_of_reclaim():
    """At least a round; a direct one is counted."""
    lab = paging_lab(Step("begin_scan", 1), **HALF)
    assert lab.go(0, 0) == PAGING.scan_setup_ps
    assert (own(lab, 0, lay.X_SCAN), lab.counter("direct_reclaims")) == (32, 1)


def test_begin_scan_takes_the_part_of_a_larger_memory():
    """What the workload says where the simulated list's own part is smaller."""
    lab = paging_lab(Step("begin_scan", 0), scan_pages=256, **HALF)
    lab.go(0, 0)
    assert own(lab, 0, lay.X_SCAN) == 256


@pytest.mark.parametrize("left", [0, 1])
def test_scans_on_as_long_as_pages_are_left_to_scan(left):
    """A call goes on until its part of the list has been looked at."""
    lab = ask("scans_on")
    put_own(lab, 0, lay.X_SCAN, left)
    assert answer(lab) == bool(left)


@pytest.mark.parametrize("active", [0, 500])
def test_active_too_many_compares_the_lists(active):
    """With less than a GiB the active list may be as long as the inactive one."""
    lab = ask("active_too_many", **HALF)
    zone = lab.w[lay.H_ZONE] + 2 * lab.w[lay.H_LINE_WORDS]
    lab.w[zone + lay.Z_LIST + lay.LIST_WORDS + lay.LIST_COUNT] = active
    assert answer(lab) == bool(active)


def test_list_empty_asks_for_the_cpus_own_frames():
    """A list without a frame."""
    lab = ask("list_empty")
    assert answer(lab)


def test_test_young_forgets_that_a_mapping_used_the_page():
    """The first look counts the use, the second finds none."""
    lab = paging_lab(Step("test_young"), Step("test_young"), **HALF)
    lab.on_page(0, 7)
    pte = lab.get(0, lay.T_PTE)
    lab.w[pte] |= 1 << 7
    lab.w[pte + lab.w[lab.w[lay.H_PAGING] + lay.G_YOUNG]] |= 1 << 7
    now = lab.go(0, 0)
    assert own(lab, 0, lay.X_YOUNG) == 1
    lab.go(0, now)
    assert own(lab, 0, lay.X_YOUNG) == 1


def test_test_young_does_not_count_a_mapping_that_is_read_in_order():
    """MADV_SEQUENTIAL: the use is forgotten, and keeps no page (VM_SEQ_READ)."""
    lab = paging_lab(Step("test_young"), advice="sequential", **HALF)
    lab.on_page(0, 7)
    pte = lab.get(0, lay.T_PTE)
    young = pte + lab.w[lab.w[lay.H_PAGING] + lay.G_YOUNG]
    lab.w[pte] |= 1 << 7
    lab.w[young] |= 1 << 7
    lab.go(0, 0)
    assert (own(lab, 0, lay.X_YOUNG), lab.w[young]) == (0, 0)


def test_look_home_goes_back_to_the_tasks_own_mapping():
    """After a walk over all mappings."""
    lab = paging_lab(Step("look_home"), mapping="per_process")
    home = lab.get(1, lay.T_PTE)
    lab.put(1, lay.T_PTE, 0)
    lab.go(1, 0)
    assert lab.get(1, lay.T_PTE) == home


def test_unmapped_one_counts_what_is_to_be_flushed():
    """The flush comes once for the round."""
    lab = paging_lab(Step("unmapped_one"))
    assert lab.go(0, 0) == PAGING.rmap_walk_ps
    assert own(lab, 0, lay.X_UNMAPPED) == 1


def test_keep_page_and_putback_bring_pages_back():
    """What is kept goes to the head of the list of its flag."""
    lab = paging_lab(Step("isolate", 0), Step("keep_page"), Step("putback", 0), **HALF)
    before = lists(lab)[0]
    page = held(lab)
    lab.flag(page, lay.FLAG_ACTIVE, True)
    now = lab.go(0, lab.get(0, lay.T_CLOCK))
    assert lab.go(0, now) == now + PAGING.putback_page_ps
    assert lists(lab) == (before - 32, 1)
    assert lab.page(page, lay.P_REFCOUNT) == 1
    check_paging(lab.w)


def test_putback_of_the_active_list_brings_all_down():
    """Whoever was active has been in the working set: the flag of that stays."""
    lab = paging_lab(Step("isolate", 0), Step("keep_page"), Step("putback", 1), **HALF)
    page = held(lab)
    lab.flag(page, lay.FLAG_ACTIVE, True)
    lab.go(0, lab.go(0, lab.get(0, lay.T_CLOCK)))
    flags = lab.page(page, lay.P_FLAGS)
    assert (flags & lay.FLAG_ACTIVE, flags & lay.FLAG_WORKINGSET) == (0, lay.FLAG_WORKINGSET)


def test_evict_page_leaves_a_shadow_and_insert_page_finds_it():
    """A page that comes back soon is active; its frame was gathered to be freed."""
    lab = paging_lab(Step("isolate", 0), Step("evict_page"), **HALF)
    page = held(lab)
    lab.go(0, lab.get(0, lay.T_CLOCK))
    shadow = lab.w[lab.w[lab.w[lay.H_PAGING] + lay.G_SHADOW] + page]
    assert shadow == 2
    assert not lab.page(page, lay.P_FLAGS) & lay.FLAG_OURS
    assert lab.get(0, lay.T_RELEASED)
    assert lab.counter("evictions") == 1
    check_paging(lab.w)


def inserting(page, **changes):
    """Return a lab in which a task has refilled its list, taken a frame, and inserts it."""
    steps = (
        Step("refill_node", 0),
        Step("take_frame"),
        Step("insert_page", body=(YES,), otherwise=(NO,)),
    )
    lab = paging_lab(*steps, **changes)
    lab.on_page(0, page)
    return lab, lab.go(0, lab.go(0, 0))


def test_refill_node_takes_a_batch_and_none_below_the_watermark():
    """Above the watermark a batch of frames; at it nothing, which takes no time."""
    lab = paging_lab(Step("refill_node", 0), **HALF)
    zone = lab.w[lay.H_ZONE] + 2 * lab.w[lay.H_LINE_WORDS]
    lab.w[zone + lay.Z_FREE] = lab.w[lab.w[lay.H_PAGING] + lay.G_LOW]
    assert lab.go(0, 0) == 0
    assert lab.cpu(0, lay.U_PCP_COUNT) == 0
    lab = paging_lab(Step("refill_node", 1), pages=512, share=0.5)
    assert lab.go(0, 0) > 0
    assert lab.cpu(0, lay.U_PCP_COUNT) == 4
    check_paging(lab.w)


def test_insert_page_puts_the_frame_in_the_page_cache():
    """Locked, for the device; two references; the marker if it is the marked one."""
    lab, now = inserting(9)
    put_own(lab, 0, lay.X_MARK, 9)
    lab.go(0, now)
    assert lab.page(9, lay.P_FLAGS) == lay.FLAG_LOCKED | lay.FLAG_OURS | lay.FLAG_READAHEAD
    assert lab.page(9, lay.P_REFCOUNT) == 2
    assert (own(lab, 0, lay.X_RUN), own(lab, 0, lay.X_RUN_PAGES)) == (10, 1)
    check_paging(lab.w)


def test_insert_page_gives_the_frame_back_if_somebody_was_faster():
    """The frame lies on the CPU's list again."""
    lab, now = inserting(9)
    lab.flag(9, lay.FLAG_LOCKED, True)
    lab.go(0, now)
    assert (lab.get(0, lay.T_FRAME), lab.cpu(0, lay.U_PCP_COUNT)) == (0, 4)
    assert lab.place(0) == "count pte_lost"


def test_join_lru_and_lru_link_put_pages_on_the_list_in_order():
    """They wait on their CPU first; the oldest comes nearest to the tail."""
    steps = (Step("refill_node", 0), Step("take_frame"), Step("insert_page", body=(), otherwise=()))
    lab = paging_lab(*steps, Step("join_lru"), Step("lru_link"))
    lab.on_page(0, 9)
    now = 0
    for _ in range(4):
        now = lab.go(0, now)
    assert lab.cpu(0, lay.U_LRU_COUNT) == 1
    check_paging(lab.w)
    lab.go(0, now)
    assert (lab.cpu(0, lay.U_LRU_COUNT), lists(lab)) == (0, (1, 0))
    assert oldest(lab)[1] == 9
    check_paging(lab.w)


def test_lru_link_empties_the_batch():
    """Nothing waits afterwards, and an empty batch is no mistake."""
    lab = paging_lab(Step("lru_link"))
    lab.go(0, 0)
    assert lists(lab) == (0, 0)


def test_flush_unmapped_interrupts_the_cpus_of_the_mm_once():
    """One flush for a round: the own TLB, and each other CPU that runs the mm."""
    lab = paging_lab(Step("flush_unmapped"), threads=3, **HALF)
    put_own(lab, 0, lay.X_UNMAPPED, 20)
    assert lab.go(0, 0) == TLB_PS["flush_all"] + TLB_PS["ipi_base"] + 2 * TLB_PS["ipi_per_cpu"]
    assert (lab.counter("shootdowns"), lab.counter("interrupts")) == (1, 2)
    assert own(lab, 0, lay.X_UNMAPPED) == 0


def test_drain_node_gives_a_batch_back():
    """From the CPU's list to the node's, so that others can have them."""
    lab = paging_lab(Step("refill_node", 0), Step("drain_node"))
    lab.go(0, lab.go(0, 0))
    assert lab.cpu(0, lay.U_PCP_COUNT) == 0
    check_paging(lab.w)


def test_wake_kswapd_and_kswapd_next():
    """It sleeps above the high watermark; whoever finds too little wakes it."""
    lab = paging_lab(Step("wake_kswapd"), threads=1, pages=512, share=0.5)
    kswapd = 1
    lab.put(kswapd, lay.T_PC, lab.get(kswapd, lay.T_PC) + 1)  # it has begun
    assert lab.go(kswapd, 0) == lay.ASLEEP
    lab.go(0, 10)
    assert kswapd in lab.woken()
    assert lab.counter("kswapd_wakeups") == 1


def test_kswapd_next_ends_with_the_workload():
    """As the device does."""
    lab = paging_lab(Step("wake_kswapd"), threads=1, pages=512, share=0.5)
    lab.w[lay.H_LIVE] = 0
    lab.go(1, lab.go(1, 0))
    assert lab.go(1, 0) == lay.ENDED


# --- the device ----------------------------------------------------------------------------------
