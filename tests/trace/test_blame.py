import json

import pytest
from click.testing import CliRunner
from recordings import POINTS, a_loop, a_point
from small import experiment_file

from dessim.cli import main
from dessim.measure.recording.blame import ELSEWHERE, HAND_OVER, TOO_LONG, blame
from dessim.study.explain.time import blame_of
from dessim.study.explain.trace import record


@pytest.fixture(scope="module", params=POINTS, ids=lambda name: name.replace(" ", "-"))
def blamed(request):
    """Return a recording, the result of its run, and who is to blame."""
    recording, run = record(POINTS[request.param])
    return recording, run, blame(recording)


def test_blame_adds_up_to_all_waiting(blamed) -> None:
    """Kinds, resources, matrix and chains are the same waiting, to the picosecond."""
    recording, run, found = blamed
    assert found.total_ps == run.total_time_ps
    for part in (found.by_resource, found.by_category, found.matrix, found.chains):
        assert sum(part.values()) == found.waiting_ps
    assert sum(recording.waiting_ps().values()) == found.waiting_ps
    for kind, ps in found.by_kind.items():
        assert sum(v for (k, *_), v in found.matrix.items() if k == kind) == ps
        assert sum(v for (k, *_), v in found.chains.items() if k == kind) == ps


def test_waiting_and_work_are_the_accounting(blamed) -> None:
    """By category: what is waited, and what the spans of work take, is what the engine accounts."""
    recording, run, found = blamed
    for name, ps in run.time_ps.items():
        work = recording.time_ps()[name] - recording.waiting_ps()[name]
        assert found.by_category[name] + work == ps
        assert work >= 0


def test_every_holder_is_known(blamed) -> None:
    """Whoever is blamed did something that was recorded, and no chain runs in a circle."""
    _, _, found = blamed
    assert not [row for row in found.matrix if ELSEWHERE in row[2]]
    assert not [chain for chain in found.chains if chain[-1] == TOO_LONG]


@pytest.mark.parametrize("kind", ["mcs", "ticket", "test_and_set"])
def test_in_a_lock_loop_the_holder_holds(kind) -> None:
    """On the ideal machine nobody waits for anything but the hold times of others."""
    recording, run = record(a_loop(4, kind))
    found = blame(recording)
    assert set(found.matrix) == {("lock", "lock lock", "thread: hold")}
    assert found.waiting_ps == run.time_ps["lock"] > 0


def test_the_cost_of_a_hand_over_is_nobodys_hold() -> None:
    """Where hand-overs cost something, all wait for that as well as for hold times."""
    point = a_loop(4, "ticket")
    locks = point.machine.locks.model_copy(update={"ticket_per_waiter_ps": 700})
    machine = point.machine.model_copy(update={"locks": locks})
    found = blame(record(point.model_copy(update={"machine": machine}))[0])
    assert {row for row in found.matrix if row[0] == "lock"} == {
        ("lock", "lock lock", HAND_OVER),
        ("lock", "lock lock", "thread: hold"),
    }
    # while it is handed over, its line is not to be had either
    assert {chain for chain in found.chains if len(chain) > 2} == {("lock line", "lock", HAND_OVER)}


def test_chains_lead_to_the_one_who_works() -> None:
    """Processes that sleep on a page wait for one who waits for a line."""
    point = a_point(threads=8)
    recording, _ = record(point)
    found = blame(recording)
    long = [chain for chain in found.chains if len(chain) > 2]
    assert long
    assert all(chain[-1].startswith(("thread: ", "(")) for chain in long)


def test_a_recording_that_was_cut_off_says_so() -> None:
    """Only the beginning is reported, and it adds up as well."""
    found = blame_of(a_point(), limit=300)
    assert not found["complete"]
    assert sum(row["waiting_ps"] for row in found["by_kind"]) == found["waiting_ps"]


def test_the_command_prints_who_is_to_blame(tmp_path) -> None:
    """A table for people, the same numbers as JSON."""
    call = ["explain", str(experiment_file(tmp_path)), "--blame", "-q", "--set", "threads=8"]
    done = CliRunner().invoke(main, call)
    assert done.exit_code == 0, done.output
    assert "held, meanwhile, by" in done.stdout
    assert "page line" in done.stdout
    document = json.loads(CliRunner().invoke(main, [*call, "--format", "json"]).stdout)
    assert [point["scheme"] for point in document["blame"]] == [
        "lock_each_page",
        "gang_lookup_mapcount",
    ]
    for point in document["blame"]:
        assert sum(row["waiting_ps"] for row in point["matrix"]) == point["waiting_ps"]
        assert sum(point["by_category"].values()) == point["waiting_ps"]
