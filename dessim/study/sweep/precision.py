"""Sequential stopping: more replications until the wanted precision is met, or a cap is reached."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dessim.kernel.result import RunResult
from dessim.measure.statistics.intervals import IntervalEstimate
from dessim.measure.statistics.summary import Summary, summarise
from dessim.model import Point

GROWTH = 2
"""At most so many times as many replications in one step: early estimates of spread are rough."""
ENOUGH = 10
"""With fewer replications an interval that just looks narrow enough is not believed: see below."""


@dataclass(frozen=True)
class Reached:
    """How precise one metric of a point is.

    Attributes
    ----------
    metric : str
    wanted, reached : float, ratio of half-width to value; reached is None without an interval
    """

    metric: str
    wanted: float
    reached: float | None

    @property
    def met(self) -> bool:
        """Whether it is as precise as was wanted."""
        return self.reached is not None and self.reached <= self.wanted

    def as_dict(self) -> dict[str, Any]:
        """The form of results."""
        return {"wanted": self.wanted, "reached": self.reached, "met": self.met}


def _reached(metric: str, wanted: float, estimate: IntervalEstimate) -> Reached:
    if estimate.mean == 0 and estimate.ci95 == (0.0, 0.0):
        return Reached(metric, wanted, 0.0)  # never happened in any replication
    return Reached(metric, wanted, estimate.relative_half_width)


def reached_by(summary: Summary, wanted: dict[str, float]) -> list[Reached]:
    """How precise a point's metrics are, and what was wanted.

    Of a point with two kinds of runs nothing is precise: its numbers are those of either kind.
    """
    if summary.mixture is not None:
        return [Reached(name, ratio, None) for name, ratio in wanted.items()]
    return [_reached(name, ratio, summary.metrics[name]) for name, ratio in wanted.items()]


def summary_of(point: Point, runs: Sequence[RunResult], warmup_ps: int | None = None) -> Summary:
    """Summarise the runs of a point."""
    processes = point.threads if point.workload.mapping == "per_process" else 1
    return summarise(runs, point.machine.kernel.process_exit_ps, processes, warmup_ps)


def replications_wanted(found: Sequence[Reached], done: int, cap: int) -> int:
    """Replications after which a point is probably precise enough.

    Parameters
    ----------
    found : sequence of Reached
    done, cap : int
        Replications there are, and at most.

    Returns
    -------
    int
        ``done`` if all is met; else more, at most twice as many and at most the cap.

    Notes
    -----
    Stopping where an interval looks narrow prefers spreads that are too small by chance. With five
    replications that happens often enough for intervals to cover 92 %; so fewer than ten end an
    experiment only if the interval is half as wide as it may be.

    Source
    ------
    A half-width shrinks with the root of n: A. Law, *Simulation Modeling and Analysis*, 5th ed.,
    2015, eq. (9.2). Coverage after stopping: Y. Chow, H. Robbins, Ann. Math. Statist. 36, 1965.
    """
    need = done
    for one in found:
        if one.met:
            sure = one.reached is not None and one.reached <= one.wanted / 2
            need = need if sure else max(need, min(ENOUGH, GROWTH * done))
            continue
        factor = GROWTH if one.reached is None else (one.reached / one.wanted) ** 2
        need = max(need, done + 1, math.ceil(done * min(factor, GROWTH)))
    return max(done, min(need, cap))
