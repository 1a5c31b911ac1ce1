"""will-it-scale on a machine and a kernel: rate, share of time asleep, of any number of tasks.

A point is a machine, a version of Linux, a test, threads or processes, and a number of tasks. It is
simulated on a part of each task's region: four sweeps, of which the first begins somewhere.

What cannot matter shares a run. As processes: versions that differ only in who else may take
mmap_lock, or in how memory is allocated where none is; mmap1 and mmap2, since the lock of a file's
mappings is not part of the model. mmap1 and mmap2 in versions that differ only in their faults.

Source
------
will-it-scale (A. Blanchard): ``tests/page_fault1.c`` to ``page_fault3.c``, ``mmap1.c``,
``mmap2.c``: 128 MiB for each task; one iteration is a page, or a pair of mmap and munmap.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate

from dessim import registry
from dessim.engines import EngineName, run_setup
from dessim.kernel.result import MIN_SHARE, RunResult
from dessim.kernel.setup import Batches, Setup
from dessim.measure.statistics.run_metrics import PS_PER_S
from dessim.model import Machine, load_machine, load_workload
from dessim.model.workload import PAGE_BYTES
from dessim.study.fidelity.parameters import machine_with
from dessim.study.sweep.plan import features_of

TESTS = ("page_fault1", "page_fault2", "page_fault3", "mmap1", "mmap2")
MODES = {"processes": "per_process", "threads": "per_thread"}
KERNELS = ("5.15", "6.1", "6.6", "6.12", "6.15", "6.17")
REGION_PAGES, SWEEPS = 1024, 4
LOCKED = 2  # times as much for threads, whose writers of mmap_lock spin 25 us and sleep 4 ms
PAIRS = 60
PPM = 1_000_000
ASLEEP_MATTERS = 0.1  # share of the tasks' time
MIDDLE = 0.8  # of all iterations
MANY, REGION_OF_MANY = 64, 512  # from so many tasks on, regions of so many pages
PILOT = 4  # a part of a point's regions that is simulated before, to learn who sleeps
PFT = "pft"  # C. Lameter's page fault test: as page_fault1, without munmap, and nothing is pinned


@dataclass(frozen=True)
class RatePoint:
    """What is asked for.

    Attributes
    ----------
    machine : str
        Name of a profile.
    kernel : str
        One of ``KERNELS``.
    test : str
        One of ``TESTS``.
    mode : str
        ``threads`` or ``processes``.
    tasks : int
    options : tuple of (str, value)
        Of the version's scheme, those that differ: a change that no version has, or not alone.
    """

    machine: str
    kernel: str
    test: str
    mode: str
    tasks: int
    options: tuple[tuple[str, registry.Option], ...] = ()

    def simulated(self) -> RatePoint:
        """Return the point whose run stands for this one: itself, or one that cannot differ."""
        test, kernel, alone = self.test, self.kernel, self.mode == "processes"
        if alone and test == "mmap2":
            test = "mmap1"
        if alone and kernel in ("6.15", "6.17"):
            kernel = "6.12"
        if alone and test in ("page_fault3", "mmap1") and kernel == "5.15":
            kernel = "6.1"
        if test in ("mmap1", "mmap2"):
            kernel = {"6.12": "6.6", "6.17": "6.15"}.get(kernel, kernel)
        return replace(self, test=test, kernel=kernel)


@dataclass(frozen=True)
class TestRate:
    """What came out.

    Attributes
    ----------
    per_s : float
        Iterations of all tasks, 1/s.
    idle_share : float
        Share of the tasks' time that they sleep for mmap_lock.
    """

    per_s: float
    idle_share: float


@cache
def machine_of(name: str) -> Machine:
    """Return a machine whose tasks are pinned as will-it-scale does: socket by socket, by cores."""
    return machine_with(load_machine(name), {"topology.placement": "cores"})


def setup_of(point: RatePoint, seed: int = 1, region_pages: int | None = None) -> Setup:
    """Return the run of a point.

    Parameters
    ----------
    point : RatePoint
    seed : int
    region_pages : int, optional
        Pages of each task's region that are simulated.
    """
    if region_pages is None:
        region_pages = REGION_OF_MANY if point.tasks >= MANY else REGION_PAGES
        region_pages *= LOCKED if point.mode == "threads" else 1
    machine = load_machine(point.machine) if point.test == PFT else machine_of(point.machine)
    only_maps = point.test.startswith("mmap")
    sweeps = PAIRS if only_maps else 1 if point.test == PFT else SWEEPS
    name = "page-fault1" if point.test == PFT else point.test.replace("page_fault", "page-fault")
    changed: dict[str, object] = {"mapping": MODES[point.mode], "sweeps": sweeps}
    if point.tasks == 1:
        changed["vmas"] = "own"  # there is no neighbour to merge with
    workload = load_workload(name).model_copy(update=changed)
    scheme = registry.load("linux_" + point.kernel.replace(".", "_"))
    chosen = dict(point.options)
    program = registry.thread_program(scheme, chosen, 0, **dict(features_of(workload, machine)))
    return Setup(
        machine,
        workload,
        program,
        point.tasks,
        0,
        region_pages * PAGE_BYTES,
        seed,
        0,
        batches=Batches.among({**scheme.options, **chosen}),
    )


def rate_of(point: RatePoint, engine: EngineName = "compiled", seed: int = 1) -> TestRate:
    """Simulate a point; its own run, also if another one stands for it.

    A task that sleeps leaves the others a faster clock, and its SMT sibling the core. How many do
    is learned from a run on smaller regions; then the point runs with the clock of as many cores as
    were awake. Threads of pft sleep where they unmap, which is behind the measured time: its clock
    is that of all of them.
    """
    setup = setup_of(point, seed)
    if point.test == PFT:
        return replace(_rate(setup, engine), idle_share=0.0)
    if point.mode == "threads" and point.tasks > 1 and not setup.workload.maps_only:
        pilot = _rate(setup_of(point, seed, setup.region_pages // PILOT), engine)
        if pilot.idle_share > ASLEEP_MATTERS:
            setup = replace(setup, machine=_with_cores_asleep(setup.machine, pilot.idle_share))
    return _rate(setup, engine)


def _rate(setup: Setup, engine: EngineName) -> TestRate:
    run = run_setup(setup, engine)
    busy = sum(run.time_ps.values()) - run.time_ps["teardown"] * (run.counters["minor_faults"] == 0)
    half = setup.workload.sweeps // 2 * setup.pages_of_sweep * setup.threads
    return TestRate(middle_rate_per_s(run, half), run.time_ps.get("asleep", 0) / busy)


def _with_cores_asleep(machine: Machine, idle_share: float) -> Machine:
    """Return the machine with its clock that much nearer to that of one busy core.

    And a task is slowed by its SMT sibling only while that is awake.
    """
    clock, awake = machine.clock, 1 - idle_share
    slower = (clock.one_core_hz / clock.all_cores_hz - 1) * awake
    settings: dict[str, int] = {"clock.all_cores": round(clock.one_core_hz / (1 + slower))}
    for name in ("user_slowdown", "kernel_slowdown"):
        more = getattr(machine.smt, f"{name}_ppm") - PPM
        settings[f"smt.{name}"] = PPM + round(more * awake)
    return machine_with(machine, settings)


def middle_rate_per_s(run: RunResult, counted: int) -> float:
    """Return iterations per second in the later part of a run, while all tasks run.

    At first all tasks fault, and nobody unmaps yet. A lock that is taken out of turn lets single
    tasks end early: then all together run for too short a time, and the rate is that of the middle
    of the work.

    Parameters
    ----------
    run : RunResult
    counted : int
        Iterations to count, before the end, if there are so many: whole sweeps of all tasks.
    """
    done = list(accumulate(run.series_faults))
    last = min(run.first_finish_ps // run.series_bin_ps, len(done) - 1)
    if run.first_finish_ps * MIN_SHARE < run.finish_ps:
        last = bisect_left(done, MIDDLE * done[-1])
    whole = counted if 0 < counted < done[last] else done[last] // 2
    first = bisect_left(done, done[last] - whole)
    if first == last:
        return done[-1] / run.finish_ps * PS_PER_S
    return (done[last] - done[first]) / ((last - first) * run.series_bin_ps) * PS_PER_S


def task_counts(machine: Machine) -> list[int]:
    """Return the numbers of tasks that are asked for: powers of two, 24, 48, and all CPUs."""
    cpus = machine.topology.n_cpus
    return [n for n in (1, 2, 4, 8, 16, 24, 48) if n < cpus] + [cpus]
