from pathlib import Path

import pytest
from small import EXPERIMENT, experiment_file

from dessim.model import ConfigError, Point, load_experiment, resolve
from dessim.study.store.version import ROOMS, hash_of
from dessim.study.sweep import times
from dessim.study.sweep.checks import check
from dessim.study.sweep.plan import accesses_of, program_of, setup_of
from dessim.study.sweep.request import Request


def points_of(folder: Path, *overrides: str) -> tuple[Point, ...]:
    """Points of the small experiment."""
    return resolve(load_experiment(experiment_file(folder), overrides))


def refusal(folder: Path, text: str) -> str:
    """What `check` says about an experiment."""
    experiment = load_experiment(experiment_file(folder, text))
    with pytest.raises(ConfigError) as caught:
        check(experiment, resolve(experiment))
    return str(caught.value)


def test_order_zero_is_no_fault_around_whatever_the_scheme(tmp_path: Path) -> None:
    """A window of one page leaves nothing of a scheme but the ordinary fault."""
    alone = points_of(tmp_path, "schemes=[no_fault_around]")[0]
    others = points_of(tmp_path, "fault_around_order=0")
    assert {program_of(point).words for point in others} == {program_of(alone).words}


def test_options_change_the_program(tmp_path: Path) -> None:
    """`precheck` puts a test before the count is raised."""
    plain, checked = points_of(
        tmp_path, "schemes=[gang_lookup_mapcount, {gang_lookup_mapcount: {precheck: true}}]"
    )[:2]
    assert program_of(plain).words != program_of(checked).words


def test_a_setup_holds_all_that_the_point_says(tmp_path: Path) -> None:
    """Threads, order, bytes, seed and replication arrive."""
    setup = setup_of(points_of(tmp_path, "seed=7", "threads=2")[0], 3)
    assert (setup.threads, setup.fault_around_order, setup.pages) == (2, 2, 16)
    assert (setup.seed, setup.replication) == (7, 3)
    assert accesses_of(points_of(tmp_path, "threads=2")[0]) == 32


def test_more_threads_than_cpus_are_taken_and_more_than_the_model_knows_are_not(
    tmp_path: Path,
) -> None:
    """The machine's 120 CPUs have run queues; above 4096 threads the command line is named."""
    experiment = load_experiment(experiment_file(tmp_path), ["threads=[121, 4096]"])
    points = resolve(experiment)
    check(experiment, points)
    assert {point.threads for point in points} == {121, 4096}
    with pytest.raises(ConfigError, match=r"--set 1: threads"):
        resolve(load_experiment(experiment_file(tmp_path), ["threads=4097"]))


def test_missing_pages_and_actors_need_a_device(tmp_path: Path) -> None:
    """A workload whose pages may have to be read is refused on a machine without a device."""
    for change in ("workload.cached=0.5", "workload.readahead_pages=4"):
        experiment = load_experiment(
            experiment_file(tmp_path), [change, "machine.device.read_latency=0ns"]
        )
        if "cached" in change:
            with pytest.raises(ConfigError, match="has no device: set machine"):
                check(experiment, resolve(experiment))
        else:
            check(experiment, resolve(experiment))


def test_all_unknown_schemes_and_options_are_told_at_once(tmp_path: Path) -> None:
    """Two errors, each with its column, the nearest name, and what exists."""
    schemes = "[lock_each_pag, {gang_lookup_mapcount: {prechek: true}}]"
    said = refusal(tmp_path, EXPERIMENT.replace("[lock_each_page, gang_lookup_mapcount]", schemes))
    assert "small.yaml:5:11: error: unknown scheme 'lock_each_pag'" in said
    assert "did you mean 'lock_each_page'?" in said
    assert "small.yaml:5:26: error: 'gang_lookup_mapcount' has no option 'prechek'" in said


def test_options_of_an_actor_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    """One of the two would be left out in silence, and results carry its name."""
    options = "{unmap_retry: until_unmapped, walk: every_table}"
    actors = f"[{{name: invalidate_range, every: 100us, range_pages: 4, options: {options}}}]"
    workload = f"{{access: sequential, mapping: per_process, file_size: 1MiB, actors: {actors}}}"
    said = refusal(tmp_path, EXPERIMENT.replace("separate-processes", workload))
    assert "unmap_retry=until_unmapped and walk=every_table of 'invalidate_range' exclude" in said


def test_an_actor_is_blamed_where_it_is_written(tmp_path: Path) -> None:
    """Of two, the second has the unknown option."""
    actors = (
        "\n    - {name: truncate, every: 1ms}\n    - {name: truncate, every: 1ms, options: {a: 1}}"
    )
    workload = (
        f"\n  access: sequential\n  mapping: per_process\n  file_size: 1MiB\n  actors:{actors}"
    )
    said = refusal(tmp_path, EXPERIMENT.replace("separate-processes", workload))
    assert "small.yaml:10:7: error: 'truncate' has no option 'a'" in said


def test_a_range_of_an_actor_fits_into_the_file(tmp_path: Path) -> None:
    """A longer one is a slip, unless the actor has a region of its own."""
    for name, pages, said in (
        ("truncate", 17, "of 17 pages is larger than"),
        ("map_unmap", 17, ""),
    ):
        actors = f"[{{name: {name}, every: 1ms, range_pages: {pages}}}]"
        workload = (
            f"{{access: sequential, mapping: per_process, file_size: 64KiB, actors: {actors}}}"
        )
        text = EXPERIMENT.replace("separate-processes", workload)
        if said:
            assert said in refusal(tmp_path, text)
        else:
            experiment = load_experiment(experiment_file(tmp_path, text))
            check(experiment, resolve(experiment))


IN_PLACE = (
    "{access: sequential, mapping: per_process, file_size: 64KiB, fault: anonymous, anon_order: 9}"
)
FILE = "{access: sequential, mapping: per_process, file_size: 4KiB, advice: normal, %s}"


@pytest.mark.parametrize(
    ("changes", "place", "text"),
    [
        (
            ["schemes=[{folio_batch: {folio_order: 10}}]"],
            "--set 1: schemes",
            "option 'folio_order' of 'folio_batch' is a number from 0 to 9: 10",
        ),
        (["schemes=[{linux: {lru_batch: 0}}]"], "--set 1: schemes", "from 1 to 1048576: 0"),
        (
            ["schemes=[{folio_batch: {folio_order: 2}}]", "workload.folio_order=3"],
            "--set 1: schemes",
            "folio_order 2, and workload 'separate-processes' 3: both are of the file's folios",
        ),
        (["machine.kernel.rmap=1000s"], "--set 1: machine.kernel.rmap", "use --engine reference"),
        (
            ["machine.kernel.process_exit=1000s"],
            "--set 1: machine.kernel.process_exit",
            "a time of",
        ),
        (
            [
                "include=[{scheme: {linux_6_12: {rmap_batch: 0}}, threads: 1}]",
                "schemes=[linux_6_12]",
            ],
            "--set 1: include",
            "'linux_6_12' is in the list already: an option has its default value here",
        ),
        (["machine.kernel.rmap=[1ns, 9s]"], "--set 1: machine.kernel.rmap", "a time of 13.5 s"),
        (
            ["workload.start_stagger=1000s", "threads=120"],
            "--set 1: workload.start_stagger",
            "simulated time beyond",
        ),
        (
            ["machine.user.read_page_cv=1000000"],
            "small.yaml:3:10",
            "exceeds the 64-bit integers",
        ),
        (
            ["schemes=[linux]", f"workload={IN_PLACE}"],
            "--set 2: workload",
            "a region of 16 pages is not a multiple of a folio of 512",
        ),
        (
            ["schemes=[linux]", "workload=" + FILE % "memory_share: 0%, cached: 0%", "threads=1"],
            "--set 2: workload",
            "1 pages per node are too few for 1 threads",
        ),
    ],
)
def test_what_cannot_run_is_refused_before_anything_runs(
    tmp_path: Path, changes: list[str], place: str, text: str
) -> None:
    """Options, times and sizes that no run could take, each at the place where it is set."""
    experiment = load_experiment(experiment_file(tmp_path), changes)
    with pytest.raises(ConfigError) as caught:
        check(experiment, resolve(experiment))
    assert place in str(caught.value)
    assert text in str(caught.value)


def test_the_reference_engine_takes_times_that_the_compiled_one_does_not(tmp_path: Path) -> None:
    """It counts in integers of any length."""
    experiment = load_experiment(experiment_file(tmp_path), ["machine.kernel.rmap=1000s"])
    check(experiment, resolve(experiment), "reference")


def test_a_measured_table_of_another_kind_is_told_before_anything_runs(tmp_path: Path) -> None:
    """Curves of locks have no cells that a point could stand beside."""
    said = refusal(tmp_path, EXPERIMENT + "measured: sosp13-synchronization\n")
    assert "small.yaml:10:11: error: table 'sosp13-synchronization': the header lacks" in said


def test_the_model_version_follows_the_sources_that_decide(tmp_path: Path) -> None:
    """One byte in any of the rooms changes it; another room, or a text file, does not."""
    for room in (*ROOMS, "report"):
        (tmp_path / room).mkdir()
        (tmp_path / room / "a.py").write_text("x = 1\n")
    before = hash_of(tmp_path)
    (tmp_path / "report" / "a.py").write_text("x = 2\n")
    (tmp_path / "kernel" / "notes.md").write_text("x = 2\n")
    assert hash_of(tmp_path) == before
    for room in ROOMS:
        (tmp_path / room / "a.py").write_text("x = 2\n")
        assert hash_of(tmp_path) != before
        (tmp_path / room / "a.py").write_text("x = 1\n")


@pytest.mark.parametrize("name", ["quickstart", "mmap-database", "eight-processes"])
def test_usual_times_are_not_looked_at_twice(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only for suspicious ones a World is built before the runs: with all memory, it takes long."""
    monkeypatch.setattr(times, "build_world", None)
    assert Request(name).load()[1]
