"""Which runs come next: sizes until two agree, then replications; all from what has run."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from small import a_run, experiment_file

from dessim.kernel.result import RunResult
from dessim.model import Experiment, Point, load_experiment, resolve
from dessim.study.store.runs import Store
from dessim.study.sweep.jobs import Job, RunOutcome, Tally, manifest_points
from dessim.study.sweep.narrow import merged, points_inside
from dessim.study.sweep.request import Request, run_request
from dessim.study.sweep.rounds import Rounds, sizes_of

KIB, MIB = 1 << 10, 1 << 20
Make = Callable[[Job], RunResult]

TEXT = """\
name: rounds
machine: ivybridge-ex-4s
workload: separate-processes
schemes: [lock_each_page, gang_lookup_mapcount]
threads: 2
simulate: auto
simulate_cap: 64MiB
replications: 6
"""


def some_points(folder: Path, text: str = TEXT) -> tuple[Experiment, tuple[Point, ...]]:
    """Return the experiment of a text."""
    experiment = load_experiment(str(experiment_file(folder, text, "rounds.yaml")), [])
    return experiment, resolve(experiment)


def size_of(job: Job) -> int:
    """Return how much of its file a job simulates, bytes."""
    return job.point.simulate_bytes or job.point.workload.file_size_bytes


def steady(job: Job) -> RunResult:
    """Return a run that says the same from every size, up to a little noise."""
    return a_run(pages_declared=1000, latency_sum_ps=1_000_000_000 + job.key.replication)


def creeping(job: Job) -> RunResult:
    """Return a run with the more faults, the more is simulated."""
    counters = steady(job).counters
    more = {"minor_faults": counters["minor_faults"] * size_of(job) // MIB}
    return a_run(pages_declared=1000, counters=counters | more)


def doing(make: Make) -> Callable[[Sequence[Job]], Tally]:
    """Return what does jobs by making their results up."""

    def do(jobs: Sequence[Job]) -> Tally:
        tally = Tally()
        for job in jobs:
            place = job.point_index, job.key.replication
            tally.outcomes[place] = RunOutcome(job, make(job))
        return tally

    return do


def carried_out(rounds: Rounds, make: Make) -> tuple[Tally, list[list[Job]]]:
    """Do all rounds; return what is there at the end, and the jobs of each."""
    tally, did, todo = Tally(), [], rounds.first()
    while todo:
        did.append(todo)
        tally.take(doing(make)(todo))
        todo = rounds.more(tally)
    return tally, did


def sizes_in(did: list[list[Job]], index: int = 0) -> list[int]:
    """Return the sizes of a point, MiB, in the order in which they were simulated."""
    sizes = [size_of(job) / MIB for jobs in did for job in jobs if job.point_index == index]
    return list(dict.fromkeys(sizes))


def test_two_sizes_that_agree_are_enough(tmp_path: Path) -> None:
    """8 and 32 MiB say the same: the point ends at 32 MiB, and nothing is refused."""
    rounds = Rounds(*some_points(tmp_path), "compiled", Store(tmp_path))
    tally, did = carried_out(rounds, steady)
    assert sizes_in(did) == [8, 32]
    assert [point.simulate_bytes for point in rounds.points] == [32 * MIB] * 2
    found = rounds.found[0]
    assert found is not None
    assert found.settled
    assert not found.refused
    assert {size_of(one.job) for one in tally.of_point(0)} == {32 * MIB}


def test_what_goes_on_changing_is_refused_at_the_cap(tmp_path: Path) -> None:
    """Faults double with the size: 8, 32 and 64 MiB are tried, and none is believed."""
    rounds = Rounds(*some_points(tmp_path), "compiled", Store(tmp_path))
    _, did = carried_out(rounds, creeping)
    assert sizes_in(did) == [8, 32, 64]
    found = rounds.found[0]
    assert found is not None
    assert found.refused
    assert "minor_faults" in found.different


def drifting(shift: float) -> Make:
    """Return runs whose faults scatter by some 5 % and shift with each doubling of the size."""

    def make(job: Job) -> RunResult:
        doublings = (size_of(job) // MIB).bit_length()
        scatter = 1 + (job.key.replication * (doublings - 3) % 7 - 3) / 100
        faults = round(10_000 * scatter * (1 + shift) ** doublings)
        return a_run(pages_declared=1000, counters=steady(job).counters | {"minor_faults": faults})

    return make


def test_sizes_that_may_differ_get_twice_as_many_runs(tmp_path: Path) -> None:
    """6 % from size to size in the noise of six runs: both sizes again with twelve, once."""
    rounds = Rounds(*some_points(tmp_path), "compiled", Store(tmp_path))
    tally, did = carried_out(rounds, drifting(0.06))
    sizes = [size_of(jobs[0]) // MIB for jobs in did]
    assert sizes == [8, 32, 64, 32, 64]
    assert [len(jobs) // 2 for jobs in did] == [6, 6, 6, 12, 12]
    found = rounds.found[0]
    assert found is not None
    assert found.doubtful or found.refused
    assert found.sizes == (8 * MIB, 32 * MIB, 64 * MIB)
    assert {size_of(one.job) for one in tally.of_point(0)} == {64 * MIB}
    assert len(tally.of_point(0)) == 12


def calming(job: Job) -> RunResult:
    """Return runs of which the first six seem to drift, and twelve show nothing."""
    away = (7, 7, 7, 7, 7, -1)[job.key.replication] if job.key.replication < 6 else -7
    faults = 10_000 * (1 if size_of(job) < 32 * MIB else 1 + away / 100)
    counters = steady(job).counters | {"minor_faults": round(faults)}
    return a_run(pages_declared=1000, counters=counters)


def test_a_suspicion_is_cleared_by_agreement_alone(tmp_path: Path) -> None:
    """Twelve runs that happen to lie around 1, and leave more than 5 % open, clear nothing."""
    text = TEXT.replace("simulate_cap: 64MiB", "simulate_cap: 32MiB")
    rounds = Rounds(*some_points(tmp_path, text), "compiled", Store(tmp_path))
    _, did = carried_out(rounds, calming)
    assert sizes_in(did) == [8, 32]
    found = rounds.found[0]
    assert found is not None
    pair = found.metrics["minor_faults"]
    assert pair.ci95 is not None
    assert pair.ci95[0] < 1 < pair.ci95[1]
    assert (pair.verdict, found.doubtful) == ("unsure", ["minor_faults"])


def test_two_runs_are_not_doubled(tmp_path: Path) -> None:
    """Whoever asks for two runs wants it quick: the point says what they cannot."""
    text = TEXT.replace("replications: 6", "replications: 2")
    rounds = Rounds(*some_points(tmp_path, text), "compiled", Store(tmp_path))
    _, did = carried_out(rounds, drifting(0.06))
    assert [len(jobs) // 2 for jobs in did] == [2, 2, 2]


def test_the_whole_file_needs_no_second_opinion(tmp_path: Path) -> None:
    """A file of 16 MiB is simulated whole after 8 MiB: nothing is scaled, nothing refused."""
    experiment, points = some_points(tmp_path, TEXT.replace("threads: 2", FILE_16))
    rounds = Rounds(experiment, points, "compiled", Store(tmp_path))
    _, did = carried_out(rounds, creeping)
    assert sizes_in(did) == [8, 16]
    assert [point.simulate_bytes for point in rounds.points] == [None] * 2


FILE_16 = "threads: 2\nmatrix: {workload.file_size: [16MiB]}"


def test_a_size_that_was_asked_for_is_checked_against_its_half(tmp_path: Path) -> None:
    """`simulate: 4MiB` runs 2 MiB first; with other numbers from both it is refused."""
    text = TEXT.replace("simulate: auto\nsimulate_cap: 64MiB", "simulate: 4MiB")
    for make, refused in ((steady, False), (creeping, True)):
        rounds = Rounds(*some_points(tmp_path, text), "compiled", Store(tmp_path))
        _, did = carried_out(rounds, make)
        assert sizes_in(did) == [2, 4]
        found = rounds.found[0]
        assert found is not None
        assert found.refused == refused


def test_the_plan_names_the_sizes_that_are_sure(tmp_path: Path) -> None:
    """Two of `auto` and what may follow; a fixed size and its half; a whole file."""
    _, [point, _] = some_points(tmp_path)
    assert sizes_of(point) == ([8 * MIB, 32 * MIB], 64 * MIB)
    fixed = point.model_copy(update={"simulate_bytes": MIB, "simulate_cap_bytes": None})
    assert sizes_of(fixed) == ([MIB // 2, MIB], MIB)
    whole = point.model_copy(update={"simulate_bytes": None, "simulate_cap_bytes": None})
    assert sizes_of(whole) == ([1024 * MIB], 1024 * MIB)


def scattered(job: Job) -> RunResult:
    """Return runs of which those of the first scheme scatter, and those of the second do not."""
    if job.point_index:
        return steady(job)
    spread = 1 + (job.key.replication * 7 % 11) / 40
    return a_run(pages_declared=1000, latency_sum_ps=round(1e9 * spread))


PRECISE = TEXT + "precision: {fault_latency_mean: 2%}\nmax_replications: 16\n"


def test_points_that_are_compared_get_equally_many_replications(tmp_path: Path) -> None:
    """The scheme that scatters asks for 16 runs; the other is run as often, so pairs are whole."""
    rounds = Rounds(*some_points(tmp_path, PRECISE), "compiled", Store(tmp_path))
    tally, _ = carried_out(rounds, scattered)
    assert [len(tally.of_point(index)) for index in (0, 1)] == [16, 16]


def test_other_numbers_of_threads_are_left_alone(tmp_path: Path) -> None:
    """Only what is compared grows together: points that do not scatter keep their six."""
    text = PRECISE.replace("threads: 2", "matrix: {threads: [2, 4]}")
    experiment, points = some_points(tmp_path, text)
    assert [point.threads for point in points] == [2, 2, 4, 4]
    rounds = Rounds(experiment, points, "compiled", Store(tmp_path))
    tally, _ = carried_out(rounds, scattered)
    assert [len(tally.of_point(index)) for index in range(4)] == [16, 16, 6, 6]


def test_no_precision_is_bought_for_what_is_refused(tmp_path: Path) -> None:
    """Runs that scatter as much, from sizes that differ: six are enough to say so."""

    def both(job: Job) -> RunResult:
        counters = creeping(job).counters
        return a_run(
            pages_declared=1000, counters=counters, latency_sum_ps=scattered(job).latency_sum_ps
        )

    rounds = Rounds(*some_points(tmp_path, PRECISE), "compiled", Store(tmp_path))
    tally, _ = carried_out(rounds, both)
    assert [len(tally.of_point(index)) for index in (0, 1)] == [6, 6]


def test_a_point_of_which_a_run_fails_does_not_grow(tmp_path: Path) -> None:
    """It ends at its first size; the other goes on."""
    rounds = Rounds(*some_points(tmp_path), "compiled", Store(tmp_path))
    tally, todo = Tally(), rounds.first()
    while todo:
        done = doing(steady)(todo)
        if (0, 3) in done.outcomes:
            job = done.outcomes[0, 3].job
            done.outcomes[0, 3] = RunOutcome(job, None, "Deadlock")
        tally.take(done)
        todo = rounds.more(tally)
    assert [point.simulate_bytes for point in rounds.points] == [8 * MIB, 32 * MIB]


@pytest.mark.parametrize("make", [steady, creeping, scattered])
def test_the_same_runs_make_the_same_rounds(tmp_path: Path, make: Make) -> None:
    """A study that is resumed decides as one that was never stopped, whatever ended first."""
    experiment, points = some_points(tmp_path, PRECISE)
    names = []
    for order in (1, -1):
        rounds = Rounds(experiment, points, "compiled", Store(tmp_path))
        tally, todo, did = Tally(), rounds.first(), []
        while todo:
            did.append([job.key.digest for job in todo])
            tally.take(doing(make)(todo[::order]))
            todo = rounds.more(tally)
        names.append(did)
    assert names[0] == names[1]


def test_the_manifest_says_which_size_results_use(tmp_path: Path) -> None:
    """One entry for each size of a point; none is final while it may grow, then the largest."""
    rounds = Rounds(*some_points(tmp_path), "compiled", Store(tmp_path))
    first = manifest_points(rounds.first(), None, rounds.growing)
    assert [(one["simulated_bytes"] // MIB, one["final"]) for one in first] == [(8, False)] * 2
    tally, did = carried_out(rounds, steady)
    entries = manifest_points([job for jobs in did for job in jobs], tally, rounds.growing)
    said = [(one["index"], one["simulated_bytes"] // MIB, one["final"]) for one in entries]
    assert sorted(said) == [(0, 8, False), (0, 32, True), (1, 8, False), (1, 32, True)]
    assert all(len(one["runs"]) == 6 for one in entries)


def test_a_run_that_two_rounds_ask_for_is_in_the_manifest_once(tmp_path: Path) -> None:
    """Twelve runs of each size of which six were done before: who counts rows counts runs."""
    rounds = Rounds(*some_points(tmp_path), "compiled", Store(tmp_path))
    tally, did = carried_out(rounds, drifting(0.06))
    assert sum(map(len, did)) == 2 * (6 + 6 + 6 + 12 + 12)
    entries = manifest_points([job for jobs in did for job in jobs], tally, rounds.growing)
    assert [len(one["runs"]) for one in entries] == [6, 6, 12, 12, 12, 12]
    for one in entries:
        assert [replication for replication, _ in one["runs"]] == list(range(len(one["runs"])))
        assert len({digest for _, digest in one["runs"]}) == len(one["runs"])


def crossing(job: Job) -> RunResult:
    """Return runs of which the second scheme is slower below 13 threads and faster above."""
    gain = 1.0 if job.point.scheme.name == "lock_each_page" else (job.point.threads / 13) ** 0.5
    noise = 1 + job.key.replication / 1000
    pages = round(1000 * gain * noise)
    return a_run(pages_declared=1000, series_pages=(pages,) * 1000)


CROSSING = TEXT.replace("threads: 2", "matrix: {threads: [2, 64]}")


@pytest.mark.parametrize(
    ("narrow", "threads"),
    [(0, [2, 64]), (1, [2, 11, 64]), (2, [2, 11, 27, 64]), (3, [2, 11, 17, 27, 64])],
)
def test_runs_are_spent_inside_the_bracket_of_a_crossover(
    tmp_path: Path, narrow: int, threads: list[int]
) -> None:
    """Each round puts the middle of the bracket among the points; the crossover stays inside."""
    experiment, points = some_points(tmp_path, CROSSING)
    request = Request(str(tmp_path / "rounds.yaml"), narrow=narrow)
    done = run_request(request, experiment, points, tmp_path / "out", doing(crossing))
    assert list(dict.fromkeys(one["threads"] for one in done.document["points"])) == threads
    [pair] = done.document["comparisons"]
    [said] = [one for one in pair["crossovers"] if one["metric"] == "pages_mapped_per_s"]
    [[low, high]] = [one["between"] for one in said["crossovers"]]
    assert low < 13 < high
    assert not [n for n in threads if low < n < high]
    assert request.command.endswith(f"--narrow {narrow}") == bool(narrow)


def test_without_a_crossover_nothing_is_spent(tmp_path: Path) -> None:
    """Schemes that are alike get no further points."""
    experiment, points = some_points(tmp_path, CROSSING)
    request = Request(str(tmp_path / "rounds.yaml"), narrow=5)
    done = run_request(request, experiment, points, tmp_path / "out", doing(steady))
    assert [one["threads"] for one in done.document["points"]] == [2, 2, 64, 64]


def test_neighbours_have_nothing_between_them(tmp_path: Path) -> None:
    """Twelve and fourteen threads leave thirteen; then the bracket cannot become narrower."""
    experiment, points = some_points(tmp_path, CROSSING.replace("[2, 64]", "[12, 14]"))
    request = Request(str(tmp_path / "rounds.yaml"))
    done = run_request(request, experiment, points, tmp_path / "out", doing(crossing))
    more = points_inside(done.document, points, experiment)
    assert [point.threads for point in more] == [13, 13]
    every = merged(points, more)
    assert [point.threads for point in every] == [12, 12, 13, 13, 14, 14]
    assert [point.workload.threads for point in every] == [12, 12, 13, 13, 14, 14]
