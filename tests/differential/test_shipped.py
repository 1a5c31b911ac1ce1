"""What is shipped: every scheme, workload and machine tells the same story on both engines."""

import itertools
from dataclasses import replace

import pytest
from random_machines import shipped
from stories import assert_same

from dessim import model, registry
from dessim.engines import compiled
from dessim.kernel.result import read_result
from dessim.kernel.setup import ActorSetup, Batches, Setup
from dessim.kernel.world import build_world
from dessim.model.experiment import Point, SchemeChoice
from dessim.model.workload import PAGE_BYTES, ActorChoice
from dessim.study.sweep.plan import features_of, setup_of

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


def larger_than_memory(file, machine, touches):
    """Return a workload with so small a file that its few touches meet a memory that is full.

    Its share of the file has room on each node for the watermarks, and for what the threads hold.
    """
    pages = 600 * max(4, machine.topology.sockets)
    small = {"file_size_bytes": pages * PAGE_BYTES, "readahead_pages": 8, "block_pages": 16}
    return file.model_copy(update={**small, "touches": touches})


def a_run(scheme, workload, machine, *, order=4, threads=6, pages=40, chosen=None, touches=24):
    """Return a run of what is shipped on a tiny part of the file."""
    file = model.load_workload(workload)
    tiny, batches = TINY_BYTES.get(workload, pages * PAGE_BYTES), Batches()
    if file.pages_file:
        file, tiny = larger_than_memory(file, shipped(machine), touches), None
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
    small |= {"gather_max": 12, "pcp_scale": 2}
    batches = Batches.among(small)
    tiny = pages * PAGE_BYTES
    return Setup(shipped(machine), writes, program, threads, 0, tiny, 1, 0, batches=batches)


@pytest.mark.parametrize("mapping", ["per_thread", "per_process"])
@pytest.mark.parametrize("workload", [name for name in WRITERS if not name.endswith("-storm")])
@pytest.mark.parametrize("scheme", registry.columns())
def test_quick_every_version_and_fault_that_writes(scheme, workload, mapping):
    """The engines agree about each version of Linux and each kind of fault that writes."""
    assert_tells_the_same(a_writer(scheme, workload, MACHINE, mapping=mapping))


@pytest.mark.parametrize("workload", [name for name in WRITERS if not name.endswith("-storm")])
@pytest.mark.parametrize("scheme", ["linux_6_1", "linux_6_17"])
def test_quick_parts_of_one_region(scheme, workload):
    """The engines agree where neighbours share page tables, some of which no part covers."""
    assert_tells_the_same(
        a_writer(scheme, workload, MACHINE, mapping="shared", pages=700, changed={"file": "part"})
    )


@pytest.mark.parametrize("workload", ["page-fault1", "page-fault2", "page-fault3"])
@pytest.mark.parametrize("sequence", ["own", "same"])
def test_quick_random_places(workload, sequence):
    """The engines agree where pages of a part are touched in random order."""
    changed = {"file": "part", "access": "random", "random_sequence": sequence}
    assert_tells_the_same(
        a_writer("linux", workload, MACHINE, mapping="shared", pages=300, changed=changed)
    )


@pytest.mark.parametrize("mapping", ["per_thread", "per_process"])
@pytest.mark.parametrize("workload", ["page-fault1", "page-fault2", "page-fault3", "mmap1"])
@pytest.mark.parametrize("scheme", registry.columns())
def test_quick_writers_of_mmap_lock_at_a_rate(scheme, workload, mapping):
    """The engines agree where actors map and unmap alongside each kind of fault that writes."""
    run = a_writer(scheme, workload, MACHINE, mapping=mapping)
    kernel = registry.load(scheme).options
    programs = (
        registry.program_of_actor(
            registry.load_actor("map_unmap"),
            {"touched": touched},
            counts_tables=run.machine.locks.pmd_locks,
            kernel=kernel,
            faults_write=True,
        )
        for touched in (False, True)
    )
    actors = tuple(ActorSetup(one, 20_000_000, 5) for one in programs)
    assert_tells_the_same(replace(run, actors=actors))


@pytest.mark.parametrize("scheme", ["linux_5_15", "linux_6_6", "linux_6_17", "lock_each_page"])
def test_quick_writers_of_mmap_lock_alongside_reads(scheme):
    """The same where faults read a file."""
    actors = (ActorChoice(name="map_unmap", every_ps=20_000_000),)
    point = Point(
        experiment="writers",
        machine=shipped(MACHINE),
        workload=EVERY_WORKLOAD["shared-mapping"].model_copy(update={"actors": actors}),
        scheme=SchemeChoice(name=scheme),
        threads=6,
        fault_around_order=4,
        simulate_bytes=40 * PAGE_BYTES,
    )
    assert_tells_the_same(setup_of(point, 0))


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


@pytest.mark.parametrize("order", [0, 3])
@pytest.mark.parametrize("scheme", ["linux_6_6", "linux_6_18"])
def test_quick_parts_of_folios(scheme, order):
    """The engines agree about calls that drop parts of folios."""
    some = {"dropped_ppm": 400_000, "drop_every_bytes": 20 * 4096, "after_sweep": "dontneed"}
    changed = some | {"anon_order": order, "split_folios": order > 0}
    run = a_writer(scheme, "page-fault1", MACHINE, mapping="per_process", changed=changed)
    assert_tells_the_same(run)


@pytest.mark.parametrize("libraries", ["own", "shared"])
@pytest.mark.parametrize("scheme", registry.columns())
def test_quick_execs(scheme, libraries):
    """The engines agree about processes that exec or exit, with own files and with shared ones."""
    for workload in ("exec-storm", "exit-storm"):
        changed = {"libraries": libraries}
        run = a_writer(scheme, workload, MACHINE, mapping="per_process", changed=changed)
        assert_tells_the_same(run)


@pytest.mark.parametrize("scheme", ["linux_6_6", "linux_6_18"])
@pytest.mark.parametrize("workload", ["shared-mapping", "map-touch-unmap"])
def test_quick_folios_of_files(workload, scheme):
    """The engines agree about files in large folios, of which the last is not whole."""
    setup = a_run(scheme, workload, MACHINE, order=1, pages=20, chosen={"folio_order": 3})
    assert_tells_the_same(replace(setup, folio_order=3))


@pytest.mark.parametrize("workload", ["scan-with-direct-io", "cold-cache-read"])
def test_quick_folios_that_leave(workload):
    """The engines agree about large folios that are removed from the page cache, and read again."""
    file = EVERY_WORKLOAD[workload]
    features = dict(features_of(file, shipped(MACHINE))) | {"large_folios": True}
    program = registry.thread_program(registry.load("linux"), {}, 3, **features)
    setup = a_run("linux", workload, MACHINE, pages=38)
    actors = tuple(
        ActorSetup(
            registry.program_of_actor(
                registry.load_actor(actor.name), actor.options, "vma_lock", large_folios=True
            ),
            actor.every_ps,
            actor.range_pages,
        )
        for actor in file.actors
    )
    assert_tells_the_same(replace(setup, program=program, actors=actors, folio_order=2))


@pytest.mark.parametrize("size", [16_384, 65_536])
@pytest.mark.parametrize("workload", ["page-fault1", "page-fault2", "map-touch-unmap"])
def test_quick_page_sizes(workload, size):
    """The engines agree about pages of 16 and 64 KiB, whose tables map 2,048 and 8,192."""
    if workload.startswith("page-fault"):
        setup = a_writer("linux", workload, "graviton2-1s", mapping="per_thread", pages=260)
    else:
        setup = a_run("gang_lookup_mapcount", workload, "graviton2-1s", pages=260)
    memory = setup.machine.memory.model_copy(update={"page_size_bytes": size})
    machine = setup.machine.model_copy(update={"memory": memory})
    assert_tells_the_same(replace(setup, machine=machine))


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


def pairwise():
    """Yield shipped combinations, a sixth of all, that hold any two in every way."""
    orders = itertools.cycle((1, 2, 4, 9))  # one for each: it need not be every order with all else
    schemes, rounds = registry.names(), max(len(registry.names()), len(MACHINES))
    for shift, workload in enumerate(WORKLOADS):
        for turn in range(rounds):
            scheme, machine = schemes[turn % len(schemes)], MACHINES[(turn + shift) % len(MACHINES)]
            yield scheme, workload, machine, next(orders)


PAIRWISE = list(pairwise())


@pytest.mark.slow
@pytest.mark.parametrize(("scheme", "workload", "machine", "order"), PAIRWISE)
def test_any_two_together(scheme, workload, machine, order):
    """The engines agree about any two of scheme, workload and machine; windows vary along."""
    assert_tells_the_same(
        a_run(scheme, workload, machine, order=order, threads=16, pages=70, touches=8)
    )


def test_pairwise_holds_any_two():
    """No pair of what is shipped is missing."""
    lists = (registry.names(), WORKLOADS, MACHINES)
    for one, other in itertools.combinations(range(3), 2):
        found = {(case[one], case[other]) for case in PAIRWISE}
        assert found == set(itertools.product(lists[one], lists[other]))


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
