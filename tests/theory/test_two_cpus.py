"""Two CPUs: timelines worked out by hand on the test machine."""

from helpers import (
    LINE_PS,
    MEMORY_PS,
    STOP,
    TICKET_WAITER_PS,
    a_lock_loop,
    a_machine,
    lock_loop_setup,
)

from dessim.engines import run_setup
from dessim.engines.reference import Reference
from dessim.kernel.alphabet import lock, unlock, work
from dessim.kernel.assembler import assemble
from dessim.kernel.world import Setup, build_world

TWO = a_machine(topology={"threads_per_core": 1})  # tasks 0 and 1: two cores behind one L3


def events(program, threads, machine=TWO):
    """Run a bare program on the reference engine; return its log with readable steps."""
    laid_out = assemble((*program, STOP))
    setup = Setup(machine, a_lock_loop(), laid_out, threads, 0, None, 1, 0)
    log = []
    Reference(build_world(setup).tolist(), log).run()
    return [(at, task, laid_out.listing[pc]) for at, task, pc in log]


def test_two_cpus_that_take_a_lock_at_the_same_instant():
    """Both think 1 us, then want the lock: transfers, wait and hand-over add up as on paper."""
    loop = a_lock_loop(think_ps=1_000_000, hold_ps=500_000, iterations=1)
    result = run_setup(lock_loop_setup(loop, 2, TWO), "reference")
    local = 3_121  # lock_local
    first_has_it = 1_000_000 + 100_003 + local  # the line comes from memory
    # CPU 1's RMW takes the line at 1,100,003 for 32,203; it finds the lock held and waits.
    first_drops_it = first_has_it + 500_000 + 31_091 + local  # its store needs the line back
    second_has_it = first_drops_it + 32_203  # one transfer of the line, nobody else waits
    second_drops_it = second_has_it + 500_000 + 1_511 + local  # a local store
    assert result.first_finish_ps == first_drops_it == 1_637_336
    assert result.finish_ps == second_drops_it == 2_174_171
    assert result.time_ps["hold"] == 1_000_000
    assert result.latency_sum_ps == first_has_it - 1_000_000  # the other's ended afterwards
    assert result.time_ps["lock"] - result.latency_sum_ps == (
        second_has_it - 1_000_000 + (first_drops_it - first_has_it - 500_000) + 1_511 + local
    )


def test_two_readers_pass_mmap_lock_one_transfer_apart():
    """Readers do not wait for each other's lock, only for the line: its transfers alternate."""
    log = events([lock("mmap_lock"), unlock("mmap_lock")], 2)
    transfer, local = LINE_PS["rmw_modified"][1], 3_121
    # CPU 0 has the line from 0, CPU 1 from the end of that fetch; each comes back to leave.
    served = [0, MEMORY_PS["local_ps"]]
    served.append(served[1] + transfer)  # CPU 0 asked at served[1] + local, while CPU 1 fetched
    served.append(served[2] + transfer)
    ends = [(at, task) for at, task, step in log if step == "stop"]
    assert ends == [(served[2] + transfer + local, 0), (served[3] + transfer + local, 1)]


def test_three_cpus_queue_for_a_ticket_lock():
    """With two waiters the first hand-over costs one waiter's share more than the second."""
    one_socket = a_machine(
        topology={"sockets": 1, "l3_per_socket": 1, "cores_per_l3": 4, "threads_per_core": 1}
    )
    log = events([lock("lock"), work("alloc_page_table"), unlock("lock")], 3, one_socket)
    work_ps, local, rmw = 900_053, 3_121, LINE_PS["rmw_modified"][1]
    has = [MEMORY_PS["local_ps"] + local]
    drops = [has[0] + work_ps + LINE_PS["store_modified"][1] + local]
    has.append(drops[0] + rmw + TICKET_WAITER_PS)
    drops.append(has[1] + work_ps + 1_511 + local)
    has.append(drops[1] + rmw)
    drops.append(has[2] + work_ps + 1_511 + local)
    assert [at for at, _, step in log if step == "stop"] == drops
    assert [at for at, _, step in log if step == "work alloc_page_table"] == has
