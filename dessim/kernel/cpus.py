"""CPUs and those who want them: run queues, time slices, sleeping and waking.

A task that sleeps gives its CPU up and needs it back to go on. A task that spins keeps it.

Source
------
Bovet and Cesati, *Understanding the Linux Kernel*, 3rd ed., ch. 7 (run queues, time slices); one
FIFO queue per CPU stands for the scheduler (``docs/deviations.md``).
"""

from dessim.kernel.accounting import account, count
from dessim.kernel.addressing import cost_ps
from dessim.kernel.cost_table import COST_SWITCH
from dessim.kernel.layout import *
from dessim.kernel.lines import wake
from dessim.kernel.spinning import stop_spinning
from dessim.kernel.tlb import catch_up, flush_core


def run_on(w: World, task: int, cpu: int, at: int) -> None:
    """Give a CPU to a task from ``at`` on: a switch, which may cost the TLB's contents as well."""
    t = w[H_TASK] + task * T_WORDS
    w[cpu + U_RUNNING] = task + 1
    catch_up(w, t)
    if w[cpu + U_MM] != w[t + T_HOME_MM]:
        if w[H_PCID] == 0:
            flush_core(w, w[t + T_CORE])
        w[cpu + U_MM] = w[t + T_HOME_MM]
    count(w, N_CONTEXT_SWITCHES, 1)
    begins = at + cost_ps(w, t, COST_SWITCH)
    w[t + T_SLICE_FROM] = begins
    wake(w, task, begins)


def queue_for_cpu(w: World, task: int, cpu: int, at: int) -> None:
    """Put a task that could run from ``at`` on at the end of a CPU's run queue."""
    t = w[H_TASK] + task * T_WORDS
    w[t + T_READY] = at
    w[t + T_WAIT] = CAT_RUN_QUEUE
    w[t + T_NEXT] = 0
    if w[cpu + U_HEAD] == 0:
        w[cpu + U_HEAD] = task + 1
    else:
        w[w[H_TASK] + (w[cpu + U_TAIL] - 1) * T_WORDS + T_NEXT] = task + 1
    w[cpu + U_TAIL] = task + 1


def give_up_cpu(w: World, t: int, now: int) -> None:
    """Leave the CPU to the next in its run queue. Devices have no CPU to leave."""
    cpu = w[t + T_CPU]
    if cpu == 0:
        return
    head = w[cpu + U_HEAD]
    w[cpu + U_FREE] = now
    if head == 0:
        w[cpu + U_RUNNING] = 0
        return
    f = w[H_TASK] + (head - 1) * T_WORDS
    w[cpu + U_HEAD] = w[f + T_NEXT]
    run_on(w, head - 1, cpu, now if now > w[f + T_READY] else w[f + T_READY])


def take_from_spinner(w: World, cpu: int, at: int) -> None:
    """Take the CPU from its task if that only spins for an rwsem: another one wants it."""
    running = w[cpu + U_RUNNING] - 1
    if w[H_RWSEM] and stop_spinning(w, running, at):
        t = w[H_TASK] + running * T_WORDS
        give_up_cpu(w, t, w[t + T_CLOCK])


def make_ready(w: World, task: int, at: int) -> None:
    """Let a sleeping task go on: it could run from ``at`` on, and needs its CPU for that."""
    t = w[H_TASK] + task * T_WORDS
    if at < w[t + T_CLOCK]:  # it is still on its way to sleep
        at = w[t + T_CLOCK]
    cpu = w[t + T_CPU]
    if cpu == 0:
        wake(w, task, at)
        return
    account(w, t, w[t + T_WAIT], at - w[t + T_CLOCK])
    w[t + T_CLOCK] = at
    if w[cpu + U_RUNNING]:
        queue_for_cpu(w, task, cpu, at)
        take_from_spinner(w, cpu, at)
    elif w[cpu + U_FREE] > at:  # whoever had it is still on the way out
        w[t + T_WAIT] = CAT_RUN_QUEUE
        run_on(w, task, cpu, w[cpu + U_FREE])
    else:
        run_on(w, task, cpu, at)


def begin(w: World, task: int, done: int) -> int:
    """Get a CPU for a new task; return whether it runs at once (1) or queues (0)."""
    t = w[H_TASK] + task * T_WORDS
    cpu = w[t + T_CPU]
    if w[cpu + U_RUNNING]:
        queue_for_cpu(w, task, cpu, done)
        take_from_spinner(w, cpu, done)
        return 0
    if w[cpu + U_FREE] > done:  # whoever had it is still on the way out
        w[t + T_WAIT] = CAT_RUN_QUEUE
        run_on(w, task, cpu, w[cpu + U_FREE])
        return 0
    w[cpu + U_RUNNING] = task + 1
    w[cpu + U_MM] = w[t + T_HOME_MM]
    catch_up(w, t)
    w[t + T_SLICE_FROM] = done
    return 1


def slice_is_over(w: World, t: int, now: int) -> int:
    """Return whether somebody else wants the CPU and the task has had it long enough."""
    cpu = w[t + T_CPU]
    return w[cpu + U_HEAD] != 0 and now - w[t + T_SLICE_FROM] >= w[H_SLICE]


def yield_cpu(w: World, task: int, now: int) -> None:
    """Go to the end of the run queue and let its head run."""
    t = w[H_TASK] + task * T_WORDS
    queue_for_cpu(w, task, w[t + T_CPU], now)
    give_up_cpu(w, t, now)
