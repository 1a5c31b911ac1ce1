"""What is shipped: every scheme, workload and machine tells the same story on both engines."""

import itertools

import pytest
from random_machines import shipped
from stories import assert_same

from dessim import model, registry
from dessim.engines import compiled
from dessim.kernel.result import read_result
from dessim.kernel.setup import ActorSetup, Batches, Setup
from dessim.kernel.world import build_world
from dessim.model.workload import PAGE_BYTES
from dessim.study.sweep.plan import features_of

MACHINE = "ivybridge-ex-4s"
EVERY_WORKLOAD = {name: model.load_workload(name) for name in model.names("workloads")}
WORKLOADS = [name for name, one in EVERY_WORKLOAD.items() if not one.writes]
# A trace has its own tasks and files: tests/kernel/test_replay.py.
WRITERS = [name for name, one in EVERY_WORKLOAD.items() if one.writes and not one.replays]
MACHINES = model.names("machines")
# Enough for two windows and, where only one page of a table is touched, for three tables.
TINY_BYTES = {
    "touch-one-per-table": 1_100 * PAGE_BYTES,
    "random-read": 2 * PAGE_BYTES,
    "hot-library-pages": 4 * PAGE_BYTES,
}


SMALL_BATCHES = Batches(pcp_batch=4, pcp_high=8, lru_batch=3)


def larger_than_memory(file, machine):
    """Return a workload with so small a file that its few touches meet a memory that is full.

    Its share of the file has room on each node for the watermarks, and for what the threads hold.
    """
    pages = 600 * max(4, machine.topology.sockets)
    small = {"file_size_bytes": pages * PAGE_BYTES, "readahead_pages": 8, "block_pages": 16}
    return file.model_copy(update={**small, "touches": 24})


def a_run(scheme, workload, machine, *, order=4, threads=6, pages=40, chosen=None):
    """Return a run of what is shipped on a tiny part of the file."""
    file = model.load_workload(workload)
    tiny, batches = TINY_BYTES.get(workload, pages * PAGE_BYTES), Batches()
    if file.pages_file:
        file, tiny = larger_than_memory(file, shipped(machine)), None
        batches = SMALL_BATCHES
    program = registry.thread_program(
        registry.load(scheme), chosen or {}, order, **dict(features_of(file, shipped(machine)))
    )
    actors = tuple(
        ActorSetup(
            registry.program_of_actor(
                registry.load_actor(actor.name), actor.options, registry.load(scheme).fault_lock
            ),
            actor.every_ps,
            actor.range_pages,
        )
        for actor in file.actors
        for _ in range(actor.count)
    )
    return Setup(
        shipped(machine), file, program, threads, order, tiny, 1, 0, actors, batches=batches
    )


def assert_tells_the_same(setup):
    """Check that both engines tell the same story, however long."""
    assert_same(setup, limit=2_000_000)


@pytest.mark.parametrize("workload", WORKLOADS)
@pytest.mark.parametrize("scheme", registry.names())
def test_quick_every_scheme_and_workload(scheme, workload):
    """The engines agree about each scheme under each workload."""
    assert_tells_the_same(a_run(scheme, workload, MACHINE))


@pytest.mark.parametrize(
    "workload", [n for n, one in EVERY_WORKLOAD.items() if one.memory_share_ppm < 1_000_000]
)
def test_quick_memory_is_short(workload):
    """The tiny file of a workload is larger than memory: pages are evicted and read again."""
    setup = a_run("folio_batch", workload, MACHINE)
    w = build_world(setup)
    compiled.run(w)
    counters = read_result(w.tolist(), setup.pages).counters
    assert counters["evictions"] > 50
    assert counters["refaults"] > 5


def a_writer(scheme, workload, machine, *, mapping, threads=6, pages=40, changed=()):
    """Return a run whose faults write, with lists so short that each is filled and emptied."""
    writes = EVERY_WORKLOAD[workload].model_copy(
        update={"mapping": mapping, "sweeps": 2, **dict(changed)}
    )
    found = registry.load(scheme)
    program = registry.thread_program(found, {}, 0, **dict(features_of(writes, shipped(machine))))
    small = found.options | {"pcp_batch": 7, "lru_batch": 5, "lru_release": 6, "rss_batch": 3}
    batches = Batches.among(small)
    tiny = pages * PAGE_BYTES
    return Setup(shipped(machine), writes, program, threads, 0, tiny, 1, 0, batches=batches)


@pytest.mark.parametrize("mapping", ["per_thread", "per_process"])
@pytest.mark.parametrize("workload", WRITERS)
@pytest.mark.parametrize("scheme", registry.columns())
def test_quick_every_version_and_fault_that_writes(scheme, workload, mapping):
    """The engines agree about each version of Linux and each kind of fault that writes."""
    assert_tells_the_same(a_writer(scheme, workload, MACHINE, mapping=mapping))


@pytest.mark.parametrize("workload", WRITERS)
@pytest.mark.parametrize("scheme", ["linux_6_1", "linux_6_17"])
def test_quick_parts_of_one_region(scheme, workload):
    """The engines agree where neighbours share page tables, some of which no part covers."""
    assert_tells_the_same(
        a_writer(scheme, workload, MACHINE, mapping="shared", pages=700, changed={"file": "part"})
    )


@pytest.mark.parametrize("order", [0, 3])
@pytest.mark.parametrize("after", ["dontneed", "fork"])
@pytest.mark.parametrize("scheme", ["linux_6_6", "linux_6_17"])
def test_quick_calls_and_folios(scheme, after, order):
    """The engines agree about what follows a sweep, in pages and in folios."""
    assert_tells_the_same(
        a_writer(
            scheme,
            "page-fault1",
            MACHINE,
            mapping="per_thread",
            changed={"after_sweep": after, "anon_order": order, "calls": 1 + (after == "fork")},
        )
    )


@pytest.mark.parametrize("machine", MACHINES)
def test_quick_writers_on_every_machine(machine):
    """The engines agree about them on each machine."""
    run = a_writer("linux_6_12", "page-fault1", machine, mapping="per_thread", threads=12)
    assert_tells_the_same(run)


@pytest.mark.parametrize("machine", MACHINES)
def test_quick_every_machine(machine):
    """The engines agree about each machine: its topology, its locks, its lines."""
    assert_tells_the_same(a_run("radix_walk_trylock", "separate-processes", machine, threads=12))


OPTIONS = [
    (scheme, option, value)
    for scheme in registry.names()
    for option, default in registry.load(scheme).options.items()
    for value in ([False, True] if isinstance(default, bool) else [default])
]


@pytest.mark.parametrize(("scheme", "option", "value"), OPTIONS)
def test_quick_every_option(scheme, option, value):
    """The engines agree about each scheme with each of its options on and off."""
    assert_tells_the_same(a_run(scheme, "shared-mapping", MACHINE, chosen={option: value}))


ORDERS = itertools.cycle((1, 2, 4, 9))  # one for each: it need not be every order with all else
EVERYTHING = list(itertools.product(registry.names(), WORKLOADS, MACHINES))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scheme", "workload", "machine", "order"),
    [(*what, order) for what, order in zip(EVERYTHING, ORDERS, strict=False)],
)
def test_all_combinations(scheme, workload, machine, order):
    """The engines agree about every scheme, workload and machine, with small and great windows."""
    assert_tells_the_same(a_run(scheme, workload, machine, order=order, threads=16, pages=70))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", registry.names())
def test_the_greatest_machine_in_full(scheme):
    """The engines agree when every CPU of the greatest machine faults on the same pages.

    Retries do not explode there: a thread takes 55 (gang_lookup_mapcount) to 154 events
    (folio_batch), with 64 threads as with 1,024. While an unlock woke all waiters of a page and
    they tried again, folio_batch took 5.3 events for each pair of threads: 5,523,518 in all.
    """
    greatest = max(MACHINES, key=lambda name: shipped(name).topology.n_cpus)
    threads = shipped(greatest).topology.n_cpus
    assert_tells_the_same(a_run(scheme, "separate-processes", greatest, threads=threads, pages=2))
