from collections import defaultdict

import pytest
from click.testing import CliRunner
from recordings import POINTS
from small import experiment_file

from dessim.cli import main
from dessim.report.trace import perfetto as perfetto_trace
from dessim.report.trace.perfetto import flows_of, write_trace
from dessim.study.explain.trace import record

pb2 = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
BEGIN, END, COUNTER = 1, 2, 4


class Parsed:
    """A trace read back: tracks, and slices with their depth and exact time."""

    def __init__(self, path) -> None:
        trace = pb2.Trace()
        trace.ParseFromString(path.read_bytes())
        self.tracks, self.counters = {}, defaultdict(list)
        self.slices, self.sources, self.goals = [], {}, {}
        open_slices = defaultdict(list)
        last = defaultdict(int)
        for packet in trace.packet:
            assert packet.trusted_packet_sequence_id
            if packet.HasField("track_descriptor"):
                track = packet.track_descriptor
                self.tracks[track.uuid] = (track.name, track.parent_uuid)
                continue
            event = packet.track_event
            uuid = event.track_uuid
            assert uuid in self.tracks
            assert packet.timestamp >= last[uuid]
            last[uuid] = packet.timestamp
            if event.type == COUNTER:
                self.counters[uuid].append((packet.timestamp, event.counter_value))
            elif event.type == BEGIN:
                open_slices[uuid].append((packet.timestamp, event))
            else:
                begin, opened = open_slices[uuid].pop()
                notes = {n.name: n.int_value or n.string_value for n in opened.debug_annotations}
                self.slices.append(
                    (uuid, len(open_slices[uuid]), begin, packet.timestamp, opened, notes)
                )
                self.sources |= dict.fromkeys(opened.flow_ids, (uuid, packet.timestamp))
                self.goals |= dict.fromkeys(opened.terminating_flow_ids, (uuid, begin))
        assert not any(open_slices.values())


@pytest.fixture(scope="module", params=POINTS, ids=lambda name: name.replace(" ", "-"))
def traced(request, tmp_path_factory):
    """Return a recording, the result of its run, and the trace read back."""
    recording, run = record(POINTS[request.param])
    path = tmp_path_factory.mktemp("trace") / "trace.pftrace"
    slices = write_trace(recording, path)
    parsed = Parsed(path)
    assert len(parsed.slices) == slices
    return recording, run, parsed


def test_slices_add_up_to_the_accounting(traced) -> None:
    """Innermost slices of threads, by category, are the engine's accounting to the picosecond."""
    recording, run, parsed = traced
    threads = {info.name for info in recording.tasks[: recording.workers]}
    found = dict.fromkeys(run.time_ps, 0)
    for uuid, _, _, _, event, notes in parsed.slices:
        if parsed.tracks[uuid][0].rpartition(": ")[2] in threads and "ps" in notes:
            found[event.categories[0]] += notes["ps"]
    assert found == run.time_ps


def test_timestamps_agree_with_exact_times(traced) -> None:
    """A slice's length in ns differs from its exact time by rounding both ends down."""
    for _, _, begin, end, _, notes in traced[2].slices:
        if "ps" in notes:
            assert abs((end - begin) * 1000 - notes["ps"]) < 1000


def test_faults_hold_steps_and_steps_hold_waits(traced) -> None:
    """Every wait says for what; inside a fault it is at depth 1 or 2."""
    recording, run, parsed = traced
    faults = [s for s in parsed.slices if s[4].name == "fault"]
    assert len(faults) == run.counters["minor_faults"]
    assert {s[1] for s in faults} <= {0}
    waits = [s for s in parsed.slices if s[4].name.startswith("wait for ")]
    assert len(waits) == sum(s.resource >= 0 for own in recording.spans for s in own)
    for _, depth, _, _, event, notes in waits:
        assert notes["for"].startswith(event.name.removeprefix("wait for "))
        assert depth <= 2


def test_every_arrow_has_two_ends(traced) -> None:
    """An arrow begins where a lock is dropped and ends later, in what its waiter does next."""
    recording, _, parsed = traced
    assert parsed.sources.keys() == parsed.goals.keys()
    assert len(parsed.sources) == sum(len(out) for out, _ in flows_of(recording).values())
    assert len(parsed.sources) == len(recording.wakes)
    for number, (uuid, end) in parsed.sources.items():
        other, begin = parsed.goals[number]
        assert other != uuid
        assert begin >= end


def test_whoever_is_waited_for_has_a_track(traced) -> None:
    """Locks and lines that somebody waited for show their holders and how many wait."""
    recording, _, parsed = traced
    names = {name for name, _ in parsed.tracks.values()}
    for resource in recording.resources:
        if resource.queue and resource.kind not in ("cpu", "work"):
            assert resource.label in names
            assert f"{resource.label}: waiting" in names
    for counts in parsed.counters.values():
        assert all(value >= 0 for _, value in counts)
        assert counts[-1][1] == 0


def test_the_command_writes_what_it_says(tmp_path) -> None:
    """A trace and folded stacks; the same command gives the same bytes."""
    config = experiment_file(tmp_path)
    out = tmp_path / "deep" / "one.pftrace"
    done = CliRunner().invoke(main, ["trace", str(config), "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert "1 of 4 points: lock_each_page threads=2" in done.output
    assert out.with_suffix(".folded").read_text().startswith("thread;fault;")
    first = out.read_bytes()
    CliRunner().invoke(main, ["trace", str(config), "--out", str(out), "-q"])
    assert out.read_bytes() == first
    assert sorted(path.name for path in out.parent.iterdir()) == ["one.folded", "one.pftrace"]


def test_the_command_tells_why_it_stopped(tmp_path) -> None:
    """A limit is named with the remedy; a window of time is a window of time."""
    call = ["trace", str(experiment_file(tmp_path)), "--out", str(tmp_path / "t.pftrace")]
    done = CliRunner().invoke(main, [*call, "--limit", "50"])
    assert done.exit_code == 0
    assert "--limit N records more" in done.output
    done = CliRunner().invoke(main, [*call, "--from", "20us", "--until", "40us"])
    assert done.exit_code == 0, done.output
    assert "stopped at 0.04 ms, as asked" in done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--from", "2"], "--from: '2' has no unit"),
        (["--from", "2ms", "--until", "1ms"], "--until must be later than --from"),
        (["--from", "900s"], "nothing happens after 900s"),
        (["--threads", "3"], "no such point with threads 3"),
        (["--out", "small.yaml/x.pftrace"], "small.yaml"),
        (["--out", "y.folded"], "the stacks take this name"),
    ],
)
def test_what_cannot_be_traced_is_refused(tmp_path, monkeypatch, arguments, words) -> None:
    """Wrong usage, exit code 2, no traceback."""
    monkeypatch.chdir(tmp_path)
    experiment_file(tmp_path)
    done = CliRunner().invoke(main, ["trace", "small.yaml", *arguments])
    assert done.exit_code == 2
    assert words in done.output


def test_without_the_package_only_folded_stacks_are_made(tmp_path, monkeypatch) -> None:
    """The message names the extra; folded stacks need nothing."""
    monkeypatch.setitem(__import__("sys").modules, "perfetto.trace_builder.proto_builder", None)
    with pytest.raises(perfetto_trace.PerfettoMissingError):
        perfetto_trace.check_perfetto()
    call = ["trace", str(experiment_file(tmp_path)), "--out", str(tmp_path / "t.pftrace")]
    done = CliRunner().invoke(main, call)
    assert done.exit_code == 2
    assert "dessim[trace]" in done.output
    done = CliRunner().invoke(main, [*call, "--format", "folded"])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "t.folded").exists()
