"""The ticket lock as a Markov chain: a hand-over takes longer the more CPUs wait.

A ticket lock's release invalidates the line of every waiter; they all read it again, one after the
other, and the next owner is in the middle of them on average. So the service with k waiters is
s + c k / 2, and above some number of CPUs the throughput collapses.

Source
------
S. Boyd-Wickizer, M. F. Kaashoek, R. Morris, N. Zeldovich, *Non-scalable locks are dangerous*,
Proc. Linux Symposium, 2012, section 3: the chain of figure 4 with its rates a_k and s_k. Restated
from notes about the paper, not from the paper itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class TicketState:
    """A ticket lock in steady state.

    Attributes
    ----------
    probability : tuple of float, length cpus + 1
        Of k CPUs at the lock, the one that holds it included.
    throughput : float, 1/time
        Acquisitions per unit of time.
    mean_at_lock : float
        CPUs at the lock.
    """

    probability: tuple[float, ...]
    throughput: float
    mean_at_lock: float

    @property
    def speedup(self) -> float:
        """CPUs that are not at the lock, on average."""
        return len(self.probability) - 1 - self.mean_at_lock


def ticket_lock(
    cpus: int, think: float, hold: float, per_waiter: float, transfer: float | None = None
) -> TicketState:
    """Steady state of a ticket lock that CPUs take in a loop.

    Parameters
    ----------
    cpus : int, >= 1
    think : float, time, > 0
        Mean time between giving the lock back and asking for it again.
    hold : float, time, > 0
        Mean time that the lock is held.
    per_waiter : float, time, >= 0
        What one more waiter adds to a hand-over: c / 2, where c is the time of a read of the line.
    transfer : float, time, >= 0, optional
        What the next holder itself adds; left out: as much as any other waiter, as in the paper.
        The simulator's machines distinguish the two.

    Source
    ------
    Birth rate a_k = (n - k) / a and death rate 1 / s_k with s_k = s + c k / 2 (section 3.2 there),
    k being the waiters; here the state counts the holder as well. Birth and death: Kleinrock,
    *Queueing Systems* I, eq. (3.11).
    """
    if cpus < 1 or think <= 0 or hold <= 0 or per_waiter < 0:
        raise ValueError("at least one CPU, positive think and hold, and no negative hand-over")
    first = per_waiter if transfer is None else transfer
    service = [hold + (first + per_waiter * (k - 2) if k > 1 else 0) for k in range(cpus + 1)]
    logs = [0.0]
    for k in range(1, cpus + 1):
        logs.append(logs[-1] + math.log((cpus - k + 1) / think * service[k]))
    top = max(logs)
    weights = [math.exp(x - top) for x in logs]
    total = math.fsum(weights)
    probability = tuple(x / total for x in weights)
    rate = math.fsum(p / s for p, s in zip(probability[1:], service[1:], strict=True))
    at_lock = math.fsum(k * p for k, p in enumerate(probability))
    return TicketState(probability, rate, at_lock)
