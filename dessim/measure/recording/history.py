"""What a run did, step by step: spans of time, who waited for what, who held it.

A recording is made by ``recorder.Recorder``; traces, flame graphs and blame are made from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from dessim.kernel.layout import CATEGORIES, N_FILE_CATEGORIES

DEVICE_QUEUE = -2
"""Holder of a page that waits for the device to read it."""
NO_RESOURCE = -1


class Span(NamedTuple):
    """A piece of a task's time; the spans of a task follow each other without gaps.

    Attributes
    ----------
    begin_ps, end_ps : int, ps
    category : int
        Index of ``layout.CATEGORIES``: where the engine accounts for it.
    pc : int
        The step that takes it, or for which the task waits.
    resource : int
        What it waits for; ``NO_RESOURCE`` if it works.
    """

    begin_ps: int
    end_ps: int
    category: int
    pc: int
    resource: int


class Change(NamedTuple):
    """From ``at_ps`` on a resource is held by these tasks, longest first."""

    at_ps: int
    holders: tuple[int, ...]


class Wake(NamedTuple):
    """A task lets another go on that waited for a resource."""

    at_ps: int
    task: int
    woken: int
    resource: int


@dataclass
class Resource:
    """A lock, a cache line, a page's lock or a CPU: what can be waited for.

    Attributes
    ----------
    kind : str
        As ``ptl``, ``ptl line``, ``page line``, ``page lock``, ``cpu``, ``device``.
    name : str
        Which one of its kind.
    changes : list of Change
        Ascending in time.
    queue : list of (ps, int)
        Number of tasks that wait, from a time on.
    waiting : int
        How many wait now.
    keeps_all : bool
        Whether changes are kept that nobody waited through: not for cache lines, there are many.
    """

    kind: str
    name: str
    changes: list[Change] = field(default_factory=list)
    queue: list[tuple[int, int]] = field(default_factory=list)
    waiting: int = 0
    keeps_all: bool = True
    _waited: bool = False

    @property
    def label(self) -> str:
        """Kind and name."""
        return f"{self.kind} {self.name}".strip()

    def held(self, at_ps: int, holders: tuple[int, ...]) -> None:
        """Note who holds it from a time on; a time before the last change is moved to it."""
        last = self.changes[-1] if self.changes else None
        if last is not None:
            if last.holders == holders:
                return
            at_ps = max(at_ps, last.at_ps)
            if not self.keeps_all and not self._waited:
                self.changes.pop()
        self.changes.append(Change(at_ps, holders))
        self._waited = self.waiting > 0

    @property
    def holders(self) -> tuple[int, ...]:
        """Who holds it now."""
        return self.changes[-1].holders if self.changes else ()

    def wait(self, at_ps: int, by: int) -> None:
        """Note that one more (or less) waits."""
        self.waiting += by
        self._waited = True
        if self.queue and self.queue[-1][0] >= at_ps:
            self.queue[-1] = (self.queue[-1][0], self.waiting)
        else:
            self.queue.append((at_ps, self.waiting))


class TaskInfo(NamedTuple):
    """Who a task is.

    Attributes
    ----------
    name, kind : str
        ``thread 3``, ``thread``; kinds are ``thread``, ``actor``, ``device`` and ``creator``.
    cpu, core, socket : int
        -1 for slots of the device, and for who creates threads.
    """

    name: str
    kind: str
    cpu: int
    core: int
    socket: int


@dataclass
class Recording:
    """A run, or the part of it between two times.

    Attributes
    ----------
    tasks : list of TaskInfo
    workers : int
        The first so many tasks are the workload's threads; only their time is accounted.
    listing : tuple of str
        Step of each program counter, in words.
    spans : list of lists of Span, shape (n_tasks, any)
    faults : list of lists of (begin, end), shape (n_tasks, any), ps
        End is None for a fault that the recording cut off.
    resources : list of Resource
        ``Span.resource`` counts in it.
    wakes : list of Wake
    from_ps, until_ps : int, ps
        What it covers.
    complete : bool
        Whether it reaches to the end of the run.
    full : bool
        Whether it stopped because it had become too long.
    error : str
        Why the run itself ended before its time: a deadlock, a BUG.
    """

    tasks: list[TaskInfo]
    workers: int
    listing: tuple[str, ...]
    spans: list[list[Span]] = field(default_factory=list)
    faults: list[list[tuple[int, int | None]]] = field(default_factory=list)
    resources: list[Resource] = field(default_factory=list)
    wakes: list[Wake] = field(default_factory=list)
    from_ps: int = 0
    until_ps: int = 0
    complete: bool = False
    full: bool = False
    error: str = ""

    def worker_spans(self) -> Iterator[tuple[int, Span]]:
        """All spans of the workload's threads: task and span."""
        for task in range(self.workers):
            for span in self.spans[task]:
                yield task, span

    def time_ps(self) -> dict[str, int]:
        """Time of the workload's threads by category: what the engine accounts, if complete."""
        found = dict.fromkeys(self.categories(), 0)
        for _, span in self.worker_spans():
            found[CATEGORIES[span.category]] += span.end_ps - span.begin_ps
        return found

    def categories(self) -> tuple[str, ...]:
        """Categories of a run's time: those of memory only where some was spent on it."""
        greatest = max((span.category for _, span in self.worker_spans()), default=0)
        return CATEGORIES if greatest >= N_FILE_CATEGORIES else CATEGORIES[:N_FILE_CATEGORIES]

    def waiting_ps(self) -> dict[str, int]:
        """The part of ``time_ps`` that is waiting."""
        found = dict.fromkeys(self.categories(), 0)
        for _, span in self.worker_spans():
            if span.resource != NO_RESOURCE:
                found[CATEGORIES[span.category]] += span.end_ps - span.begin_ps
        return found
