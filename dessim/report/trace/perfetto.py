"""A recording as a Perfetto trace: a track for each CPU, lock and contended line.

Source
------
The format of https://perfetto.dev (track events), by the writer of its own Python package.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from dessim.errors import UserError
from dessim.files.writing import writing
from dessim.kernel.layout import CATEGORIES
from dessim.measure.recording.frames import fault_times, frames_of, leaf_label
from dessim.measure.recording.history import DEVICE_QUEUE, NO_RESOURCE, Recording, Resource, Span

ALWAYS_SHOWN = ("mmap_lock", "lock")
"""Locks that get a track even if nobody ever waited for them."""
NO_TRACK = ("cpu", "work")
SEQUENCE = 1
PS_PER_NS = 1000


class PerfettoMissingError(UserError):
    """The writer is not installed."""


def _library() -> tuple[Any, Any]:
    try:
        from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import (
            TrackDescriptor,
            TrackEvent,
        )
        from perfetto.trace_builder.proto_builder import StreamingTraceProtoBuilder
    except ImportError as error:
        raise PerfettoMissingError(
            "traces need the package perfetto: pip install 'dessim[trace]'"
            " (folded stacks do not: --format folded)"
        ) from error
    return StreamingTraceProtoBuilder, (TrackDescriptor, TrackEvent)


def check_perfetto() -> None:
    """Check that traces can be written, before anything runs.

    Raises
    ------
    PerfettoMissingError
        If the package is not installed.
    """
    _library()


class _Writer:
    """Writes packets; tracks get their numbers here."""

    def __init__(self, file: Any) -> None:
        builder, (self.descriptor, self.event) = _library()
        self.builder = builder(file)
        self.tracks = 0
        self.slices = 0

    def track(
        self, name: str, parent: int = 0, *, counter: bool = False, ranked: bool = False
    ) -> int:
        """Describe a track and return its number."""
        self.tracks += 1
        packet = self.builder.create_packet()
        packet.trusted_packet_sequence_id = SEQUENCE
        track = packet.track_descriptor
        track.uuid, track.name = self.tracks, name
        track.sibling_order_rank = self.tracks
        if parent:
            track.parent_uuid = parent
        if ranked:
            track.child_ordering = self.descriptor.ChildTracksOrdering.EXPLICIT
        if counter:
            track.counter.unit_name = "tasks"
        self.builder.write_packet(packet)
        return self.tracks

    def _event(self, kind: int, track: int, at_ps: int) -> Any:
        packet = self.builder.create_packet()
        packet.trusted_packet_sequence_id = SEQUENCE
        packet.timestamp = at_ps // PS_PER_NS
        packet.track_event.type = kind
        packet.track_event.track_uuid = track
        return packet

    def begin(
        self,
        track: int,
        at_ps: int,
        name: str,
        category: str = "",
        details: Iterable[tuple[str, int | str]] = (),
        flows: tuple[Iterable[int], Iterable[int]] = ((), ()),
    ) -> None:
        """Open a slice; flows leave it (first) or end in it (second)."""
        packet = self._event(self.event.TYPE_SLICE_BEGIN, track, at_ps)
        event = packet.track_event
        event.name = name
        if category:
            event.categories.append(category)
        for key, value in details:
            note = event.debug_annotations.add()
            note.name = key
            if isinstance(value, str):
                note.string_value = value
            else:
                note.int_value = value
        event.flow_ids.extend(flows[0])
        event.terminating_flow_ids.extend(flows[1])
        self.builder.write_packet(packet)
        self.slices += 1

    def end(self, track: int, at_ps: int) -> None:
        """Close the slice that was opened last."""
        self.builder.write_packet(self._event(self.event.TYPE_SLICE_END, track, at_ps))

    def count(self, track: int, at_ps: int, value: int) -> None:
        """Set a counter."""
        packet = self._event(self.event.TYPE_COUNTER, track, at_ps)
        packet.track_event.counter_value = value
        self.builder.write_packet(packet)


Flows = dict[tuple[int, int], tuple[list[int], list[int]]]
"""(task, number of a span) -> flows that leave it, and that end in it."""


def flows_of(recording: Recording) -> Flows:
    """Arrows from the step that drops a lock to what its waiter does next."""
    begins = [[span.begin_ps for span in own] for own in recording.spans]
    flows: Flows = defaultdict(lambda: ([], []))
    for number, wake in enumerate(recording.wakes, start=1):
        source = bisect_left(begins[wake.task], wake.at_ps) - 1
        own = recording.spans[wake.woken]
        goal = bisect_left(begins[wake.woken], wake.at_ps)
        while goal < len(own) and own[goal].resource == wake.resource:
            goal += 1
        if source < 0 or recording.spans[wake.task][source].end_ps < wake.at_ps or goal >= len(own):
            continue  # one of its ends was not recorded
        flows[wake.task, source][0].append(number)
        flows[wake.woken, goal][1].append(number)
    return flows


def _tasks(writer: _Writer, recording: Recording) -> None:
    """A track for each CPU; where tasks share one, a track below it for each."""
    on_cpu: dict[int, list[int]] = defaultdict(list)
    for task, info in enumerate(recording.tasks):
        on_cpu[info.cpu].append(task)
    flows = flows_of(recording)
    cpus = writer.track("CPUs", ranked=True)
    for cpu in sorted(cpu for cpu in on_cpu if cpu >= 0):
        tasks = on_cpu[cpu]
        info = recording.tasks[tasks[0]]
        where = f"cpu {cpu} (core {info.core}, socket {info.socket})"
        if len(tasks) == 1:
            _steps(writer, recording, tasks[0], writer.track(f"{where}: {info.name}", cpus), flows)
            continue
        track = writer.track(where, cpus, ranked=True)
        found = [r for r in recording.resources if r.kind == "cpu" and r.name == str(cpu)]
        for resource in found:
            _holders(writer, recording, resource, track)
        for task in tasks:
            own = writer.track(recording.tasks[task].name, track)
            _steps(writer, recording, task, own, flows)
    kinds = dict.fromkeys(recording.tasks[task].kind for task in on_cpu.get(-1, ()))
    slots = writer.track(", ".join(kinds), ranked=True) if kinds else 0
    for task in on_cpu.get(-1, ()):
        own = writer.track(recording.tasks[task].name, slots)
        _steps(writer, recording, task, own, flows)


def _steps(writer: _Writer, recording: Recording, task: int, track: int, flows: Flows) -> None:
    """Slices fault > step > waits and work of one task."""
    fault = -1
    fault_end = 0
    for frame in frames_of(recording, task):
        if frame.fault != fault:
            if fault >= 0:
                writer.end(track, fault_end)
            fault = frame.fault
            if fault >= 0:
                begin, fault_end = fault_times(recording, task, fault)
                writer.begin(track, begin, "fault", "fault")
        if len(frame.spans) == 1:
            _leaf(
                writer,
                recording,
                track,
                frame.spans[0],
                frame.label,
                flows.get((task, frame.first)),
            )
            continue
        writer.begin(track, frame.begin_ps, frame.label, "step")
        for i, span in enumerate(frame.spans, start=frame.first):
            label = leaf_label(recording, span)
            _leaf(writer, recording, track, span, label, flows.get((task, i)))
        writer.end(track, frame.end_ps)
    if fault >= 0:
        writer.end(track, fault_end)


def _leaf(
    writer: _Writer,
    recording: Recording,
    track: int,
    span: Span,
    label: str,
    flows: tuple[list[int], list[int]] | None,
) -> None:
    details: list[tuple[str, int | str]] = [("ps", span.end_ps - span.begin_ps)]
    if span.resource != NO_RESOURCE:
        details.append(("for", recording.resources[span.resource].label))
        label = leaf_label(recording, span)
    category = CATEGORIES[span.category]
    writer.begin(track, span.begin_ps, label, category, details, flows or ((), ()))
    writer.end(track, span.end_ps)


def _resources(writer: _Writer, recording: Recording) -> None:
    """A track for each lock and each line that was waited for: who has it, how many wait."""
    kinds: dict[str, list[Resource]] = defaultdict(list)
    for resource in recording.resources:
        if resource.kind in NO_TRACK:
            continue
        if resource.queue or resource.kind in ALWAYS_SHOWN:
            kinds[resource.kind].append(resource)
    for kind in sorted(kinds):
        parent = writer.track(f"{kind}s", ranked=True)
        for resource in kinds[kind]:
            track = writer.track(resource.label, parent)
            _holders(writer, recording, resource, track)
            if resource.queue:
                waiting = writer.track(f"{resource.label}: waiting", parent, counter=True)
                for at_ps, n in resource.queue:
                    if recording.from_ps <= at_ps <= recording.until_ps:
                        writer.count(waiting, at_ps, n)


def _holders(writer: _Writer, recording: Recording, resource: Resource, track: int) -> None:
    for begin, end, holders in _held(recording, resource):
        names = [
            "device queue" if task == DEVICE_QUEUE else recording.tasks[task].name
            for task in holders
        ]
        name = names[0] if len(names) == 1 else f"{len(names)} readers"
        details = [] if len(names) == 1 else [("who", ", ".join(names))]
        writer.begin(track, begin, name, "held", details)
        writer.end(track, end)


def _held(recording: Recording, resource: Resource) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """When a resource was held by whom, within what was recorded."""
    ends = [change.at_ps for change in resource.changes[1:]]
    for change, end in zip(resource.changes, [*ends, recording.until_ps], strict=True):
        begin, end = max(change.at_ps, recording.from_ps), min(end, recording.until_ps)
        if change.holders and end > begin:
            yield begin, end, change.holders


def write_trace(recording: Recording, path: Path) -> int:
    """Write a recording as a Perfetto trace.

    Timestamps are whole ns, as the format has them; each innermost slice of a task carries its
    exact time as ``ps``, and these add up to what the engine accounts.

    Returns
    -------
    int
        Number of slices.

    Raises
    ------
    PerfettoMissingError
        If the package is not installed.
    """
    with writing(path) as file:
        writer = _Writer(file)
        _tasks(writer, recording)
        _resources(writer, recording)
    return writer.slices
