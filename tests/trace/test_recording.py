from dataclasses import replace
from itertools import pairwise

import pytest
from helpers import DEVICE, STOP, a_machine, a_workload
from recordings import POINTS, a_loop, a_point

from dessim.engines import run_setup
from dessim.kernel.alphabet import lock
from dessim.kernel.assembler import assemble
from dessim.kernel.layout import CATEGORIES
from dessim.measure.recording.frames import frames_of
from dessim.measure.recording.history import DEVICE_QUEUE
from dessim.model import SchemeChoice
from dessim.report.trace.folded import folded_stacks, folded_text
from dessim.study.explain import trace
from dessim.study.explain.trace import record
from dessim.study.sweep.plan import setup_of


@pytest.fixture(scope="module", params=POINTS, ids=lambda name: name.replace(" ", "-"))
def recorded(request):
    """Return a point with its recording and its result."""
    point = POINTS[request.param]
    return (point, *record(point))


def test_recording_changes_nothing(recorded) -> None:
    """A recorded run has the result of any other."""
    point, _, run = recorded
    assert run == run_setup(setup_of(point, 0), "reference")


def test_spans_add_up_to_the_accounting(recorded) -> None:
    """The time of all spans by category is what the engine accounts, to the picosecond."""
    _, recording, run = recorded
    assert recording.complete
    assert recording.time_ps() == run.time_ps


def test_spans_follow_each_other_without_gaps(recorded) -> None:
    """A task is always in exactly one span, from its start to its end."""
    _, recording, run = recorded
    for own in recording.spans:
        for first, second in pairwise(own):
            assert first.end_ps == second.begin_ps
    ends = sum(own[-1].end_ps - own[0].begin_ps for own in recording.spans[: recording.workers])
    assert ends == run.total_time_ps


def test_frames_leave_nothing_out(recorded) -> None:
    """Steps hold every span once, and a fault holds all of its steps."""
    _, recording, run = recorded
    faults = 0
    for task, own in enumerate(recording.spans):
        frames = list(frames_of(recording, task))
        assert [span for frame in frames for span in frame.spans] == own
        for frame in frames:
            if frame.fault >= 0:
                begin, end = recording.faults[task][frame.fault]
                assert begin <= frame.begin_ps <= frame.end_ps <= end
        faults += len(recording.faults[task])
    assert faults == run.counters["minor_faults"]


def test_time_in_faults_is_the_sum_of_latencies(recorded) -> None:
    """The frames of faults last as long as the latencies that the engine counts."""
    point, recording, run = recorded
    if point.workload.kind == "lock_loop":
        return
    inside = {}
    for task in range(recording.workers):
        for frame in frames_of(recording, task):
            if frame.fault >= 0:
                fault = (task, frame.fault)
                inside[fault] = inside.get(fault, 0) + frame.end_ps - frame.begin_ps
    for (task, number), ps in inside.items():
        begin, end = recording.faults[task][number]
        assert ps == end - begin
    if run.latency_steady:  # only those that ended while all threads ran
        assert run.latency_sum_ps <= sum(inside.values())
        assert run.latency_max_ps in inside.values()
    else:
        assert run.latency_sum_ps == sum(inside.values())


def test_folded_stacks_add_up_to_the_accounting(recorded) -> None:
    """The counts of all lines together are the time of all threads."""
    _, recording, run = recorded
    stacks = folded_stacks(recording)
    assert sum(stacks.values()) == run.total_time_ps
    lines = folded_text(recording).splitlines()
    assert [line.rpartition(" ")[0] for line in lines] == list(stacks)


def test_whoever_waits_is_woken_or_finds_it_free(recorded) -> None:
    """Nobody waits in the end, and every wake-up meets somebody who waited for that."""
    _, recording, _ = recorded
    for resource in recording.resources:
        if resource.kind != "work":
            assert resource.waiting == 0
    for wake in recording.wakes:
        waits = [s for s in recording.spans[wake.woken] if s.resource == wake.resource]
        assert any(span.begin_ps <= wake.at_ps <= span.end_ps for span in waits) or (
            wake.at_ps <= recording.spans[wake.woken][-1].end_ps
        )


def test_a_lock_is_held_as_long_as_its_hold_time() -> None:
    """Two threads with fixed times: the second waits until the first lets go."""
    recording, run = record(a_loop(2, hold_ps=7_000, iterations=3))
    [lock] = [r for r in recording.resources if r.kind == "lock"]
    held = pairwise(lock.changes)
    assert {b.at_ps - a.at_ps for a, b in held if a.holders} == {7_000}
    waits = [s for _, s in recording.worker_spans() if s.resource >= 0]
    assert sum(s.end_ps - s.begin_ps for s in waits) == run.time_ps["lock"]
    assert {CATEGORIES[s.category] for s in waits} == {"lock"}


def test_a_window_of_time_is_cut_out() -> None:
    """Spans lie inside, and their time is that of the whole recording between the same ends."""
    point = a_point()
    whole, _ = record(point)
    a, b = whole.until_ps // 4, whole.until_ps // 2
    part, run = record(point, from_ps=a, until_ps=b)
    assert run is None
    assert not part.complete
    assert not part.full
    for full, own in zip(whole.spans, part.spans, strict=True):
        wanted = sum(max(0, min(s.end_ps, b) - max(s.begin_ps, a)) for s in full)
        assert sum(s.end_ps - s.begin_ps for s in own) == wanted
        assert all(a <= s.begin_ps < s.end_ps <= b for s in own)
    for task in range(part.workers):
        frames = list(frames_of(part, task))
        assert [span for frame in frames for span in frame.spans] == part.spans[task]


def test_a_recording_that_grows_too_long_is_ended() -> None:
    """It says so, and all tasks end at the same time."""
    recording, run = record(a_point(), limit=200)
    assert run is None
    assert recording.full
    assert 200 <= sum(map(len, recording.spans)) <= 200 + 2 * len(recording.tasks) + 20
    assert max(own[-1].end_ps for own in recording.spans if own) == recording.until_ps


def test_a_run_that_ends_in_a_deadlock_is_recorded_up_to_there(monkeypatch) -> None:
    """The recording tells why it ended, and those who wait for ever are seen to wait."""
    program = assemble((lock("lock"), STOP))  # whoever ends with the lock keeps it
    point = a_loop(3)
    setup = replace(setup_of(point, 0), program=program)
    monkeypatch.setattr(trace, "setup_of", lambda point, replication: setup)
    recording, run = trace.record(point)
    assert run is None
    assert not recording.complete
    assert "wait for ever" in recording.error
    [held] = [r for r in recording.resources if r.kind == "lock"]
    assert held.waiting == 2


@pytest.mark.parametrize("order", [0, 2])
def test_folios_read_ahead_are_the_queues_before_they_are_the_devices(order) -> None:
    """A window of less than a folio reaches into the next one, and reads all of it."""
    point = a_point(
        machine=a_machine(device=DEVICE),
        scheme=SchemeChoice(name="folio_batch", options={"folio_order": order}),
        workload=a_workload(48, cached_ppm=300_000, readahead_pages=3),
    )
    recording, _ = record(point)
    locks = [found for found in recording.resources if found.kind == "page lock"]
    held = [[c.holders for c in lock.changes if c.holders] for lock in locks]
    device = range(point.threads, len(recording.tasks))
    reads = [before for own in held for before, now in pairwise([(), *own]) if now[0] in device]
    assert len(reads) > 4
    assert set(reads) == {(DEVICE_QUEUE,)}
