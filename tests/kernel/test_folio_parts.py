"""Steps about folios of memory of which a part is mapped, and about what MADV_DONTNEED drops."""

import pytest
from helpers import LOCAL_PS, TLB, TLB_PS
from memory_labs import FRAMES, HALVES, NO, YES, frame, mapped, memory, part, run, word

from dessim.kernel import layout as lay
from dessim.kernel.addressing import part_at
from dessim.kernel.alphabet import Step, count, lock, unlock
from dessim.kernel.folio_parts import note_parts
from dessim.kernel.frames import zap_frames
from dessim.kernel.invariants import BrokenError
from dessim.kernel.memory_invariants import check_lists
from dessim.kernel.memory_words import (
    allocate_page,
    charge_page,
    count_page,
    drop_memory,
    flush_region,
    free_gathered,
    map_memory,
    of_single_pages,
    zap_memory,
    zero_page,
)
from dessim.kernel.part_invariants import check_parts_at_rest, queues_of

PAGES = 4
ALONE = of_single_pages(allocate_page())
OPTIONS = {"parts": True, "contpte": False, "folio_counts": "mapcount", "defers_split": "large"}


def parts(*steps, batched=True, options=(), workload=(), order=2, **given):
    """Return a lab whose tasks have folios of four pages, of which they may drop parts."""
    return memory(
        *steps,
        anon_order=order,
        batched=batched,
        options=OPTIONS | dict(options),
        workload=HALVES | dict(workload),
        **given,
    )


def queued(lab):
    """Return the folios on each deferred split queue."""
    return [lab.w[queue + lay.SPLIT_LENGTH] for queue in queues_of(lab.w)]


def drop(lab, first, stop, task=0):
    """Let a range be what is unmapped next."""
    lab.put(task, lay.T_CURSOR, first)
    lab.put(task, lay.T_PAGE, first)
    lab.put(task, lay.T_STOP, stop)


def dropped(lab, first, stop):
    """Unmap a range as zap_frames does, at once."""
    drop(lab, first, stop)
    zap_frames(lab.w, lab.w[lay.H_TASK], 0)
    note_parts(lab.w, lab.w[lay.H_TASK], 0)


def alone(lab, page):
    """Map a single page."""
    lab.on_page(0, page)
    run(lab, steps=3)


def test_folio_fits_only_where_all_of_its_ptes_are_clear():
    """One page of its place that is mapped is enough for a single page to be taken."""
    for page, place in ((5, "pte lost"), (9, "touches")):
        lab = parts(Step("folio_fits", body=(YES,), otherwise=(NO,)))
        mapped(lab, [4])
        dropped(lab, 4, 7)  # the last of four is left
        lab.on_page(0, page)
        run(lab)
        assert lab.place(0) == f"count {place.replace(' ', '_')}"


def test_folio_or_page_takes_single_pages_from_a_list_of_their_own():
    """With a batch of its own from the zone; zeroed, charged, counted and mapped as one page."""
    lab = parts(*ALONE, zero_page(), *charge_page(), *count_page(), map_memory())
    lab.on_page(0, 6)
    now = run(lab, steps=2)  # empty; the zone's lock
    assert lab.w[lay.H_SINGLE_BATCH] == 63
    now = run(lab, now=now, steps=3)
    single = lab.get(0, lay.T_FRAME)
    assert part(lab, single, lay.FP_PAGES) == 1
    assert lab.cpu(0, lay.U_SINGLE_HEAD + lay.U_PCP_COUNT - lay.U_PCP_HEAD) == 62
    assert lab.cpu(0, lay.U_PCP_COUNT) == 0
    assert run(lab, now=now) == now + FRAMES.zero_page_ps
    while lab.place(0) != "stop":
        now = run(lab, now=now)
    assert lab.cpu(0, lay.U_STOCK) == 63
    assert lab.get(0, lay.T_RSS) == 1
    assert [lab.mapped(0, page) for page in range(5, 8)] == [0, 1, 0]
    assert word(lab, lay.H_FRAME_OF, 6) == single
    check_lists(lab.w)


def test_drop_frame_gives_a_single_page_back_to_its_own_list():
    """It is uncharged as one page."""
    lab = parts(*ALONE, drop_memory())
    run(lab, steps=5)
    before = lab.cpu(0, lay.U_SINGLE_HEAD + lay.U_PCP_COUNT - lay.U_PCP_HEAD)
    run(lab)
    assert lab.cpu(0, lay.U_SINGLE_HEAD + lay.U_PCP_COUNT - lay.U_PCP_HEAD) == before + 1
    assert lab.get(0, lay.T_UNCHARGED) == 1


def test_map_frame_notes_the_folio_of_each_of_its_pages():
    """What has become of a part of it is asked page by page."""
    lab = parts()
    (number,) = mapped(lab, [4])
    assert [word(lab, lay.H_FRAME_OF, page) for page in range(4, 8)] == [number] * PAGES
    assert part(lab, number, lay.FP_MAPPED) == PAGES
    assert part(lab, number, lay.FP_FIRST) == 4


@pytest.mark.parametrize(("counts", "rmws"), [("none", 0), ("mapped", 1), ("mm_ids", 3)])
@pytest.mark.parametrize(("batched", "runs"), [(True, 1), (False, 2)])
def test_zap_frames_of_a_part_keeps_the_folio(batched, runs, counts, rmws):
    """Its counts are lowered, once or for each pte; nothing is gathered, two pages are flushed."""
    lab = parts(*zap_memory(), batched=batched, options={"folio_counts": counts}, tlb=TLB)
    (number,) = mapped(lab, [4])
    drop(lab, 4, 6)
    each = FRAMES.zap_page_ps + 2 * FRAMES.page_statistics_ps
    expected = runs * (each + rmws * LOCAL_PS["rmw"]) + (2 - runs) * FRAMES.zap_pte_ps
    assert run(lab) == expected
    assert lab.get(0, lay.T_GATHERED) == 0
    assert lab.get(0, lay.T_CLEARED) == 2
    assert lab.get(0, lay.T_RSS) == -2
    assert part(lab, number, lay.FP_MAPPED) == 2
    assert frame(lab, number, lay.F_WHERE) == lay.FRAME_MAPPED
    assert lab.get(0, lay.T_PARTS) == number


def test_flush_region_flushes_what_was_cleared_of_folios_that_stay():
    """No frame was gathered, and yet translations are flushed; then there is nothing to flush."""
    lab = parts(Step("gather_full", 1, body=(flush_region(),)), tlb=TLB, threads=3)
    mapped(lab, [4])
    dropped(lab, 4, 6)
    lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
    run(lab)
    assert lab.place(0) == "flush region"
    assert run(lab) >= min(2 * TLB_PS["invlpg"], TLB_PS["flush_all"])
    assert lab.get(0, lay.T_CLEARED) == 0


def test_part_found_and_queue_folio_put_both_ends_of_a_range_on_the_queue():
    """Folios at the ends, in whose middle the range begins and ends; not those between."""
    lab = parts(*zap_memory())
    first, between, last = mapped(lab, [0, 4, 8])
    drop(lab, 2, 10)
    now = run(lab)
    assert lab.place(0) == "part found"
    while lab.place(0) != "stop":
        now = run(lab, now=now)
    assert queued(lab) == [2]
    assert lab.counter("folios_deferred") == 2
    assert [part(lab, n, lay.FP_DEFERRED) for n in (first, between, last)] == [1, 0, 1]
    assert frame(lab, between, lay.F_WHERE) == lay.FRAME_GATHERED
    assert lab.spent(0, "split") >= 2 * FRAMES.defer_folio_ps
    check_lists(lab.w)


def test_queue_folio_is_not_done_again_for_a_folio_that_waits():
    """A further part of it goes without the queue's lock."""
    lab = parts(Step("part_found", body=(Step("queue_folio"),)))
    mapped(lab, [0])
    dropped(lab, 0, 1)
    run(lab, steps=2)
    dropped(lab, 1, 2)
    assert lab.get(0, lay.T_PARTS) == 0
    assert queued(lab) == [1]


@pytest.mark.parametrize(
    ("order", "only_pmd", "noted"), [(1, 0, 0), (2, 0, 1), (2, 1, 0), (9, 1, 1)]
)
def test_part_found_only_for_folios_that_a_kernel_queues(order, only_pmd, noted):
    """Four pages at least; up to 6.7 those of a whole page table."""
    lab = parts(order=order, pages=512)
    mapped(lab, [0])
    drop(lab, 0, 1)
    zap_frames(lab.w, lab.w[lay.H_TASK], 0)
    note_parts(lab.w, lab.w[lay.H_TASK], only_pmd)
    assert (lab.get(0, lay.T_PARTS) > 0) == noted


def test_deferred_gathered_and_unqueue_folio_precede_the_freeing_of_a_folio_that_waits():
    """Its last page goes: it is taken off the queue under that lock, then freed."""
    lab = parts(Step("queue_folio"), free_gathered())
    frames = mapped(lab, [0, 4])
    dropped(lab, 0, 2)
    now = run(lab)
    assert queued(lab) == [1]
    dropped(lab, 2, 8)
    assert lab.get(0, lay.T_DEFERRED) == 0
    assert queued(lab) == [1]
    now = run(lab, now=now)
    assert lab.place(0) == "lock split_queue"
    now = run(lab, now=now, steps=2)
    assert queued(lab) == [0]
    while lab.place(0) != "stop":
        now = run(lab, now=now)
    assert [frame(lab, number, lay.F_WHERE) for number in frames] == [lay.FRAME_ON_CPU] * 2
    check_lists(lab.w)


def test_unqueue_folio_shortens_the_queue():
    """The folio itself stays with what is freed next."""
    lab = parts(Step("queue_folio"), Step("each_deferred", body=(Step("unqueue_folio"),)))
    (number,) = mapped(lab, [0])
    dropped(lab, 0, 2)
    run(lab)
    dropped(lab, 2, 4)
    while lab.place(0) != "unqueue folio":
        run(lab)
    assert queued(lab) == [1]
    run(lab)
    assert queued(lab) == [0]
    assert frame(lab, number, lay.F_WHERE) == lay.FRAME_GATHERED


def test_next_deferred_goes_on_with_the_next_folio_of_the_batch():
    """Each has a section of the lock of its own."""
    lab = parts(
        Step("part_found", body=(Step("queue_folio"),)),
        Step("part_found", body=(Step("queue_folio"),)),
        Step("each_deferred", body=(Step("unqueue_folio"),)),
        count("touches"),
    )
    mapped(lab, [0, 4])
    dropped(lab, 2, 6)
    run(lab, steps=4)
    dropped(lab, 0, 8)
    run(lab)
    assert queued(lab) == [1]
    run(lab)
    assert lab.place(0) == "unqueue folio"
    run(lab, steps=2)
    assert queued(lab) == [0]
    assert lab.place(0) == "count touches"


@pytest.mark.parametrize(("depth", "queues"), [(0, 2), (3, 1)])
def test_the_split_queue_is_that_of_the_memory_cgroup_or_of_the_node(depth, queues):
    """Without memory cgroups each node has one, near to it."""
    lab = parts(lock("split_queue"), unlock("split_queue"), workload={"memcg_depth": depth})
    assert len(queues_of(lab.w)) == queues
    run(lab)
    assert lab.w[queues_of(lab.w)[0] - lab.w[lay.H_LINE_WORDS] + lay.K_HOLD] == -1


@pytest.mark.parametrize(
    ("share", "every", "ranges"),
    [
        (500_000, 0, [(0, 5)]),
        (500_000, 4, [(0, 2), (4, 6), (8, 10)]),
        (1, 4, [(0, 1), (4, 5), (8, 9)]),
        (1_000_000, 4, [(0, 4), (4, 8), (8, 10)]),
    ],
)
def test_pick_drop_and_next_drop_go_through_the_region(share, every, ranges):
    """A share of each part of the region, a page at least; the last ends with the region."""
    workload = {"dropped_ppm": share, "drop_every_bytes": every * 4096}
    lab = parts(Step("each_drop", body=(count("touches"),)), pages=10, order=1, workload=workload)
    found = []
    run(lab)
    while lab.place(0) == "count touches":
        found.append((lab.get(0, lay.T_CURSOR), lab.get(0, lay.T_STOP)))
        run(lab, steps=2)
    assert found == ranges


def test_next_drop_moves_the_range():
    """It begins where the part of the region does that is dropped next."""
    workload = {"dropped_ppm": 500_000, "drop_every_bytes": 4 * 4096}
    lab = parts(Step("each_drop", body=(count("touches"),)), pages=8, order=1, workload=workload)
    while lab.place(0) != "next drop":
        run(lab)
    assert lab.get(0, lay.T_CURSOR) == 0
    run(lab)
    assert (lab.get(0, lay.T_CURSOR), lab.get(0, lay.T_STOP)) == (4, 6)
    assert lab.place(0) == "count touches"


def test_a_frame_that_counts_other_pages_than_it_has_is_found():
    """And so is a queue that counts another number of folios, or is not empty at the end."""
    lab = parts(Step("queue_folio"))
    (number,) = mapped(lab, [0])
    check_lists(lab.w)
    lab.w[part_at(lab.w, number) + lay.FP_MAPPED] = 3
    with pytest.raises(BrokenError, match="counts 3 of 4"):
        check_lists(lab.w)
    lab.w[part_at(lab.w, number) + lay.FP_MAPPED] = 4
    lab.w[queues_of(lab.w)[0] + lay.SPLIT_LENGTH] = 1
    with pytest.raises(BrokenError, match="count 1 folios of 0"):
        check_lists(lab.w)
    with pytest.raises(BrokenError, match="waits to be split at the end"):
        check_parts_at_rest(lab.w)
    lab.w[queues_of(lab.w)[0] + lay.SPLIT_LENGTH] = 0
    lab.w[part_at(lab.w, number) + lay.FP_DEFERRED] = 1
    with pytest.raises(BrokenError, match="not mapped in part"):
        check_lists(lab.w)


def test_pages_that_get_lost_are_found():
    """Memory has as many pages at all times."""
    lab = parts()
    lab.w[part_at(lab.w, 1) + lay.FP_PAGES] -= 1
    with pytest.raises(BrokenError, match="memory has"):
        check_lists(lab.w)
