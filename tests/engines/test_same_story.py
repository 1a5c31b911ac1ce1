"""Both engines give the same result, bit for bit, on a first list of cases."""

import pytest
from helpers import (
    BUSY_MACHINE,
    KERNEL_PS,
    a_lock_loop,
    a_machine,
    a_workload,
    ideal_machine,
    lock_loop_setup,
    scheme_setup,
)

from dessim import registry
from dessim.engines import run_setup
from dessim.kernel.alphabet import Step, jump, label
from dessim.kernel.assembler import assemble
from dessim.kernel.world import Setup


def both(setup, run_compiled):
    """Return the results of both engines."""
    return run_compiled(setup), run_setup(setup, "reference")


@pytest.mark.parametrize("threads", [1, 2, 16])
@pytest.mark.parametrize("mapping", ["per_thread", "shared", "per_process"])
@pytest.mark.parametrize("scheme", registry.names())
def test_every_scheme_and_mapping(scheme, mapping, threads, run_compiled):
    """With all mechanisms on and all threads starting at once, the engines agree."""
    workload = a_workload(pages=40, mapping=mapping)
    compiled, reference = both(
        scheme_setup(scheme, 3, threads, BUSY_MACHINE, workload), run_compiled
    )
    assert compiled == reference


@pytest.mark.parametrize("order", range(10))
def test_every_window(order, run_compiled):
    """The engines agree for every fault-around order, over more than one page table."""
    workload = a_workload(pages=700, start_stagger_ps=100_000)
    setup = scheme_setup("radix_walk_trylock", order, 3, BUSY_MACHINE, workload)
    compiled, reference = both(setup, run_compiled)
    assert compiled == reference


@pytest.mark.parametrize(
    "changes",
    [
        {"access": "random", "touches_per_page": 5},
        {"access": "one_per_table", "pages": 3000},
        {"page_touch": "touch_word", "page_work_ps": 12_345},
        {"start_stagger_ps": 777_777, "start_jitter_ppm": 500_000},
    ],
)
def test_every_workload(changes, run_compiled):
    """The engines agree for every way to walk through the file."""
    setup = scheme_setup("gang_lookup_mapcount", 4, 9, BUSY_MACHINE, a_workload(**changes))
    compiled, reference = both(setup, run_compiled)
    assert compiled == reference


@pytest.mark.parametrize("kind", ["ticket", "mcs"])
@pytest.mark.parametrize("split", [True, False])
def test_every_lock(kind, split, run_compiled):
    """The engines agree for every kind of page-table lock, split or not."""
    machine = a_machine(locks={"page_table_lock": kind, "split_page_table_locks": split})
    setup = scheme_setup("lock_each_page", 2, 8, machine, a_workload(mapping="shared"))
    compiled, reference = both(setup, run_compiled)
    assert compiled == reference


@pytest.mark.parametrize("threads", [1, 2, 7])
def test_a_run_in_which_nothing_costs_anything(threads, run_compiled):
    """Where every event is a tie, the engines still agree."""
    loop = a_lock_loop(think_ps=0, hold_ps=0, iterations=50)
    compiled, reference = both(lock_loop_setup(loop, threads, ideal_machine(threads)), run_compiled)
    assert compiled == reference
    assert compiled.completion_ps == 0


def test_a_lock_loop_with_drawn_times(run_compiled):
    """Both engines draw the same think and hold times."""
    loop = a_lock_loop(
        think_ps=1_000_000,
        hold_ps=200_000,
        think_distribution="exponential",
        hold_distribution="exponential",
        iterations=500,
    )
    compiled, reference = both(lock_loop_setup(loop, 6), run_compiled)
    assert compiled == reference


def test_the_option_of_a_scheme(run_compiled):
    """A program laid out with an option on is the same program in both engines."""
    setup = scheme_setup(
        "gang_lookup_mapcount", 4, 12, BUSY_MACHINE, a_workload(mapping="shared"), precheck=True
    )
    compiled, reference = both(setup, run_compiled)
    assert compiled == reference


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_the_same_seed_gives_the_same_result_and_another_seed_another(engine, run_compiled):
    """A run is a function of its setup."""
    workload = a_workload(pages=24, access="random", touches_per_page=4)
    setups = [scheme_setup("no_fault_around", 0, 4, BUSY_MACHINE, workload, s) for s in (1, 1, 2)]
    first, again, other = (run_setup(setup, engine) for setup in setups)
    assert first == again
    assert first != other


def test_a_thread_waits_for_a_cpu_that_is_being_left(run_compiled):
    """Four threads, two CPUs: it begins by itself when who had its CPU is out, and a switch."""
    machine = a_machine(
        topology={"sockets": 1, "l3_per_socket": 1, "cores_per_l3": 2, "threads_per_core": 1}
    )
    leave = Step("stop", category="teardown", cost="find_vma")
    program = assemble((Step("begin"), jump("finish", "stop"), label("stop"), leave))
    each_ps = KERNEL_PS["find_vma"] // 3
    loop = a_lock_loop(iterations=1, start_stagger_ps=each_ps, start_jitter_ppm=0)
    setup = Setup(machine, loop, program, 4, 0, None, seed=1, replication=0)
    compiled, reference = both(setup, run_compiled)
    assert compiled == reference
    first_ps = KERNEL_PS["find_vma"] + KERNEL_PS["context_switch"]
    assert reference.time_ps["run_queue"] == 2 * (first_ps - 2 * each_ps)
    assert reference.finish_ps == each_ps + first_ps
