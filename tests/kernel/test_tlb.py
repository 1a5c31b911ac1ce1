"""Translation look-aside buffers: hits, walks, replacement, flushes, shootdowns, interrupts."""

import pytest
from helpers import LOCAL_PS, TLB, TLB_PS, USER_PS, a_lab, a_machine, a_workload

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step, get_page, jump, label, shootdown, unlock_page, wait_on_page
from dessim.kernel.tlb import catch_up, flush_core, shoot_down, shootdown_ps, translate_ps

WALK, L2_HIT, HIT = TLB_PS["page_walk"], TLB_PS["l2_hit"], 0
L1_SETS, L2_SETS, WAYS = 4, 8, 2


def a_tlb_lab(*program, threads=1, tlb=(), workload=None, **changes):
    """Return a lab on a machine with a small TLB: 4 sets of 2 ways, then 8 sets of 2."""
    machine = a_machine(tlb={**TLB, **dict(tlb)}, **changes)
    return a_lab(
        *program, threads=threads, machine=machine, workload=workload or a_workload(pages=512)
    )


def translate(lab, page, task=0):
    """Return ps to translate an access of a task to a page."""
    return translate_ps(lab.w, lab.w[lay.H_TASK] + task * lay.T_WORDS, page, 0)


def mapping_of(lab, task=0):
    """Return the record of a task's mapping."""
    return lab.get(task, lay.T_MAPPING)


def test_a_first_access_walks_and_the_next_is_free():
    """A translation that nobody made costs a page walk, and is in the first level then."""
    lab = a_tlb_lab()
    assert [translate(lab, 7) for _ in range(3)] == [WALK, HIT, HIT]
    assert lab.counter("tlb_misses") == 1


def test_the_first_level_replaces_the_oldest_of_a_set_and_the_second_still_has_it():
    """Three pages of one set of two ways: the first was pushed out and costs a second-level hit."""
    lab = a_tlb_lab()
    pages = [0, L1_SETS, 2 * L1_SETS]  # one set of the first level, two of the second
    assert [translate(lab, page) for page in pages] == [WALK] * 3
    assert translate(lab, pages[2]) == translate(lab, pages[1]) == HIT
    assert translate(lab, pages[0]) == L2_HIT
    assert translate(lab, pages[1]) == L2_HIT  # the oldest, although it was used last


def test_the_second_level_forgets_too():
    """Three pages of one set of the second level: the first has to be walked again."""
    lab = a_tlb_lab()
    pages = [i * L2_SETS for i in range(WAYS + 1)]
    assert [translate(lab, page) for page in pages] == [WALK] * 3
    assert translate(lab, pages[0]) == WALK


def test_as_many_pages_as_entries_stay():
    """A working set of the first level's size is free after its first round."""
    lab = a_tlb_lab()
    pages = range(L1_SETS * WAYS)
    assert sum(translate(lab, page) for page in pages) == len(pages) * WALK
    assert sum(translate(lab, page) for page in pages) == 0


def test_siblings_share_a_tlb_and_cores_do_not():
    """In one mapping, a sibling finds what its core has; another core walks."""
    lab = a_tlb_lab(threads=3, workload=a_workload(mapping="shared"))
    assert translate(lab, 3, task=0) == WALK
    assert translate(lab, 3, task=1) == HIT
    assert translate(lab, 3, task=2) == WALK


def test_mappings_have_translations_of_their_own():
    """The same page of the file in another mapping is another translation."""
    lab = a_tlb_lab(threads=2)
    assert translate(lab, 3, task=0) == WALK
    assert translate(lab, 3, task=1) == WALK


def test_touch_pays_the_walk_apart():
    """The walk of a touch is time of the TLB, not of the user."""
    lab = a_tlb_lab(
        jump("touch", "end"), label("end"), workload=a_workload(page_touch="touch_word")
    )
    lab.w[lab.get(0, lay.T_PTE)] |= 1
    assert lab.go(0, 0) == USER_PS["touch_word"] + WALK
    assert (lab.spent(0, "tlb"), lab.spent(0, "user")) == (WALK, USER_PS["touch_word"])


def test_without_entries_translation_costs_nothing():
    """A machine profile without a TLB translates, flushes and shoots down for free."""
    lab = a_lab(shootdown(), threads=2)
    lab.put(0, lay.T_VISITED, mapping_of(lab))
    assert translate(lab, 3) == 0
    assert lab.go(0, 4) == 4
    assert lab.counter("shootdowns") == 0


def test_a_full_flush_forgets_everything_of_its_core_only():
    """After a flush every page of that core is walked again, and no page of another."""
    lab = a_tlb_lab(threads=3, workload=a_workload(mapping="shared"))
    for task in (0, 2):
        for page in range(4):
            translate(lab, page, task)
    flush_core(lab.w, lab.get(0, lay.T_CORE))
    assert [translate(lab, page, 0) for page in range(4)] == [WALK] * 4
    assert [translate(lab, page, 2) for page in range(4)] == [HIT] * 4
    assert lab.counter("tlb_flushes") == 1


@pytest.mark.parametrize(("pages", "whole"), [(1, False), (33, False), (34, True), (200, True)])
def test_a_flush_goes_page_by_page_up_to_the_ceiling(pages, whole):
    """Up to 33 pages each costs an INVLPG and others stay; above, everything is flushed."""
    lab = a_tlb_lab()
    kept = 511
    for page in (0, kept):
        translate(lab, page)
    expected = TLB_PS["flush_all"] if whole else pages * TLB_PS["invlpg"]
    mm = lab.get(0, lay.T_MM)
    assert shootdown_ps(lab.w, 0, mm, pages) == expected
    shoot_down(lab.w, 0, mapping_of(lab), 0, pages)
    assert translate(lab, 0) == WALK
    assert translate(lab, kept) == (WALK if whole else HIT)


@pytest.mark.parametrize("targets", [0, 1, 5])
def test_shootdown_pays_a_base_and_each_target(targets):
    """The initiator pays its own flush, one base, and each CPU that runs the mm; no base alone."""
    lab = a_tlb_lab(shootdown(), threads=1 + targets)
    lab.put(0, lay.T_VISITED, mapping_of(lab))
    expected = TLB_PS["invlpg"]
    if targets:
        expected += TLB_PS["ipi_base"] + targets * TLB_PS["ipi_per_cpu"]
    assert lab.go(0, 0) == expected
    assert lab.spent(0, "shootdown") == expected
    assert lab.counter("interrupts") == targets
    pending = [lab.get(task, lay.T_PENDING) for task in range(1 + targets)]
    assert pending == [0] + targets * [TLB_PS["ipi_handler"]]


@pytest.mark.parametrize(
    ("pages", "more"), [(1, 0), (2, 1), (33, 32), (34, 0)], ids=["one", "two", "ceiling", "all"]
)
def test_a_target_flushes_as_many_pages_as_the_initiator(pages, more):
    """One flush is in the cost of the handler, of a page or of everything."""
    lab = a_tlb_lab(threads=2)
    shoot_down(lab.w, 0, mapping_of(lab), 0, pages)
    assert lab.get(1, lay.T_PENDING) == TLB_PS["ipi_handler"] + more * TLB_PS["invlpg"]


def test_a_target_owes_nothing_where_no_cpu_is_interrupted():
    """On arm64 cores flush each other's TLB: the handler costs nothing, nor do its pages."""
    lab = a_tlb_lab(threads=2, tlb={"ipi_handler_ps": 0})
    shoot_down(lab.w, 0, mapping_of(lab), 0, 16)
    assert lab.get(1, lay.T_PENDING) == 0


@pytest.mark.parametrize(("pages", "more"), [(1, 0), (2, 1), (33, 32), (34, 0)])
def test_a_flusher_that_is_not_of_the_mm_waits_for_the_pages_of_the_targets(pages, more):
    """It has no translations to flush meanwhile, as one of the mm has."""
    lab = a_tlb_lab(threads=2, workload=a_workload(mapping="per_process"))
    expected = TLB_PS["ipi_base"] + TLB_PS["ipi_per_cpu"] + more * TLB_PS["invlpg"]
    assert shootdown_ps(lab.w, 0, lab.get(1, lay.T_MM), pages) == expected


def test_shootdown_spares_cpus_that_run_another_mm_or_sleep():
    """Only CPUs on which a task of the mm runs now are interrupted."""
    lab = a_tlb_lab(shootdown(), threads=4, workload=a_workload(mapping="per_process"))
    lab.put(0, lay.T_VISITED, mapping_of(lab))
    assert lab.go(0, 0) == TLB_PS["invlpg"]
    lab = a_tlb_lab(shootdown(), threads=3)
    lab.put(0, lay.T_VISITED, mapping_of(lab))
    lab.w[lab.get(2, lay.T_CPU) + lay.U_RUNNING] = 0  # task 2 sleeps
    assert lab.go(0, 0) == TLB_PS["invlpg"] + TLB_PS["ipi_base"] + TLB_PS["ipi_per_cpu"]
    assert lab.get(2, lay.T_PENDING) == 0


def test_shootdown_takes_the_translation_from_every_target():
    """After a shootdown the targets walk for that page again, and for no other."""
    lab = a_tlb_lab(threads=3, workload=a_workload(mapping="shared"))
    for task in (0, 2):
        for page in (5, 6):
            translate(lab, page, task)
    shoot_down(lab.w, 0, mapping_of(lab), 5, 1)
    for task in (0, 2):
        assert (translate(lab, 5, task), translate(lab, 6, task)) == (WALK, HIT)


def asleep_in_a_shootdown(*, pcid):
    """Return a lab whose task 1 slept on a page while task 0 shot page 5 down, and runs again."""
    topology = {"sockets": 1, "l3_per_socket": 1, "cores_per_l3": 2, "threads_per_core": 1}
    lab = a_tlb_lab(
        *(wait_on_page(), jump("touch", "end"), label("end"), unlock_page()),
        threads=2,
        tlb={"pcid": pcid},
        workload=a_workload(pages=512, mapping="shared", page_touch="touch_word"),
        topology=topology,
    )
    translate(lab, 5, task=1)
    translate(lab, 6, task=1)
    lab.flag(9, lay.FLAG_LOCKED, on=True)
    lab.on_page(1, 9)
    lab.fall_asleep(1, 0)
    shoot_down(lab.w, 0, mapping_of(lab, 1), 5, 1)
    lab.put(0, lay.T_PC, 2)
    lab.on_page(0, 9)
    lab.go(0, 10**9)
    ((task, at),) = lab.woken().items()
    assert task == 1
    lab.go(1, at)  # it looks at the page again
    return lab


@pytest.mark.parametrize("pcid", [False, True])
def test_shootdown_leaves_a_sleeper_no_translation_for_later(pcid):
    """A task that slept through a shootdown finds its core flushed when it runs again."""
    lab = asleep_in_a_shootdown(pcid=pcid)
    assert lab.counter("interrupts") == 0
    assert translate(lab, 5, task=1) == WALK
    assert translate(lab, 6, task=1) == WALK  # it has not been given which page it was
    assert lab.counter("tlb_flushes") == 1


def test_shootdown_of_another_mm_leaves_a_sleeper_its_translations():
    """Who sleeps through somebody else's shootdown finds everything as it was."""
    lab = a_tlb_lab(threads=2, workload=a_workload(mapping="per_process"))
    shoot_down(lab.w, 0, mapping_of(lab, 0), 5, 1)
    t = lab.w[lay.H_TASK] + lay.T_WORDS
    catch_up(lab.w, t)
    assert lab.counter("tlb_flushes") == 0


def test_shootdown_is_known_where_a_thread_of_the_mm_runs():
    """Of two threads on a CPU the sleeping one need not flush what the running one flushed."""
    topology = {"sockets": 1, "l3_per_socket": 1, "cores_per_l3": 2, "threads_per_core": 1}
    lab = a_tlb_lab(threads=4, workload=a_workload(mapping="shared"), topology=topology)
    assert lab.get(3, lay.T_CPU) == lab.get(1, lay.T_CPU)  # 1 has it
    shoot_down(lab.w, 0, mapping_of(lab), 5, 1)
    catch_up(lab.w, lab.w[lay.H_TASK] + 3 * lay.T_WORDS)
    assert lab.counter("tlb_flushes") == 0


def test_shootdown_by_a_stranger_costs_no_flush_of_its_own():
    """An actor of no process has none of the mm's translations: it pays the interrupts only."""
    lab = a_tlb_lab(threads=2)
    lab.put(0, lay.T_HOME_MM, -1)
    mm = lab.get(1, lay.T_MM)
    assert shootdown_ps(lab.w, 0, mm, 1) == TLB_PS["ipi_base"] + TLB_PS["ipi_per_cpu"]


def test_a_target_runs_its_handlers_before_its_next_shared_step():
    """An interrupted CPU loses the handlers' time once, as shootdown, and then does its step."""
    lab = a_tlb_lab(get_page(), Step("fence"))
    lab.own_line(0, 0)
    handlers = 2 * TLB_PS["ipi_handler"]
    lab.put(0, lay.T_PENDING, handlers)
    lab.put(0, lay.T_DUE, lay.DUE_INTERRUPT)
    assert lab.go(0, 100) == 100 + handlers
    assert lab.page(0, lay.P_REFCOUNT) == 1
    assert lab.go(0, 100 + handlers) == 100 + handlers + LOCAL_PS["rmw"]
    assert (lab.page(0, lay.P_REFCOUNT), lab.get(0, lay.T_PENDING)) == (2, 0)
    assert lab.spent(0, "shootdown") == handlers


@pytest.mark.parametrize(
    ("mapping", "pcid", "expected"),
    [("per_process", False, WALK), ("per_process", True, HIT), ("per_thread", False, HIT)],
)
def test_a_switch_to_another_mm_flushes_unless_there_is_pcid(mapping, pcid, expected):
    """Two tasks that take turns on a CPU lose their translations only if their mms differ."""
    one_cpu = {"sockets": 1, "l3_per_socket": 1, "cores_per_l3": 1, "threads_per_core": 1}
    lab = a_tlb_lab(
        *(Step("begin", category="run_queue"), jump("touch", "end"), label("end")),
        threads=2,
        tlb={"pcid": pcid},
        workload=a_workload(mapping=mapping, page_touch="touch_word"),
        topology=one_cpu,
        kernel={"time_slice_ps": 1},
    )
    for task in range(2):
        lab.w[lab.get(task, lay.T_PTE)] |= 3
    lab.put(0, lay.T_PC, 1)
    assert lab.go(1, 0) == lay.ASLEEP
    running, now = 0, 0
    for _ in range(2):  # to the other task, and back
        assert lab.go(running, now) == lay.ASLEEP
        ((running, now),) = lab.woken().items()
    assert running == 0
    assert translate(lab, 0) == expected
