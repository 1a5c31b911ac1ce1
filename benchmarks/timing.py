"""Interleaved rounds, medians, ratios: how to compare speeds on a machine that is not idle.

Times are processor times of the simulation proper, without building its world and without reading
its result: on a shared machine they wander less than wall time does.
"""

import gc
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


class WorkDiffersError(AssertionError):
    """Contenders that should have done the same work did not."""


@dataclass(frozen=True)
class Sample:
    """One timed run: units of work done, and the processor time it took."""

    work: int
    seconds: float
    steps: int = 0
    mean_wait_ns: float = 0.0

    @property
    def rate(self) -> float:
        """Work per second."""
        return self.work / self.seconds


@dataclass(frozen=True)
class Contender:
    """A way of doing the work.

    Attributes
    ----------
    name : str
    measure : callable
        Takes the number of the round (its seed) and returns a ``Sample``.
    compiles : bool
        Whether the first run compiles something and has to be thrown away.
    """

    name: str
    measure: Callable[[int], Sample]
    compiles: bool = False


@dataclass(frozen=True)
class Spread:
    """A median with its extremes."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Return the median, the smallest and the largest of some values."""
        return cls(statistics.median(values), min(values), max(values))


@dataclass
class Comparison:
    """What a set of contenders did in the same rounds; the subject is compared with the others."""

    title: str
    unit: str
    subject: str | None
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def rate(self, name: str) -> Spread:
        """Return work per second of a contender."""
        return Spread.of([sample.rate for sample in self.samples[name]])

    def ratio(self, name: str) -> Spread | None:
        """Return how many times as fast as a contender the subject was, round by round."""
        if self.subject is None or name == self.subject:
            return None
        pairs = zip(self.samples[self.subject], self.samples[name], strict=True)
        return Spread.of([mine.rate / theirs.rate for mine, theirs in pairs])

    def ns_per_step(self, name: str) -> Spread | None:
        """Return ns of processor time per simulated step, for contenders that count steps."""
        samples = self.samples[name]
        if not all(sample.steps for sample in samples):
            return None
        return Spread.of([1e9 * sample.seconds / sample.steps for sample in samples])


def compare(
    title: str,
    unit: str,
    contenders: Sequence[Contender],
    rounds: int,
    subject: str | None = "own loop",
) -> Comparison:
    """Let contenders take turns for a number of rounds, each round beginning with another one."""
    for contender in contenders:
        if contender.compiles:
            contender.measure(0)
    result = Comparison(title, unit, subject, {contender.name: [] for contender in contenders})
    for number in range(rounds):
        first = number % len(contenders)
        for contender in (*contenders[first:], *contenders[:first]):
            gc.collect()
            result.samples[contender.name].append(contender.measure(number + 1))
    return result
