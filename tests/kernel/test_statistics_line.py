"""Pointers to a memory cgroup's statistics on a line that each page of the LRU writes."""

import pytest
from helpers import LINE_PS, LOCAL_PS, a_machine, a_workload
from memory_labs import FRAMES, NEAR, SAME_L3, gathered, give, mapped, memory, run

from dessim import registry
from dessim.engines import run_setup
from dessim.kernel import layout as lay
from dessim.kernel.addressing import lru_sizes_at
from dessim.kernel.alphabet import Step
from dessim.kernel.memory_words import FLUSH_LRU, free_gathered, zap_memory
from dessim.kernel.setup import Batches, Setup
from dessim.study.sweep.plan import features_of

NEAR_SIZES = {"lru_sizes_near": True}
LOAD_PTE = LOCAL_PS["load"]
LOAD = LINE_PS["load_modified"][SAME_L3]


def line_of(lab, task=0):
    """Return where the line of the sizes of a task's node begins."""
    return lru_sizes_at(lab.w, lab.w[lay.H_TASK] + task * lay.T_WORDS)


def test_each_node_has_its_line_in_its_own_memory():
    """A task loads that of the node on which it runs, where its pages are."""
    lab = memory(Step("load_statistics"))
    nodes = range(lab.w[lay.H_SOCKETS])
    assert len(nodes) > 1
    for node in nodes:
        lab.put(0, lay.T_SOCKET, node)
        assert lab.w[line_of(lab) + lay.L_HOME] == node


def test_load_statistics_takes_a_copy_from_whoever_wrote_the_sizes():
    """A line of each node, behind those of the page counters."""
    lab = memory(Step("next_linked"), Step("load_statistics"), threads=3)
    assert line_of(lab) == lab.w[lay.H_MEMCG] + 3 * lab.w[lay.H_LINE_WORDS]
    now = run(lab) + NEAR
    lab.put(2, lay.T_PC, 1)
    assert run(lab, task=2, now=now) == now + LOAD
    assert lab.spent(2, "memcg") == LOAD


def test_next_linked_stores_each_size_without_waiting_for_the_line():
    """The store is in the store buffer while the page is linked; the line comes meanwhile."""
    lab = memory(Step("each_linked", body=(Step("count_rss", 1),)))
    lab.w[lab.get(0, lay.T_CPU) + lay.U_LRU_COUNT] = 2
    now = run(lab)
    assert run(lab, now=now) == now + FRAMES.lru_link_ps < NEAR
    assert lab.w[line_of(lab) + lay.L_ARRIVE] == now + NEAR
    assert (lab.get(0, lay.T_LINKED), lab.place(0)) == (1, "rss + 1")
    run(lab, now=NEAR, steps=2)
    assert (lab.get(0, lay.T_LINKED), lab.place(0)) == (0, "stop")
    assert lab.get(0, lay.T_RSS) == 2


def test_a_batch_takes_as_long_for_its_links_as_without_and_stores_each_size():
    """Only the load of the pointers comes on top, once: then the line is at hand."""
    seconds = {}
    for near in (False, True):
        lab = memory(*FLUSH_LRU, options={"lru_sizes_near": near})
        mapped(lab, ())
        give(lab, 0, 3)
        lab.w[lab.get(0, lay.T_CPU) + lay.U_LRU_COUNT] = 3
        now = 0
        while lab.place(0) != "unlock lru_lock":
            now = run(lab, now=now)
        seconds[near] = now
    loads = NEAR + 2 * LOCAL_PS["load"]
    assert seconds[True] == seconds[False] + loads


def test_zap_pte_loads_a_pointer_for_each_page_and_the_table_goes_at_the_end():
    """Pages cost what they do at once, each a load more; one that another wrote since is late."""
    lab = memory(*zap_memory(), threads=2, options=NEAR_SIZES)
    mapped(lab, (0, 1))
    page = FRAMES.zap_page_ps + 2 * FRAMES.page_statistics_ps
    now = run(lab, steps=2)
    assert now == LOAD_PTE + NEAR + page
    assert lab.mapped(0, 0)
    while not lab.get(0, lay.T_GATHERED):
        now = run(lab, now=now)
    assert now == 512 * LOAD_PTE + NEAR + LOCAL_PS["load"] + 2 * page
    assert lab.get(0, lay.T_GATHERED) == 2
    assert lab.spent(0, "memcg") == 2 * 2 * FRAMES.page_statistics_ps


@pytest.mark.parametrize("batched", [False, True])
def test_zap_pte_of_a_folio_costs_what_it_does_at_once(batched):
    """A kernel that unmaps a folio in one go works for its first page, and little for others."""
    seconds = {}
    for near in (False, True):
        lab = memory(*zap_memory(), anon_order=2, batched=batched, options={"lru_sizes_near": near})
        mapped(lab, (0, 4))
        now = 0
        while not lab.get(0, lay.T_GATHERED):
            now = run(lab, now=now)
        seconds[near] = now
    assert seconds[True] == seconds[False] + 512 * LOAD_PTE + NEAR + 7 * LOCAL_PS["load"]


def test_gathered_pages_store_their_sizes_by_rounds():
    """A round takes as many pages off the LRU as it may."""
    lab = memory(free_gathered(), options=NEAR_SIZES)
    lab.w[lay.H_RELEASE] = 2
    gathered(lab, (0, 1, 2))
    now, linked = 0, 0
    while lab.place(0) != "stop":
        linked += lab.place(0).startswith("next linked")
        now = run(lab, now=now)
    assert linked == 3
    assert lab.get(0, lay.T_GATHERED) == 0


def a_run(near, *, processes=8, depth=1):
    """Return a run of processes that copy private pages, on one node."""
    machine = a_machine()
    workload = a_workload(
        128, fault="anonymous", mapping="per_process", sweeps=2, memcg_depth=depth
    )
    scheme, chosen = registry.load("linux_6_12"), {"lru_sizes_near": near}
    program = registry.thread_program(scheme, chosen, 0, **dict(features_of(workload, machine)))
    batches = Batches.among(dict(scheme.options))
    return Setup(machine, workload, program, processes, 0, None, 1, 0, batches=batches)


def test_processes_that_share_nothing_else_wait_for_the_line():
    """False sharing: a fault waits for a pointer that nobody changes."""
    apart, near = (run_setup(a_run(on), "compiled") for on in (False, True))
    assert near.finish_ps > 1.01 * apart.finish_ps
    assert near.time_ps["memcg"] > apart.time_ps["memcg"]


@pytest.mark.parametrize("depth", [1, 2])
def test_engines_agree_about_the_line(depth):
    """The same picoseconds from both engines."""
    setup = a_run(True, processes=3, depth=depth)
    assert run_setup(setup, "reference") == run_setup(setup, "compiled")


def test_without_a_memory_cgroup_there_is_no_such_line():
    """The root cgroup charges nobody here, and has no pointers to look at."""
    assert a_run(True, depth=0).program.listing == a_run(False, depth=0).program.listing
