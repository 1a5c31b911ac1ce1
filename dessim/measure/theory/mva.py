"""Mean value analysis: a closed network of queues, one customer after the other added.

Source
------
M. Reiser, S. Lavenberg, *Mean-value analysis of closed multichain queueing networks*, J. ACM 27(2),
1980; equation numbers of E. Lazowska et al., *Quantitative System Performance*, 1984, chapter 6.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkState:
    """A closed network in steady state.

    Attributes
    ----------
    customers : int
    throughput : float, 1/time
        Rounds of all customers together per unit of time.
    residence : tuple of float, time
        Wait and service at each station, over one round.
    queue : tuple of float
        Mean customers at each station, the one in service included.
    """

    customers: int
    throughput: float
    residence: tuple[float, ...]
    queue: tuple[float, ...]


def mean_values(demands: Sequence[float], customers: int, think: float = 0.0) -> list[NetworkState]:
    """Exact mean values of a closed network with 1, 2, ... customers.

    Parameters
    ----------
    demands : sequence of float, time, >= 0
        Service demand of a round at each queueing station: locks, lines, memory.
    customers : int, >= 1
    think : float, time, >= 0
        Part of a round without queueing: user work, local kernel work.

    Returns
    -------
    list of NetworkState, one for each number of customers

    Notes
    -----
    Exact for exponential service and first come first served; elsewhere an approximation.

    Source
    ------
    Lazowska et al., eqs. (6.1) residence, (6.2) throughput, (6.3) queue, and the arrival theorem
    for the queue that an arrival sees (section 6.4.2).
    """
    if customers < 1 or think < 0 or any(demand < 0 for demand in demands):
        raise ValueError("at least one customer, and no negative time")
    if think + sum(demands) <= 0:
        raise ValueError("a round must take time")
    queue = [0.0] * len(demands)
    states = []
    for n in range(1, customers + 1):
        residence = [d * (1 + seen) for d, seen in zip(demands, queue, strict=True)]
        rate = n / (think + sum(residence))
        queue = [rate * r for r in residence]
        states.append(NetworkState(n, rate, tuple(residence), tuple(queue)))
    return states
