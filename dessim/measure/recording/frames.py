"""The spans of a task as people look at them: a fault, in it steps, in them waits and work."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from dessim.kernel.layout import CATEGORIES
from dessim.measure.recording.history import NO_RESOURCE, Recording, Span


class Frame(NamedTuple):
    """One step of a task, or the same step several times in a row.

    Attributes
    ----------
    label : str
        The step in words.
    fault : int
        Number of the task's fault in which it is, or -1.
    first : int
        Number of its first span.
    spans : tuple of Span
    """

    label: str
    fault: int
    first: int
    spans: tuple[Span, ...]

    @property
    def begin_ps(self) -> int:
        """When it begins."""
        return self.spans[0].begin_ps

    @property
    def end_ps(self) -> int:
        """When it ends."""
        return self.spans[-1].end_ps


def step_label(recording: Recording, pc: int) -> str:
    """A step in words."""
    return recording.listing[pc]


def leaf_label(recording: Recording, span: Span) -> str:
    """What a span is within its step: a wait for a kind of thing, or work of a category."""
    if span.resource == NO_RESOURCE:
        return CATEGORIES[span.category]
    kind = recording.resources[span.resource].kind
    return f"wait for {kind}"


def frames_of(recording: Recording, task: int) -> Iterator[Frame]:
    """Steps of a task in order; nothing is left out between them."""
    spans, faults = recording.spans[task], recording.faults[task]
    fault, i = 0, 0
    while i < len(spans):
        begin = spans[i].begin_ps
        while fault < len(faults) and _end(faults[fault], recording) <= begin:
            fault += 1
        inside = fault < len(faults) and faults[fault][0] <= begin
        edge = _end(faults[fault], recording) if inside else None
        if not inside and fault < len(faults):
            edge = faults[fault][0]
        j = i + 1
        while j < len(spans) and spans[j].pc == spans[i].pc:
            if edge is not None and spans[j].begin_ps >= edge:
                break
            j += 1
        label = step_label(recording, spans[i].pc)
        yield Frame(label, fault if inside else -1, i, tuple(spans[i:j]))
        i = j


def _end(fault: tuple[int, int | None], recording: Recording) -> int:
    return recording.until_ps if fault[1] is None else fault[1]


def fault_times(recording: Recording, task: int, fault: int) -> tuple[int, int]:
    """Begin and end of a fault, ps, within what was recorded."""
    begin, _ = recording.faults[task][fault]
    end = min(_end(recording.faults[task][fault], recording), recording.until_ps)
    return max(begin, recording.from_ps), end
