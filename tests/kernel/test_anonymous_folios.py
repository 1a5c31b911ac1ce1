"""Steps about folios of memory: what one fault allocates, charges, maps and gives back at once."""

import pytest
from helpers import a_machine
from memory_labs import BATCH, FRAMES, frame, give, mapped, memory, run, word, zone

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.frames import zap_frames
from dessim.kernel.memory_invariants import check_lists
from dessim.kernel.memory_words import (
    add_to_lru,
    allocate_page,
    charge_page,
    count_page,
    drop_memory,
    flush_region,
    free_gathered,
    map_memory,
    zap_memory,
    zero_page,
)
from dessim.kernel.setup import Batches, WorldError

ORDER = 2
PAGES = 1 << ORDER
SET_PTE = a_machine().kernel.set_pte_ps


def folios(*steps, order=ORDER, **given):
    """Return a lab whose tasks allocate folios."""
    return memory(*steps, anon_order=order, **given)


def test_take_frame_prepares_each_page_of_the_folio():
    """The first page costs an allocation, each of the others the preparation of a tail."""
    lab = folios(*allocate_page()[1:])
    give(lab, 0, 1)
    assert run(lab) == FRAMES.alloc_frame_ps + (PAGES - 1) * FRAMES.folio_tail_ps


def test_fill_frame_zeroes_all_of_the_folio():
    """Zeroing grows with the bytes."""
    lab = folios(zero_page())
    assert run(lab) == PAGES * FRAMES.zero_page_ps


def test_map_frame_maps_the_folio_around_the_cursor():
    """The folio lies where its size is aligned; its first page knows its frame."""
    lab = folios(*allocate_page()[1:], map_memory())
    give(lab, 0, 1)
    lab.on_page(0, 6)
    before = run(lab)
    number = lab.get(0, lay.T_FRAME)
    single = folios(*allocate_page()[1:], map_memory(), order=0)
    give(single, 0, 1)
    single.on_page(0, 6)
    alone = run(single)
    took = run(lab, now=before) - before
    assert took == run(single, now=alone) - alone + (PAGES - 1) * SET_PTE
    assert [lab.mapped(0, page) for page in range(3, 9)] == [0, 1, 1, 1, 1, 0]
    assert [word(lab, lay.H_FRAME_OF, page) for page in range(4, 8)] == [number, 0, 0, 0]
    assert lab.counter("pages_mapped") == PAGES
    check_lists(lab.w)


def test_drop_frame_is_to_be_uncharged_with_all_its_pages():
    """Counts of memory cgroups are in pages."""
    lab = folios(*allocate_page()[1:], drop_memory())
    give(lab, 0, 1)
    run(lab, steps=2)
    assert lab.get(0, lay.T_UNCHARGED) == PAGES


def test_use_stock_and_count_rss_take_all_pages_of_the_folio():
    """A charge of a batch serves a quarter as many folios of four pages."""
    lab = folios(*charge_page(), *count_page())
    now = run(lab, steps=5)
    assert lab.cpu(0, lay.U_STOCK) == 64
    now = run(lab, now=now)
    assert lab.cpu(0, lay.U_STOCK) == 64 - PAGES
    run(lab, now=now)
    assert lab.get(0, lay.T_RSS) == PAGES


def test_stock_empty_holds_while_the_stock_is_less_than_a_folio():
    """A rest that does not cover a folio is of no use to it."""
    for stock, place in ((PAGES - 1, "charge level 0"), (PAGES, "use stock")):
        lab = folios(*charge_page())
        lab.w[lab.get(0, lay.T_CPU) + lay.U_STOCK] = stock
        run(lab)
        assert lab.place(0) == place


def test_a_folio_larger_than_the_batch_is_charged_as_a_whole():
    """try_charge_memcg(): the batch is the greater of both."""
    lab = folios(order=9, pages=1024)
    assert lab.w[lay.H_MEMCG_BATCH] == 512


def test_a_folio_goes_on_the_lru_at_once():
    """A large folio does not wait for a batch."""
    lab = folios(*allocate_page()[1:], *add_to_lru())
    give(lab, 0, 1)
    run(lab, steps=3)
    assert lab.place(0) == "lock lru_lock"
    run(lab, now=10**9, steps=3)
    assert zone(lab)[3] == 1


@pytest.mark.parametrize(("batched", "folio_count"), [(False, 8), (True, 2)])
def test_zap_frames_unmaps_page_by_page_or_folio_by_folio(batched, folio_count):
    """Where ptes are cleared in one go, all but one of a folio are cheap."""
    lab = folios(*zap_memory(), batched=batched)
    frames = mapped(lab, [0, PAGES])
    pages = 2 * PAGES
    each = FRAMES.zap_page_ps + 2 * FRAMES.page_statistics_ps
    assert run(lab) == folio_count * each + (pages - folio_count) * FRAMES.zap_pte_ps
    assert lab.get(0, lay.T_GATHERED) == len(frames)
    assert lab.counter("ptes_cleared") == pages
    assert [frame(lab, number, lay.F_WHERE) for number in frames] == [lay.FRAME_GATHERED] * 2
    check_lists(lab.w)


def test_flush_region_flushes_pages_not_folios():
    """The ceiling of a flush page by page is one of pages."""
    per_page = {
        "l1_entries": 64,
        "l1_ways": 4,
        "l2_entries": 512,
        "l2_ways": 4,
        "flush_ceiling_pages": 33,
        "invlpg_ps": 100,
        "flush_all_ps": 7_000,
    }
    for gathered, expected in ((8, 8 * PAGES * 100), (9, 7_000)):
        lab = folios(flush_region(), tlb=per_page)
        lab.put(0, lay.T_GATHERED, gathered)
        lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
        assert run(lab) == expected


def test_free_frames_checks_each_page_and_uncharges_once():
    """A folio is freed and uncharged as one; its tails are looked at one by one."""
    lab = folios(free_gathered())
    mapped(lab, [0, PAGES])
    zap_frames(lab.w, lab.w[lay.H_TASK], 0)
    now = run(lab, steps=3)
    expected = 2 * (
        FRAMES.free_page_ps + FRAMES.uncharge_page_ps + (PAGES - 1) * FRAMES.folio_tail_ps
    )
    assert run(lab, now=now) == now + expected
    assert lab.get(0, lay.T_UNCHARGED) == 2 * PAGES
    check_lists(lab.w)


@pytest.mark.parametrize(("order", "batch"), [(0, BATCH), (1, 31), (3, 7), (4, 1), (8, 1), (9, 2)])
def test_the_zone_hands_out_folios_in_batches_up_to_order_three_and_of_two_mib(order, batch):
    """Other orders are not kept on the lists of CPUs."""
    lab = folios(Step("refill_pcp"), order=order, pages=2048)
    assert lab.w[lay.H_PCP_BATCH] == batch
    if batch == 1:
        assert lab.w[lay.H_PCP_HIGH] == 1


def test_a_region_that_is_no_multiple_of_a_folio_is_refused():
    """The remedy is in the message."""
    with pytest.raises(WorldError, match="6 pages is not a multiple of a folio of 4"):
        folios(pages=6)


def test_folio_batches_are_off_or_on():
    """An option of a scheme that is true or false."""
    assert Batches.among({"folio_batches": True}).folio_batches == 1
    assert Batches.among({"folio_batches": False}).folio_batches == 0
