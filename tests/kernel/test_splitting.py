"""Steps that split folios of memory of which a part is mapped."""

import pytest
from helpers import LOCAL_PS
from memory_labs import FRAMES, HALVES, frame, mapped, memory, part, run, word, zone

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, count
from dessim.kernel.folio_parts import note_parts, queue_folio
from dessim.kernel.frames import zap_frames
from dessim.kernel.memory_invariants import check_lists
from dessim.kernel.memory_words import free_one_by_one
from dessim.kernel.splitting import SHRINK_BATCH

PAGES = 4


def waiting(*steps, folios=1, dropped=(0, 1)):
    """Return a lab whose task has folios, of which the same pages are dropped, and their frames."""
    lab = memory(*steps, anon_order=2, options={"parts": True}, workload=HALVES)
    t = lab.w[lay.H_TASK]
    frames = mapped(lab, [i * PAGES for i in range(folios)])
    for i in range(folios):
        for word_of, page in ((lay.T_CURSOR, 0), (lay.T_PAGE, 0), (lay.T_STOP, len(dropped))):
            lab.put(0, word_of, i * PAGES + dropped[0] + page)
        zap_frames(lab.w, t, 0)
        note_parts(lab.w, t, 0)
        queue_folio(lab.w, t)
    lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
    return lab, frames


def test_folio_waits_holds_while_a_folio_is_on_the_queue():
    """The shrinker has nothing to do else."""
    steps = (Step("folio_waits", body=(count("touches"),)),)
    lab, _ = waiting(*steps)
    run(lab)
    assert lab.place(0) == "count touches"
    lab = memory(*steps, anon_order=2, options={"parts": True}, workload=HALVES)
    run(lab)
    assert lab.place(0) == "stop"


def test_scan_queue_takes_a_reference_to_each_folio_of_a_batch():
    """And goes to the first page of the one that waits first."""
    lab, _ = waiting(Step("scan_queue"), folios=3)
    assert run(lab) == FRAMES.defer_folio_ps + 3 * LOCAL_PS["rmw"]
    assert lab.get(0, lay.T_SCAN) == 3
    assert lab.get(0, lay.T_CURSOR) == 2 * PAGES


def test_scan_queue_takes_a_batch_at_most():
    """A shrinker is asked for 128 at once."""
    steps = (Step("scan_queue"),)
    lab = memory(*steps, pages=1024, anon_order=2, options={"parts": True}, workload=HALVES)
    first = lab.w[lay.H_PARTS]
    for number in range(1, 131):
        lab.w[lab.w[lay.H_FRAME] + (number - 1) * lay.F_WORDS + lay.F_NEXT] = number + 1
        lab.w[first + (number - 1) * lay.FP_WORDS + lay.FP_MAPPED] = 1
    lab.put(0, lay.T_DEFERRED, 1)
    run(lab)
    assert lab.get(0, lay.T_SCAN) == SHRINK_BATCH


def test_unmap_folio_costs_by_mapped_page():
    """Migration entries for the two pages that are mapped."""
    lab, _ = waiting(Step("unmap_folio"))
    assert run(lab) == 2 * FRAMES.migrate_pte_ps
    assert lab.get(0, lay.T_MIGRATED) == 2


def test_remap_folio_costs_by_mapped_page():
    """Two pages are mapped again; the three that are split off are unlocked."""
    lab, _ = waiting(Step("unmap_folio"), Step("remap_folio"))
    now = run(lab)
    assert run(lab, now=now) - now == 2 * FRAMES.migrate_pte_ps + 3 * 2 * LOCAL_PS["rmw"]
    assert lab.get(0, lay.T_MIGRATED) == 0


def test_freeze_folio_takes_it_off_the_queue():
    """Under the lock of that."""
    lab, (number,) = waiting(Step("freeze_folio"))
    assert run(lab) == FRAMES.defer_folio_ps
    assert lab.get(0, lay.T_DEFERRED) == 0
    assert part(lab, number, lay.FP_DEFERRED) == 0
    assert lab.get(0, lay.T_PARTS) == number
    check_lists(lab.w)


@pytest.mark.parametrize(("dropped", "stay"), [((0, 1), (2, 3)), ((2, 3), (0, 1))])
def test_split_folio_makes_single_pages_of_it(dropped, stay):
    """Mapped ones are where they were, on the LRU; the others are gathered."""
    lab, (number,) = waiting(Step("freeze_folio"), Step("split_folio"), dropped=dropped)
    before = zone(lab)[3]
    now = run(lab)
    assert run(lab, now=now) - now == (PAGES - 1) * FRAMES.split_page_ps
    frames = [word(lab, lay.H_FRAME_OF, page) for page in range(PAGES)]
    assert [bool(each) for each in frames] == [page in stay for page in range(PAGES)]
    assert len(set(frames)) == 3
    assert all(part(lab, each, lay.FP_PAGES) == 1 for each in (*frames, number) if each)
    assert lab.get(0, lay.T_GATHERED) == 2
    assert zone(lab)[3] == before + PAGES - 1
    assert lab.counter("folios_split") == 1
    check_lists(lab.w)


def test_pages_that_are_not_mapped_are_freed_one_by_one():
    """Each takes the LRU's lock, is uncharged for itself, and goes to the list of single pages."""
    steps = (Step("freeze_folio"), Step("split_folio"), free_one_by_one())
    lab, _ = waiting(*steps)
    now, rounds = run(lab, steps=2), 0
    while lab.place(0) != "stop":
        rounds += lab.place(0) == "lru remove"
        now = run(lab, now=now)
    assert rounds == 2
    assert lab.cpu(0, lay.U_SINGLE_HEAD + lay.U_PCP_COUNT - lay.U_PCP_HEAD) == 2
    assert lab.get(0, lay.T_UNCHARGED) == 0
    check_lists(lab.w)


@pytest.mark.parametrize(("more", "then"), [(0, "count touches"), (1, "scan queue")])
def test_next_scan_goes_on_while_folios_wait(more, then):
    """A batch may not be all of them."""
    body = (Step("freeze_folio"), Step("split_folio"))
    steps = Step("each_scan", body=(Step("scan_queue"), Step("each_folio_to_split", body=body)))
    lab, frames = waiting(steps, count("touches"))
    now = 0
    while lab.place(0) != "next scan":
        now = run(lab, now=now)
    lab.put(0, lay.T_DEFERRED, more * frames[0])
    run(lab, now=now)
    assert lab.place(0) == then


def test_next_folio_to_split_and_scans_go_through_all_that_waits():
    """One after the other, each at its own first page."""
    body = (Step("freeze_folio"), Step("split_folio"))
    steps = Step("each_scan", body=(Step("scan_queue"), Step("each_folio_to_split", body=body)))
    lab, frames = waiting(steps, count("touches"), folios=3)
    seen, now = [], 0
    while lab.place(0) != "count touches":
        if lab.place(0) == "freeze folio":
            seen.append(lab.get(0, lay.T_CURSOR))
        now = run(lab, now=now)
    assert seen == [2 * PAGES, PAGES, 0]
    assert lab.counter("folios_split") == 3
    assert all(frame(lab, number, lay.F_WHERE) == lay.FRAME_GATHERED for number in frames)
    check_lists(lab.w)
