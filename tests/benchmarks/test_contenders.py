"""The contenders of the benchmarks do the same work."""

import dataclasses

import pytest

from benchmarks import c_programs, fault_path, fault_simpy, lock_loop, setups, world_file
from benchmarks.engines import run_reference
from benchmarks.lock_loop_packages import cimba_model, ciw_network
from benchmarks.lock_loop_python import idiomatic_simpy, pure_heapq, tuned_simpy
from benchmarks.repairman import mean_wait_ns
from benchmarks.timing import Contender, Sample, Spread, WorkDiffersError, compare
from dessim.kernel.world import Setup
from dessim.model import names
from dessim.model.machine import Machine

KIB = 1 << 10
COSTS_USED = (
    "exception_entry",
    "find_vma",
    "walk_page_table",
    "alloc_page_table",
    "fault_around_setup",
    "lookup_descent",
    "lookup_slot",
    "page_checks",
    "rmap",
    "set_pte",
    "lock_local",
    "unlock_page",
    "local_rmw",
    "local_load",
    "local_store",
    "read_page_dram",
    "teardown_per_pte",
    "teardown_per_table",
    "process_exit",
    "exception_exit",
    "page_walk",
)
needs_cc = pytest.mark.skipif(c_programs.compiler() is None, reason="no C compiler")
# Warnings of other people's packages at import are not ours to turn into errors.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_repairman_with_one_cpu_never_waits() -> None:
    """A CPU that has the lock for itself never waits for it."""
    assert mean_wait_ns(1, 1000, 50) == 0


def test_repairman_with_two_cpus() -> None:
    """With two CPUs the mean wait is hold * P(the other one holds), by the arrival theorem."""
    assert mean_wait_ns(2, 1000, 50) == pytest.approx(50 * 50 / 1050)


def test_repairman_saturated() -> None:
    """With many CPUs the lock is always held, and a round of a CPU takes N holds."""
    assert mean_wait_ns(1024, 1000, 50) == pytest.approx(1024 * 50 - 1050)


def test_simpy_programs_and_heap_are_the_same_process() -> None:
    """The three Python loops draw in the same order, and so wait the same time in all."""
    waits = [f(8, 200, 5)[1] for f in (idiomatic_simpy, tuned_simpy, pure_heapq)]
    assert waits == pytest.approx([waits[0]] * 3, rel=1e-9)


@pytest.mark.parametrize(
    ("function", "package"),
    [(idiomatic_simpy, "simpy"), (ciw_network, "ciw"), (cimba_model, "cimba")],
)
def test_mean_wait_is_exact_in_python(function: lock_loop.Loop, package: str) -> None:
    """Every lock loop in Python has the machine-repairman mean wait within its interval."""
    pytest.importorskip(package)
    contender = lock_loop.by_function(package, function, 32, 6400)
    result = compare("", "", [contender], 5, package)
    lock_loop.check_mean_waits(result, 32)


@needs_cc
@pytest.mark.parametrize("kind", [c_programs.C, c_programs.C_PROFILE, lock_loop.C_BARE])
def test_mean_wait_is_exact_in_c(kind: str) -> None:
    """Both programs in C have the machine-repairman mean wait within their interval."""
    contender = lock_loop.by_c(32, 64_000, kind)
    lock_loop.check_mean_waits(compare("", "", [contender], 5, contender.name), 32)


def test_a_wrong_mean_wait_is_noticed() -> None:
    """A contender whose mean wait is off by more than its interval stops the benchmark."""
    wrong = mean_wait_ns(16, 1000, 50) * 1.2

    def measure(seed: int) -> Sample:
        return Sample(1_000_000, 1.0, mean_wait_ns=wrong + seed / 100)

    result = compare("", "", [Contender("wrong", measure)], 5, "wrong")
    with pytest.raises(WorkDiffersError, match="wrong"):
        lock_loop.check_mean_waits(result, 16)


@needs_cc
@pytest.mark.parametrize("cpus", [1, 2, 16, 200])
def test_lock_loop_in_c_is_dessim(cpus: int) -> None:
    """The lock loop in C leaves the result of the reference engine, to the picosecond."""
    setup = setups.lock_loop(cpus, 20, seed=7)
    theirs = world_file.result_of(lock_loop.result_in_c(setup), setup)
    assert theirs == run_reference(setup)[0]


@needs_cc
@pytest.mark.parametrize("scheme", ["radix_walk_trylock", "no_fault_around"])
@pytest.mark.parametrize(
    ("threads", "kib", "stagger_ps"),
    [(1, 256, None), (5, 4096, None), (16, 256, 0), (60, 64, 300_000)],
)
def test_fault_path_in_c_is_dessim(
    scheme: str, threads: int, kib: int, stagger_ps: int | None
) -> None:
    """The fault path in C leaves the result of the reference engine, to the picosecond."""
    setup = setups.fault_path(threads, kib * KIB, 3, scheme=scheme, stagger_ps=stagger_ps)
    assert fault_path.run_c(setup)[0] == run_reference(setup)[0]


@needs_cc
@pytest.mark.parametrize("machine", names("machines"))
def test_fault_path_in_c_is_dessim_on_every_machine(machine: str) -> None:
    """C knows no machine: on each shipped one it leaves the reference engine's result."""
    on = setups.machine(machine)
    setup = setups.fault_path(min(24, on.topology.n_cpus), 128 * KIB, on=on, stagger_ps=0)
    assert fault_path.run_c(setup)[0] == run_reference(setup)[0]


def locked_otherwise(**locks: object) -> Machine:
    """The usual machine, with other locks."""
    base = setups.machine()
    return base.model_copy(update={"locks": base.locks.model_copy(update=locks)})


def of_file(mib: int, setup: Setup) -> Setup:
    """The same run on a file of another size: how far apart the mappings of two threads are."""
    size = {"file_size_bytes": mib * setups.MIB}
    return dataclasses.replace(setup, workload=setup.workload.model_copy(update=size))


@needs_cc
@pytest.mark.parametrize(
    "locks",
    [
        {"split_pmd_locks": False},
        {"split_pmd_locks": False, "page_table_lock": "mcs"},
        {"vma_cache": "thread"},
        {"split_pmd_locks": False, "vma_cache": "thread"},
    ],
)
def test_c_knows_other_kernels(locks: dict[str, object]) -> None:
    """C takes the mm's page_table_lock, and no VMA cache of the mm, where the machine says so."""
    args = (9, 2304 * KIB, 3)
    setup = setups.fault_path(*args, on=locked_otherwise(**locks), stagger_ps=0)
    mine = run_reference(setup)[0]
    assert fault_path.run_c(setup)[0] == mine
    assert mine != run_reference(setups.fault_path(*args, stagger_ps=0))[0]


@needs_cc
@pytest.mark.parametrize("mib", [64, 1022, 1024])
def test_c_shares_pmd_locks_as_dessim_does(mib: int) -> None:
    """Many mappings in one PMD page, mappings across two of them, and each with its own."""
    setup = of_file(mib, setups.fault_path(9, 4352 * KIB, 3, stagger_ps=0))
    assert world_file.numbers_of(setup)["OWN_PMDS"] == [int(mib == 1024)]
    assert fault_path.run_c(setup)[0] == run_reference(setup)[0]


def test_pmd_locks_are_shared_by_neighbours() -> None:
    """Mappings of 1022 MiB end in the PMD page in which the next one begins."""
    numbers = world_file.numbers_of(of_file(1022, setups.fault_path(3, 4352 * KIB)))
    assert numbers["task.pmd_first"] == [0, 511, 510]
    assert numbers["task.pmd"] == [0, 0, 1]
    assert numbers["TABLE_LOCKS"] == [3]


def test_contended_paths_are_among_those_compared() -> None:
    """The small setups do reach lost trylocks, retries, sleeping on a page, and page walks."""
    met = {"trylock_lost": 0, "fault_retries": 0, "page_lock_waits": 0, "tlb_misses": 0}
    for scheme in ("radix_walk_trylock", "no_fault_around"):
        setup = setups.fault_path(60, 64 * KIB, 3, scheme=scheme, stagger_ps=300_000)
        counters = run_reference(setup)[0].counters
        met = {name: n + counters[name] for name, n in met.items()}
    assert min(met.values()) > 0, met


@needs_cc
@pytest.mark.parametrize(
    "cost",
    COSTS_USED,
)
def test_c_takes_costs_from_the_file(cost: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One nanosecond more of any cost in the file of numbers changes what C says."""
    setup = setups.fault_path(4, 64 * KIB)
    before = fault_path.run_c(setup)[0].completion_ps
    numbers = world_file.numbers_of(setup)
    numbers[f"cost.{cost}"] = [ps + 1000 for ps in numbers[f"cost.{cost}"]]
    monkeypatch.setattr(c_programs, "numbers_of", lambda _: numbers)
    assert fault_path.run_c(setup)[0].completion_ps != before


def test_c_refuses_what_it_does_not_model() -> None:
    """The file of numbers is not written for a workload that the program in C does not know."""
    setup = setups.fault_path(4, 64 * KIB)
    shared = setup.workload.model_copy(update={"mapping": "shared"})
    with pytest.raises(world_file.NotInCError, match="own tables"):
        world_file.numbers_of(dataclasses.replace(setup, workload=shared))


@pytest.mark.parametrize(
    ("changes", "need"),
    [
        ({"start": "pthread_create"}, "start: interval"),
        ({"access": "random"}, "sequential reads"),
        ({"cached_ppm": 500_000}, "a cached file"),
        ({"unmap_every_pages": 16}, "mappings that stay"),
    ],
)
def test_c_refuses_other_workloads(changes: dict[str, object], need: str) -> None:
    """What a workload asks for and C does not know is named: so is a task that creates threads."""
    setup = setups.fault_path(4, 64 * KIB)
    other = setup.workload.model_copy(update=changes)
    with pytest.raises(world_file.NotInCError, match=need):
        world_file.numbers_of(dataclasses.replace(setup, workload=other))


@pytest.mark.parametrize(
    ("locks", "need"),
    [
        ({"split_page_table_locks": False}, "split page-table locks"),
        ({"page_table_lock": "test_and_set"}, "ticket and MCS locks"),
    ],
)
def test_c_refuses_other_locks(locks: dict[str, object], need: str) -> None:
    """So are locks of the machine."""
    with pytest.raises(world_file.NotInCError, match=need):
        world_file.numbers_of(setups.fault_path(4, 64 * KIB, on=locked_otherwise(**locks)))


def test_c_refuses_the_program_of_another_kernel() -> None:
    """A program that does not fit the machine's kernel, or is another scheme's, is not run in C."""
    usual = setups.fault_path(4, 64 * KIB)
    machine = locked_otherwise(vma_cache="thread")
    other = setups.fault_path(4, 64 * KIB, scheme="lock_each_page").program
    for wrong in ({"machine": machine}, {"program": other}):
        with pytest.raises(world_file.NotInCError, match="steps of radix_walk_trylock"):
            world_file.numbers_of(dataclasses.replace(usual, **wrong))


def test_threads_of_the_setups_begin_an_interval_apart() -> None:
    """The setups have no task that creates threads, and start when the interval says."""
    setup = setups.fault_path(4, 64 * KIB, stagger_ps=300_000)
    assert setup.creators == 0
    starts = world_file.numbers_of(setup)["task.start"]
    assert starts == sorted(starts)
    assert 0 < starts[-1] < 100 * 300_000
    at_once = world_file.numbers_of(setups.fault_path(4, 64 * KIB, stagger_ps=0))
    assert at_once["task.start"] == [0] * 4


def test_c_refuses_more_threads_than_cpus() -> None:
    """The program in C has no run queues, and is not given a setup that needs them."""
    on = setups.wide_machine(8)
    with pytest.raises(world_file.NotInCError, match="a CPU for each thread"):
        world_file.numbers_of(setups.fault_path(on.topology.n_cpus + 1, 64 * KIB, on=on))


@needs_cc
def test_wait_queues_collide_in_c_as_in_dessim() -> None:
    """With one wait queue for all pages C walks past strangers in it, as the kernel does."""
    base = setups.machine()
    on = base.model_copy(update={"locks": base.locks.model_copy(update={"page_wait_queues": 1})})
    args = (60, 64 * KIB, 3)
    setup = setups.fault_path(*args, scheme="no_fault_around", on=on, stagger_ps=300_000)
    mine = run_reference(setup)[0]
    assert fault_path.run_c(setup)[0] == mine
    many = setups.fault_path(*args, scheme="no_fault_around", stagger_ps=300_000)
    assert mine != run_reference(many)[0]


@pytest.mark.parametrize("threads", [1, 16])
def test_simpy_fault_path_agrees(threads: int) -> None:
    """The SimPy program maps and touches dessim's pages, and takes nearly dessim's time."""
    setup = setups.fault_path(threads, 512 * KIB, 2)
    mine, _ = run_reference(setup)
    theirs = fault_simpy.run(world_file.numbers_of(setup), 2)
    assert theirs.pages_mapped == mine.counters["pages_mapped"]
    assert theirs.touches == mine.counters["touches"]
    assert theirs.completion_ps == pytest.approx(mine.completion_ps, rel=0.02)
    assert theirs.faults == pytest.approx(mine.counters["minor_faults"], rel=0.1)


@pytest.mark.parametrize(
    "locks", [{"split_pmd_locks": False}, {"vma_cache": "thread"}, {"split_pmd_locks": True}]
)
def test_simpy_knows_other_kernels(locks: dict[str, object]) -> None:
    """The SimPy program follows the machine's locks: files of 64 MiB share PMD pages."""
    setup = of_file(64, setups.fault_path(16, 512 * KIB, 2, on=locked_otherwise(**locks)))
    assert "completion" in fault_path.check_simpy_agrees(setup, 2)


@pytest.mark.parametrize("pages", [8, 512])
def test_simpy_latencies_agree(pages: int) -> None:
    """Mean latencies agree where all threads run together, and where the first ends too early."""
    setup = setups.fault_path(4, pages * 4 * KIB, 2)
    assert run_reference(setup)[0].latency_steady is (pages == 512)
    assert "mean fault latency" in fault_path.check_simpy_agrees(setup, 2)


def test_rounds_interleave_and_rotate() -> None:
    """Contenders take turns, and each round begins with the next of them."""
    log: list[str] = []

    def contender(name: str) -> Contender:
        def measure(seed: int) -> Sample:
            log.append(f"{name}{seed}")
            return Sample(10, 1.0)

        return Contender(name, measure)

    compare("", "", [contender(name) for name in "abc"], 3, "a")
    assert log == ["a1", "b1", "c1", "b2", "c2", "a2", "c3", "a3", "b3"]


def test_ratio_is_taken_within_rounds() -> None:
    """A machine that slows down by half between rounds leaves the ratio as it is."""
    fast = Contender("fast", lambda seed: Sample(100, 1.0 * seed))
    slow = Contender("slow", lambda seed: Sample(10, 1.0 * seed))
    result = compare("", "", [fast, slow], 3, "fast")
    assert result.ratio("slow") == Spread(10, 10, 10)
    assert result.ratio("fast") is None
