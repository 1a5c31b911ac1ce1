"""Random programs, machines and workloads: an observer sees all, and changes nothing."""

from itertools import pairwise

from hypothesis import given, reject, settings
from random_runs import runs
from stories import RUNAWAY, WITHOUT_END, Log, by_reference

from dessim.engines.reference import Reference
from dessim.kernel import layout as lay
from dessim.kernel.world import build_world
from dessim.measure.recording.blame import blame
from dessim.measure.recording.history import TaskInfo
from dessim.measure.recording.recorder import Recorder
from dessim.report.trace.folded import folded_stacks
from dessim.report.trace.perfetto import flows_of


def recorded(setup):
    """Return the recording of a run and the World that it left."""
    w = build_world(setup).tolist()
    tasks = [TaskInfo(f"task {i}", "task", i, i, 0) for i in range(w[lay.H_TASKS])]
    listing = tuple(f"step {i}" for i in range(10_000))
    recorder = Recorder(w, tasks, listing)
    Reference(w, Log(RUNAWAY), recorder.advance, check=False).run()
    return recorder.finish(w, complete=True), w


@settings(settings.get_profile("quick"))
@given(setup=runs())
def test_quick_recordings_of_random_runs(setup):
    """Nothing is changed; spans, stacks and blame add up to what each run has accounted."""
    try:
        story = by_reference(setup)
    except WITHOUT_END:
        reject()
    recording, w = recorded(setup)
    assert w == story.world
    first = w[lay.H_TASK] + lay.T_ACCOUNT
    accounts = [first + task * lay.T_WORDS for task in range(recording.workers)]
    time_ps = {
        name: sum(w[account + i] for account in accounts) for i, name in enumerate(lay.CATEGORIES)
    }
    shown = recording.time_ps()  # without categories of memory where no time is spent in them
    assert shown == {name: time_ps[name] for name in shown}
    assert not any(ps for name, ps in time_ps.items() if name not in shown)
    assert sum(folded_stacks(recording).values()) == sum(time_ps.values())
    for own in recording.spans:
        assert all(a.end_ps == b.begin_ps for a, b in pairwise(own))
    found = blame(recording)
    for part in (found.by_resource, found.by_category, found.matrix, found.chains):
        assert sum(part.values()) == found.waiting_ps
    assert sum(len(out) for out, _ in flows_of(recording).values()) <= len(recording.wakes)
