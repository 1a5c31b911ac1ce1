"""Blocks of ptes with the contiguous bit: an entry of a TLB each, cleared where they change."""

import pytest
from helpers import TLB, TLB_PS, a_machine, a_workload
from memory_labs import FRAMES, mapped, memory, run
from whole_runs import assert_engines_agree, counter, ran

from dessim import registry
from dessim.errors import UserError
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.frames import map_frame, refill_pcp, take_frame, zap_frames
from dessim.kernel.memory_invariants import check_memory_at_rest
from dessim.kernel.memory_words import convert_blocks
from dessim.kernel.setup import CONTPTE_ORDERS, Batches, Setup, WorldError
from dessim.kernel.tlb import shoot_down, translate_ps
from dessim.kernel.world import build_world
from dessim.model.workload import PAGE_BYTES
from dessim.study.sweep.plan import features_of

PAGES = 16
WALK, L2_HIT = TLB_PS["page_walk"], TLB_PS["l2_hit"]
FLUSH = PAGES * TLB_PS["invlpg"]
CONVERT = PAGES * FRAMES.contpte_pte_ps
ARM = {"tlb": {**TLB, "contiguous_bit": True}}
DROPS = {"after_sweep": "dontneed", "dropped_ppm": 100_000, "drop_every_bytes": 32 * PAGE_BYTES}
"""Changes of a workload that drops three pages of each 32."""


def blocks(*steps, order=5, pages=128, folded=True, **given):
    """Return a lab whose first two folios of 32 pages are mapped, with the bit set."""
    machine = {"tlb": dict(TLB)} | given
    lab = memory(*steps, anon_order=order, pages=pages, workload=DROPS, **machine)
    lab.w[lay.H_CONTPTE] = 4 if folded else 0
    mapped(lab, [0, 1 << order])
    lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
    return lab


def over(lab, first, stop):
    """Let the task's range be some pages."""
    for word, page in ((lay.T_PAGE, first), (lay.T_CURSOR, first), (lay.T_STOP, stop)):
        lab.put(0, word, page)
    return lab


def translate(lab, page, task=0):
    """Return ps to translate an access of a task to a page."""
    return translate_ps(lab.w, lab.w[lay.H_TASK] + task * lay.T_WORDS, page, 0)


# --- the TLB ------------------------------------------------------------------------------------


def test_a_block_takes_one_entry_and_one_walk():
    """The first of its pages walks; the other fifteen find its entry. The next block walks."""
    lab = blocks()
    assert [translate(lab, page) for page in range(17)] == [WALK, *[0] * 15, WALK]
    assert lab.counter("tlb_misses") == 2


def test_without_the_bit_each_page_walks():
    """The same folio."""
    lab = blocks(folded=False)
    assert [translate(lab, page) for page in range(17)] == [WALK] * 17


def test_as_many_blocks_as_entries_stay():
    """A TLB of eight entries reaches as far as eight blocks: those of these folios are at hand."""
    lab = blocks()
    pages = range(64)
    assert sum(translate(lab, page) for page in pages) == 4 * WALK
    assert sum(translate(lab, page) for page in pages) == 0


def test_a_block_of_which_a_page_is_gone_is_no_block():
    """What is left of it walks page by page; the folio's other block does not."""
    lab = over(blocks(), 3, 4)
    zap_frames(lab.w, lab.w[lay.H_TASK], 0)
    assert [translate(lab, page) for page in (0, 1, 2, 16, 17)] == [WALK] * 4 + [0]


def test_a_single_page_in_the_place_of_what_was_dropped_makes_no_block():
    """All ptes are set, but not all of one folio."""
    lab = over(blocks(), 3, 4)
    t = lab.w[lay.H_TASK]
    zap_frames(lab.w, t, 0)
    refill_pcp(lab.w, t, 1)
    take_frame(lab.w, t, 0, 1)
    lab.put(0, lay.T_CURSOR, 3)
    map_frame(lab.w, t)
    assert all(lab.mapped(0, page) for page in range(16))
    assert [translate(lab, page) for page in (0, 1, 3)] == [WALK] * 3


def test_a_flush_of_any_page_forgets_its_block():
    """TLBI of an address within what an entry covers."""
    lab = blocks()
    for page in (0, 16):
        translate(lab, page)
    shoot_down(lab.w, 0, lab.get(0, lay.T_MAPPING), 5, 1)
    assert translate(lab, 17) == 0
    assert translate(lab, 1) == WALK


# --- steps --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "stop", "times"),
    [
        (0, 16, 0),  # a whole block
        (0, 64, 0),  # whole folios
        (0, 3, 1),  # its beginning
        (13, 16, 1),  # its end
        (3, 4, 1),  # its middle: both ends are in the same block
        (3, 20, 2),  # parts of two
        (3, 36, 2),  # parts of two, and one between that stays
        (70, 75, 0),  # what is not mapped
    ],
)
def test_convert_and_flush_blocks_at_the_ends_once_each(first, stop, times):
    """contpte_try_unfold_partial(): whole blocks keep the bit."""
    lab = over(blocks(*convert_blocks(lay.BLOCKS_AT_ENDS)), first, stop)
    now = run(lab)
    assert now == times * CONVERT
    assert run(lab, now=now) - now == times * FLUSH
    assert lab.counter("shootdowns") == times


def test_flush_blocks_forgets_the_entry_of_a_block():
    """That of the next block stays."""
    lab = over(blocks(Step("flush_blocks", lay.BLOCKS_AT_ENDS)), 3, 4)
    for page in (0, 16):
        translate(lab, page)
    run(lab)
    assert translate(lab, 17) == 0
    assert translate(lab, 0) == WALK


def test_convert_blocks_takes_no_time_where_no_pte_has_the_bit():
    """A folio smaller than a block, or another machine."""
    lab = over(blocks(*convert_blocks(lay.BLOCKS_AT_ENDS), folded=False), 3, 4)
    assert run(lab, steps=2) == 0
    assert lab.counter("shootdowns") == 0


def test_convert_blocks_of_a_table_twice_each():
    """Pte by pte: off before the first pte goes, on where the last arrives."""
    lab = over(blocks(*convert_blocks(lay.BLOCKS_OF_TABLE, "mremap")), 0, 64)
    now = run(lab)
    assert now == 2 * 4 * CONVERT
    assert run(lab, now=now) - now == 2 * 4 * FLUSH
    assert lab.counter("shootdowns") == 8
    assert lab.spent(0, "mremap") == now


def test_convert_blocks_of_the_folio_that_is_split():
    """Of two blocks one lost the bit when a part of it was dropped."""
    lab = over(blocks(*convert_blocks(lay.BLOCKS_OF_FOLIO, "split")), 3, 4)
    zap_frames(lab.w, lab.w[lay.H_TASK], 0)
    lab.put(0, lay.T_CURSOR, 0)
    now = run(lab)
    assert now == CONVERT
    assert run(lab, now=now) - now == FLUSH


# --- whole runs ---------------------------------------------------------------------------------


def on_arm(workload, column, threads=1, contpte=True, order=4):
    """Return a run on a machine whose ptes have the bit."""
    scheme, machine = registry.load(column), a_machine(**ARM)
    chosen = {"contpte": contpte}
    features = dict(features_of(workload, machine))
    program = registry.thread_program(scheme, chosen, order, **features)
    batches = Batches.among(registry.options_of(scheme, chosen))
    given = {"folio_order": workload.folio_order, "batches": batches}
    return Setup(machine, workload, program, threads, order, None, 1, 0, **given)


def arm(column="linux_6_12", threads=1, pages=64, contpte=True, **values):
    """Return a run of tasks that begin together and write to folios of 32 pages."""
    usual = {"fault": "anonymous", "phases": "same", "mapping": "per_thread", "anon_order": 5}
    return on_arm(a_workload(pages, **usual | values), column, threads, contpte)


def reads(column="linux_6_12", order=4, **values):
    """Return a run of a thread that reads 64 pages of a file in folios."""
    return on_arm(a_workload(64, page_touch="touch_word", **values), column, order=order)


def flushes(**values):
    """Return how many flushes a run has more with the bit than without."""
    with_bit, without = (
        counter(ran(arm(contpte=it, **values)), "shootdowns") for it in (True, False)
    )
    return with_bit - without


def test_a_sweep_walks_once_a_block():
    """Four blocks instead of 64 pages, each sweep."""
    values = {"sweeps": 2}
    assert counter(ran(arm(**values)), "tlb_misses") == 2 * 4
    assert counter(ran(arm(contpte=False, **values)), "tlb_misses") == 2 * 64


@pytest.mark.parametrize("after", ["munmap", "fork", "exit", "dontneed"])
def test_what_is_unmapped_or_copied_as_a_whole_keeps_the_bit(after):
    """contpte_clear_full_ptes(), contpte_wrprotect_ptes(): no step, no time, no flush more."""
    values = {"sweeps": 2, "after_sweep": after}
    if after == "exit":
        values |= {"mapping": "per_process"}
    listing = arm(**values).program.listing
    assert not any("blocks" in line for line in listing)
    assert flushes(**values) == 0


def test_what_is_dropped_in_part_loses_the_bit_once():
    """Two folios of two blocks, of each of which one loses three pages, in the first sweep."""
    assert flushes(sweeps=3, **DROPS) == 2


def test_splitting_takes_the_bit_of_the_other_blocks():
    """Two more."""
    assert flushes(sweeps=3, split_folios=True, **DROPS) == 4


@pytest.mark.parametrize(
    ("column", "moves", "more"),
    [("linux_6_12", "ptes", 16), ("linux_6_17", "ptes", 0), ("linux_6_12", "tables", 0)],
)
def test_mremap_takes_the_bit_and_gives_it_back_up_to_6_16(column, moves, more):
    """Twice for each of four blocks, two moves."""
    values = {"after_sweep": "mremap", "moves": moves, "calls": 2, "sweeps": 1}
    assert flushes(column=column, **values) == more


@pytest.mark.parametrize("mapping", ["per_process", "per_thread"])
@pytest.mark.parametrize(
    "values",
    [
        {"sweeps": 2},
        {"sweeps": 3, **DROPS},
        {"sweeps": 3, "split_folios": True, **DROPS},
        {"sweeps": 2, "after_sweep": "mremap", "moves": "ptes"},
        {"sweeps": 2, "after_sweep": "fork"},
    ],
    ids=["munmap", "parts", "splits", "mremap", "fork"],
)
def test_engines_agree_on_blocks(values, mapping):
    """Word by word at the end; memory adds up."""
    setup = arm(threads=3, mapping=mapping, **values)
    assert_engines_agree(setup)
    check_memory_at_rest(ran(setup))


@pytest.mark.parametrize(("folio_order", "walks"), [(3, 64), (4, 4), (6, 4)])
def test_a_window_that_covers_blocks_of_a_file_sets_their_bit(folio_order, walks):
    """In folios of eight pages no block is one folio's."""
    setup = reads(folio_order=folio_order)
    assert counter(ran(setup), "tlb_misses") == walks
    assert_engines_agree(setup)


@pytest.mark.parametrize(("column", "walks"), [("linux_6_12", 64), ("linux_6_18", 4)])
def test_a_window_smaller_than_a_block_sets_no_bit_unless_folios_are_mapped_whole(column, walks):
    """From 6.18 on a fault maps its folio."""
    assert counter(ran(reads(column, order=2, folio_order=6)), "tlb_misses") == walks


@pytest.mark.parametrize(("page_bytes", "order"), [(4096, 4), (16_384, 7), (65_536, 5)])
def test_a_block_is_64_kib_or_2_mib(page_bytes, order):
    """CONFIG_ARM64_CONT_PTE_SHIFT."""
    assert CONTPTE_ORDERS[page_bytes] == order
    assert (page_bytes << order) in (64 << 10, 2 << 20)


# --- what does not go together ------------------------------------------------------------------


def test_a_machine_without_the_bit_is_refused():
    """x86: the remedy is in the message."""
    setup = arm()
    other = Setup(
        a_machine(), setup.workload, setup.program, 1, 4, None, 1, 0, batches=setup.batches
    )
    with pytest.raises(WorldError, match="'test' have none: drop the option, or take a machine"):
        build_world(other)


def test_pages_of_a_file_that_are_unmapped_meanwhile_are_refused():
    """That would clear the bit, and nothing would be paid for it."""
    with pytest.raises(WorldError, match="drop the option, or actors and unmap_every_pages"):
        build_world(reads(folio_order=4, unmap_every_pages=16))


@pytest.mark.parametrize("column", ["linux_5_15", "linux_6_1", "linux_6_6"])
def test_kernels_before_6_9_are_refused(column):
    """They unmap the ptes of a folio one by one, and have no contpte."""
    with pytest.raises(UserError, match="contpte=True and folio_batches=False"):
        arm(column)


def test_off_nothing_is_there():
    """The same program, and no word of the World that says so."""
    on_x86 = registry.thread_program(registry.load("linux_6_12"), {}, 0, fault="anonymous")
    assert not any("blocks" in line for line in on_x86.listing)
    assert build_world(arm(contpte=False))[lay.H_CONTPTE] == 0
