"""Actors that have to share a CPU with a thread."""

import pytest
from racing import quick_machine, race

from dessim.engines import run_setup

ONE_SOCKET = {"sockets": 1, "l3_per_socket": 1, "cores_per_l3": 2, "threads_per_core": 1}


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("actor", ["invalidate_range", "truncate", "reclaim"])
def test_an_actor_that_is_always_busy_does_not_keep_a_thread_from_its_cpu(engine, actor):
    """Between two rounds an actor sleeps: who queues for its CPU runs, and the run ends.

    Somebody who holds a reference and lost its CPU would otherwise be waited for, for ever.
    """
    machine = quick_machine(topology=ONE_SOCKET)
    setup = race("lock_each_page", actor, threads=2, every_ps=1_000, machine=machine)
    assert run_setup(setup, engine).counters["minor_faults"] > 2 * 8 / 4
