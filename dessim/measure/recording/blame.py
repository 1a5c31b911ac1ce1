"""Blame: while a thread waited, who held what it waited for, and what did that one do meanwhile.

Every picosecond of waiting is given to exactly one holder, so that the sums are the waiting in the
engine's accounting. Of several readers that hold a lock the one that has held it longest is blamed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from dessim.kernel.layout import CATEGORIES
from dessim.measure.recording.history import DEVICE_QUEUE, NO_RESOURCE, Recording, Span

DEPTH = 6
"""Links of a chain at most."""
HAND_OVER = "(hand-over)"
SWITCH = "(switch)"
WAKE_UP = "(wake-up)"
ON_THE_WAY = {"cpu": SWITCH, "page lock": WAKE_UP}
"""What it is called when a resource of a kind was given to somebody who cannot use it yet."""
QUEUE = "device: queued"
ELSEWHERE = "(not recorded)"
TOO_LONG = "…"
SLEEPING = ("page lock", "cpu", "device")
"""What tasks wait for without using a cache line."""

Row = tuple[str, str, str]
"""Kind of resource, step of the waiter, what the holder did."""
Chain = tuple[str, ...]
"""Kinds of resources from the waiter on, and at the end what somebody did."""


@dataclass
class Blame:
    """Waiting of the workload's threads, ps, by what and whom they waited for.

    Attributes
    ----------
    total_ps : int
        Time of all threads that was recorded, waiting or not.
    by_kind, by_resource, by_category : Counter
        By kind of resource, by resource, by category of the accounting. Each adds up to all
        waiting.
    waits : Counter
        Number of waits by kind.
    matrix, chains : Counter
        Each adds up to all waiting, too.
    """

    total_ps: int = 0
    by_kind: Counter[str] = field(default_factory=Counter)
    by_resource: Counter[str] = field(default_factory=Counter)
    by_category: Counter[str] = field(default_factory=Counter)
    waits: Counter[str] = field(default_factory=Counter)
    matrix: Counter[Row] = field(default_factory=Counter)
    chains: Counter[Chain] = field(default_factory=Counter)

    @property
    def waiting_ps(self) -> int:
        """All waiting."""
        return sum(self.by_kind.values())


class _Blamer:
    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.changes = [[c.at_ps for c in r.changes] for r in recording.resources]
        self.begins = [[span.begin_ps for span in own] for own in recording.spans]

    def holders(self, resource: int, begin: int, end: int) -> Iterator[tuple[int, int, int | None]]:
        """Pieces of a time, each with the task that held a resource; None: nobody."""
        times, changes = self.changes[resource], self.recording.resources[resource].changes
        i = bisect_right(times, begin) - 1
        while begin < end:
            until = min(end, times[i + 1]) if i + 1 < len(times) else end
            held = changes[i].holders if i >= 0 else ()
            if until > begin:
                yield begin, until, held[0] if held else None
            begin, i = max(begin, until), i + 1

    def doings(self, task: int, begin: int, end: int) -> Iterator[tuple[int, int, Span | None]]:
        """Pieces of a time, each with what a task did in it; None where nothing was recorded."""
        spans = self.recording.spans[task]
        i = max(0, bisect_right(self.begins[task], begin) - 1)
        while begin < end:
            if i >= len(spans):
                yield begin, end, None
                return
            span = spans[i]
            if span.begin_ps > begin:
                until = min(end, span.begin_ps)
                yield begin, until, None
                begin = until
                continue
            until = min(end, span.end_ps)
            if until > begin:
                yield begin, until, span
                begin = until
            i += 1

    def label(self, task: int, span: Span | None) -> str:
        """What a holder does, in words."""
        kind = self.recording.tasks[task].kind
        if span is None:
            return f"{kind}: {ELSEWHERE}"
        step = self.recording.listing[span.pc]
        if span.resource == NO_RESOURCE:
            return f"{kind}: {step}"
        return f"{kind}: waits for {self.recording.resources[span.resource].kind}"

    def on_the_way(self, resource: int, waits_for: int) -> bool:
        """Return whether a resource was given to somebody who cannot use it yet, or has used it.

        The last to be granted a line is noted as its holder. If it has fallen asleep since, an
        older transfer still keeps the line.
        """
        if waits_for in (resource, NO_RESOURCE):
            return waits_for == resource
        known = self.recording.resources
        return known[resource].kind.endswith(" line") and known[waits_for].kind in SLEEPING

    def causes(
        self, waiter: int, resource: int, begin: int, end: int, depth: int = 1
    ) -> Iterator[tuple[int, str, Chain]]:
        """Pieces of a wait: ps, what the holder did, and the chain to the one who worked."""
        kind = self.recording.resources[resource].kind
        for a, b, holder in self.holders(resource, begin, end):
            if holder is None or holder in (waiter, DEVICE_QUEUE):
                text = QUEUE if holder == DEVICE_QUEUE else ON_THE_WAY.get(kind, HAND_OVER)
                yield b - a, text, (kind, text)
                continue
            for c, d, span in self.doings(holder, a, b):
                text = self.label(holder, span)
                if span is not None and self.on_the_way(resource, span.resource):
                    text = ON_THE_WAY.get(kind, HAND_OVER)
                    yield d - c, text, (kind, text)
                    continue
                if span is None or span.resource == NO_RESOURCE:
                    yield d - c, text, (kind, text)
                elif depth == DEPTH:
                    yield d - c, text, (kind, TOO_LONG)
                else:
                    for ps, _, chain in self.causes(holder, span.resource, c, d, depth + 1):
                        yield ps, text, (kind, *chain)


def blame(recording: Recording) -> Blame:
    """Give all waiting of the workload's threads to those who held what they waited for."""
    blamer, found = _Blamer(recording), Blame()
    for task, span in recording.worker_spans():
        ps = span.end_ps - span.begin_ps
        found.total_ps += ps
        if span.resource == NO_RESOURCE:
            continue
        resource = recording.resources[span.resource]
        found.by_kind[resource.kind] += ps
        found.by_resource[resource.label] += ps
        found.by_category[CATEGORIES[span.category]] += ps
        found.waits[resource.kind] += 1
        step = recording.listing[span.pc]
        for part, text, chain in blamer.causes(task, span.resource, span.begin_ps, span.end_ps):
            found.matrix[resource.kind, step, text] += part
            found.chains[chain] += part
    return found
