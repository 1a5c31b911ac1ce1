"""Steps of system calls on a region: fork, and the latencies of calls."""

import pytest
from helpers import TLB_PS, a_machine
from memory_labs import FRAMES, mapped, memory, run

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, count
from dessim.kernel.memory_words import call

TLB = {"l1_entries": 64, "l1_ways": 4, "l2_entries": 512, "l2_ways": 4, "flush_ceiling_pages": 33}


def test_copy_ptes_costs_each_pte_and_each_page():
    """Where ptes are copied one by one, each looks its page up."""
    lab = memory(Step("copy_ptes"))
    mapped(lab, [1, 2, 5])
    assert run(lab) == 3 * (FRAMES.fork_pte_ps + FRAMES.fork_page_ps)
    assert lab.spent(0, "fork") == 3 * (FRAMES.fork_pte_ps + FRAMES.fork_page_ps)
    assert lab.counter("ptes_copied") == 3
    assert [lab.mapped(0, page) for page in (1, 2, 5)] == [1, 1, 1]


def test_copy_ptes_looks_a_folio_up_once_if_its_ptes_are_copied_in_one_go():
    """From Linux 6.9 on."""
    lab = memory(Step("copy_ptes"), anon_order=2, batched=True)
    mapped(lab, [0, 4])
    assert run(lab) == 8 * FRAMES.fork_pte_ps + 2 * FRAMES.fork_page_ps


def test_flush_mm_flushes_everything_and_interrupts_the_others():
    """flush_tlb_mm() of a parent whose ptes were write-protected."""
    tlb = TLB | {f"{name}_ps": ps for name, ps in TLB_PS.items()}
    lab = memory(Step("flush_mm"), tlb=tlb)
    lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
    assert run(lab) == TLB_PS["flush_all"]
    assert lab.counter("tlb_flushes") == 1


def test_next_call_repeats_a_call_as_often_as_the_workload_says():
    """The loop ends after the last of them, and begins anew after the next sweep."""
    lab = memory(Step("each_call", body=(count("forks"),)), count("touches"))
    lab.w[lay.H_CALLS] = 3
    run(lab, steps=6)
    assert lab.counter("forks") == 3
    assert lab.place(0) == "count touches"
    assert lab.get(0, lay.T_CALLS) == 0


def test_call_begin_notes_when_a_call_began():
    """It takes no time: the work of a call is what its steps cost."""
    lab = memory(*call("mmap"))
    assert run(lab, now=7) == 7
    assert lab.get(0, lay.T_CALL_AT) == 7


@pytest.mark.parametrize("name", lay.CALLS)
def test_call_end_records_the_time_since_call_begin(name):
    """Each kind of call has a record of its own."""
    lab = memory(*call(name, Step("work", cost="map_region")))
    work = a_machine().frames.map_region_ps
    run(lab, now=5, steps=3)
    for i, kind in enumerate(lay.CALLS):
        record = lab.w[lay.H_HIST] + (lay.N_FAULT_RECORDS + i) * lay.Y_WORDS
        expected = (1, work) if kind == name else (0, 0)
        assert (lab.w[record + lay.Y_COUNT], lab.w[record + lay.Y_SUM]) == expected


@pytest.mark.parametrize("batched", [False, True])
def test_move_ptes_costs_each_pte_that_is_set(batched):
    """Folios are moved pte by pte, too; the pages are where they were for all who use them."""
    lab = memory(Step("move_ptes"), anon_order=2, batched=batched)
    mapped(lab, [0, 8])
    assert run(lab) == 8 * FRAMES.move_pte_ps
    assert lab.spent(0, "mremap") == 8 * FRAMES.move_pte_ps
    assert [lab.mapped(0, page) for page in (3, 4, 8)] == [1, 0, 1]


def test_move_table_costs_the_same_whatever_it_maps():
    """The entry of the table is moved, not those in it."""
    lab = memory(Step("move_table"))
    mapped(lab, [1, 2, 5])
    assert run(lab) == FRAMES.move_table_ps
    assert lab.counter("tables_moved") == 1


@pytest.mark.parametrize(
    ("table", "pages", "set_ptes", "expected"),
    [
        (0, 8, [1], 8 * TLB_PS["invlpg"]),
        (0, 512, [1], TLB_PS["flush_all"]),
        (0, 512, [], 0),
        (1, 512, [], TLB_PS["flush_all"]),
    ],
)
def test_flush_moved_flushes_the_range_of_the_table(table, pages, set_ptes, expected):
    """Of one that was moved pte by pte only if there was any; everything above the ceiling."""
    tlb = TLB | {f"{name}_ps": ps for name, ps in TLB_PS.items()}
    lab = memory(Step("flush_moved", table), tlb=tlb, pages=pages)
    mapped(lab, set_ptes)
    lab.put(0, lay.T_STOP, pages)
    lab.put(0, lay.T_VISITED, lab.get(0, lay.T_MAPPING))
    assert run(lab) == expected
    assert lab.counter("shootdowns") == (expected > 0)
