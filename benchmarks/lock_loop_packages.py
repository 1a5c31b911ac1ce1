"""The closed lock loop with two simulators from PyPI, where they are installed: Ciw and cimba.

Time is a float in ns. Each function returns (acquisitions, sum of waits in ns, processor s).
"""

import time
from functools import cache
from typing import Any

from benchmarks.lock_loop_python import HOLD_NS, THINK_NS, Run
from benchmarks.repairman import mean_wait_ns


def ciw_network(cpus: int, iterations: int, seed: int) -> Run:
    """Run a closed network of two nodes: thinkers with servers for all, and the lock with one.

    Ciw ends at a time, not after a number of rounds: the time by which, in the mean, that many have
    happened.
    """
    import ciw

    never = float("inf")
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([1e-9, never]), None],
        batching_distributions=[ciw.dists.Sequential([cpus]), None],
        service_distributions=[
            ciw.dists.Exponential(1 / THINK_NS),
            ciw.dists.Exponential(1 / HOLD_NS),
        ],
        number_of_servers=[never, 1],
        routing=[[0.0, 1.0], [1.0, 0.0]],
    )
    ciw.seed(seed)
    simulation = ciw.Simulation(network)
    round_ns = THINK_NS + HOLD_NS + mean_wait_ns(cpus, THINK_NS, HOLD_NS)
    before = time.process_time()
    simulation.simulate_until_max_time(iterations * round_ns)
    seconds = time.process_time() - before
    waits = [r.waiting_time for r in simulation.get_all_records() if r.node == 2]
    return len(waits), sum(waits), seconds


@cache
def _cimba_model(cpus: int) -> Any:
    import cimba as cb

    class LockLoop(cb.Model):  # type: ignore[misc]
        """The lock loop of one trial."""

        iterations: cb.Param[int] = 1
        lock: cb.Resource
        waited: cb.Output[float]

        @cb.on_start
        def begin(self) -> None:
            self.waited = 0.0

        @cb.process(copies=cpus)
        def cpu(self) -> None:
            for _ in range(self.iterations):
                cb.hold(cb.random.exponential(1000.0))
                asked = cb.now()
                self.lock.acquire()
                self.waited += cb.now() - asked
                cb.hold(cb.random.exponential(50.0))
                self.lock.release()

    return LockLoop


def cimba_model(cpus: int, iterations: int, seed: int) -> Run:
    """Run a cimba model of one Resource and as many processes as CPUs: compiled to its C engine."""
    import cimba as cb

    model = _cimba_model(cpus)()
    model.iterations = iterations
    experiment = cb.Experiment(model, replications=1, seed=seed)
    before = time.process_time()
    results = experiment.run()
    seconds = time.process_time() - before
    return cpus * iterations, float(results[model].waited.values.item()), seconds
