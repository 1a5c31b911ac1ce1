"""Steps about who is charged for memory: memory cgroups, and the count of an mm."""

from helpers import LINE_PS
from memory_labs import FRAMES, NEAR, NO, SAME_L3, YES, memory, regions, run

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.memory_words import charge_page, count_page


def test_stock_empty_charges_a_batch_and_fill_stock_and_use_stock_keep_count():
    """The first page charges a batch to each level, the next one is taken from the stock."""
    lab = memory(*charge_page(), *charge_page())
    now = run(lab, steps=5)  # stock_empty, three times charge_level, fill_stock
    assert now == 3 * NEAR
    assert lab.cpu(0, lay.U_STOCK) == lab.w[lay.H_MEMCG_BATCH] == 64
    assert run(lab, now=now) == now + FRAMES.charge_page_ps  # use_stock
    assert lab.cpu(0, lay.U_STOCK) == 63
    assert run(lab, now=now) == now  # stock_empty: it is not
    assert lab.place(0) == "use stock"
    for level in range(3):
        at = lab.w[lay.H_MEMCG] + level * lab.w[lay.H_LINE_WORDS]
        assert lab.w[at + lay.COUNTED_PAGES] == 64


def test_charge_level_takes_the_counters_line_from_the_core_that_had_it():
    """All tasks of a memory cgroup charge one line, whatever their node."""
    lab = memory(Step("charge_level", 1), threads=3)
    now = run(lab, task=0)
    assert now == NEAR
    assert run(lab, task=2, now=now) == now + LINE_PS["rmw_modified"][SAME_L3]
    assert lab.spent(2, "memcg") == LINE_PS["rmw_modified"][SAME_L3]


def test_count_rss_counts_apart_until_rss_spills_and_spill_rss_adds_it_to_the_mm():
    """A batch of pages is one RMW on the line of the mm's count."""
    lab = memory(*count_page())
    lab.w[lay.H_RSS_BATCH] = 2
    now = run(lab, steps=2)
    assert now == FRAMES.count_rss_ps
    assert (lab.get(0, lay.T_RSS), lab.place(0)) == (1, "stop")
    lab.put(0, lay.T_PC, 0)
    assert run(lab, now=now, steps=3) == now + FRAMES.count_rss_ps + NEAR
    line = lab.get(0, lay.T_MM) + lay.MM_LOCKS + lay.MM_RSS_LINE * lab.w[lay.H_LINE_WORDS]
    assert (lab.get(0, lay.T_RSS), lab.w[line + lay.COUNTED_PAGES]) == (0, 2)


def test_rss_spills_when_as_many_were_unmapped():
    """What was unmapped and not yet counted off spills as well."""
    lab = memory(Step("rss_spills", body=(YES,), otherwise=(NO,)))
    lab.put(0, lay.T_RSS, -lab.w[lay.H_RSS_BATCH])
    run(lab)
    assert lab.place(0) == "count touches"


def test_fill_stock_adds_a_batch_to_what_the_cpu_has():
    """The batch that was charged is the CPU's, to be used page by page."""
    lab = memory(Step("fill_stock"))
    assert run(lab, now=3) == 3
    assert lab.cpu(0, lay.U_STOCK) == lab.w[lay.H_MEMCG_BATCH]


def test_use_stock_takes_one_page_for_the_cost_of_a_charge():
    """A page out of the stock asks for no line."""
    lab = memory(Step("use_stock"))
    lab.w[lab.get(0, lay.T_CPU) + lay.U_STOCK] = 9
    assert run(lab, now=3) == 3 + FRAMES.charge_page_ps
    assert lab.cpu(0, lay.U_STOCK) == 8
    assert lab.spent(0, "memcg") == FRAMES.charge_page_ps


def test_spill_rss_takes_the_line_of_the_mm_from_another_thread():
    """Threads of an mm count on one line: it comes from whoever spilled last."""
    lab = regions(Step("spill_rss"), threads=3)
    lab.put(0, lay.T_RSS, 5)
    lab.put(2, lay.T_RSS, -2)
    now = run(lab)
    assert now == NEAR
    assert run(lab, task=2, now=now) == now + LINE_PS["rmw_modified"][SAME_L3]
    line = lab.get(0, lay.T_MM) + lay.MM_LOCKS + lay.MM_RSS_LINE * lab.w[lay.H_LINE_WORDS]
    assert (lab.w[line + lay.COUNTED_PAGES], lab.get(0, lay.T_RSS), lab.get(2, lay.T_RSS)) == (
        3,
        0,
        0,
    )


def test_uncharge_level_takes_what_was_freed_from_a_counter():
    """One RMW for all pages that were freed since the last."""
    lab = memory(Step("uncharge_level", 2), threads=3)
    at = lab.w[lay.H_MEMCG] + 2 * lab.w[lay.H_LINE_WORDS] + lay.COUNTED_PAGES
    lab.w[at] = 100
    for task, pages in ((0, 31), (2, 4)):
        lab.put(task, lay.T_UNCHARGED, pages)
    now = run(lab)
    assert (now, lab.w[at]) == (NEAR, 69)
    assert run(lab, task=2, now=now) == now + LINE_PS["rmw_modified"][SAME_L3]
    assert lab.w[at] == 65


def test_uncharged_forgets_what_was_freed():
    """From here on pages are counted anew."""
    lab = memory(Step("uncharged"))
    lab.put(0, lay.T_UNCHARGED, 31)
    assert run(lab, now=2) == 2
    assert lab.get(0, lay.T_UNCHARGED) == 0


def test_uncharge_due_waits_for_a_batch_or_the_last_page():
    """While more is gathered a batch is awaited; the last one is uncharged as it is."""
    lab = memory(Step("uncharge_due", body=(YES,), otherwise=(NO,)))
    lab.put(0, lay.T_UNCHARGED, 5)
    lab.put(0, lay.T_GATHER, 1)
    run(lab)
    assert lab.place(0) == "count pte_lost"
    lab.put(0, lay.T_GATHER, 0)
    lab.put(0, lay.T_PC, 0)
    run(lab)
    assert lab.place(0) == "count touches"
