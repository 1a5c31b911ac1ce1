"""Threads that a reader's own SimPy processes drive."""

import helpers
import pytest
import simpy
from helpers import a_machine, a_workload, scheme_setup

import dessim
from dessim.engines import run_setup
from dessim.engines.components import SimulatedMachine
from dessim.errors import UserError

NS = 1_000


def driven(setup, *stories):
    """Run one story after the other on threads 0, 1, …: the machine, and what they returned."""
    env = simpy.Environment(initial_time=0)
    machine = SimulatedMachine(env, setup, driven=True)
    done = [env.process(story(machine, machine.threads[i])) for i, story in enumerate(stories)]
    env.run()
    return machine, [process.value if process.triggered else None for process in done]


def two(**changes):
    """Return a setup of three threads that read a file of 16 pages one page at a time."""
    return scheme_setup("no_fault_around", 0, threads=3, **changes)


def whole_file(machine, thread):
    """Read the file as the workload would."""
    for page in range(machine._setup.pages):
        yield from thread.read(page)
    yield from thread.exit()


SETUPS = {
    "convoy": lambda: scheme_setup("no_fault_around", 0, threads=6),
    "gang": lambda: scheme_setup("gang_lookup_mapcount", 2, threads=5),
    "shared": lambda: scheme_setup(
        "lock_each_page", 2, threads=4, workload=a_workload(mapping="shared")
    ),
    "tlb": lambda: scheme_setup(
        "no_fault_around", 0, threads=2, machine=a_machine(tlb=helpers.TLB)
    ),
    "work varies": lambda: scheme_setup(
        "no_fault_around", 0, threads=4, machine=a_machine(kernel={"work_cv_ppm": 200_000})
    ),
    "pages that the device reads": lambda: dessim.setup(
        "eight-processes",
        {
            "workload": "sequential-read",
            "workload.cached": "50%",
            "threads": 3,
            "simulate": "64KiB",
            "schemes": ["lock_each_page"],
        },
    ),
    "more threads than CPUs": lambda: scheme_setup("no_fault_around", 0, threads=20),
    "one creates the others": lambda: scheme_setup(
        "no_fault_around",
        0,
        threads=3,
        workload=a_workload(mapping="shared", start="pthread_create"),
    ),
}


@pytest.mark.parametrize("name", SETUPS)
def test_a_workload_driven_by_hand_is_that_workload(name):
    """Every number of the result is that of the reference engine, events included."""
    setup = SETUPS[name]()
    machine, _ = driven(setup, *[whole_file] * setup.threads)
    assert machine.result() == run_setup(setup, "reference")


def test_a_line_costs_what_the_profile_says():
    """From memory; then at hand; then from the other core's cache, which has changed it."""

    def first(machine, thread):
        machine.common = machine.line()
        costs = []
        for how in ("load", "load", "rmw"):
            costs.append((yield from thread.touch(machine.common, how)))
        yield from thread.work(1_000 * NS)
        yield from thread.exit()
        return costs

    def second(machine, thread):
        yield from thread.work(500 * NS)
        costs = []
        for how in ("load", "store"):
            costs.append((yield from thread.touch(machine.common, how)))
        yield from thread.exit()
        return costs

    def third(machine, thread):
        yield from thread.exit()
        return thread.number

    # Tasks 0 and 1 are siblings on one core; 2 shares their L3.
    machine, (one, _, two_) = driven(two(), first, third, second)
    local, modified = helpers.LOCAL_PS, helpers.LINE_PS["load_modified"][1]
    assert one == [helpers.MEMORY_PS["local_ps"], local["load"], local["rmw"]]
    assert two_ == [modified, helpers.LINE_PS["store_shared"][1]]
    machine.result()


def test_a_lock_is_held_by_one_and_handed_over():
    """Who waits gets it when it is dropped, after the transfer; all time is accounted for."""
    inside = []

    def story(machine, thread):
        lock = machine.__dict__.setdefault("latch", machine.lock())
        for _ in range(5):
            yield from thread.lock(lock)
            inside.append(thread.number)
            assert len(inside) == 1, "two hold the lock"
            yield from thread.work(200 * NS)
            inside.remove(thread.number)
            yield from thread.unlock(lock)
        yield from thread.exit()

    machine, _ = driven(two(), story, story, story)
    result = machine.result()
    assert result.finish_ps > 15 * 200 * NS
    assert result.time_ps["user"] >= 15 * 200 * NS
    assert result.time_ps["lock"] > 10 * 200 * NS  # two of three wait nearly all the time


def test_readers_share_a_lock():
    """Three readers are inside at once."""

    def story(machine, thread):
        lock = machine.__dict__.setdefault("latch", machine.lock())
        yield from thread.lock(lock, shared=True)
        yield from thread.work(10_000 * NS)
        together = len(lock.holders)
        yield from thread.unlock(lock)
        yield from thread.exit()
        return together

    assert 3 in driven(two(), story, story, story)[1]


def test_a_page_is_mapped_by_a_fault_once():
    """Mapping takes a fault, mapping it again nothing; reading it then takes no fault."""

    def story(machine, thread):
        took = []
        for _ in range(2):
            took.append((yield from thread.map(3)))
        faults = machine.counters["minor_faults"]
        took.append((yield from thread.read(3)))
        assert machine.counters["minor_faults"] == faults == 1
        yield from thread.exit()
        return took

    def rest(_, thread):
        yield from thread.exit()

    setup = two()
    machine, ((fault, again, read), *_) = driven(setup, story, rest, rest)
    assert again == 0
    assert read > 0
    result = machine.result()
    assert result.latency_count == 1
    assert result.latency_sum_ps == fault


def test_who_waits_leaves_the_cpu_to_another():
    """Threads 0 and 16 share a CPU: one computes while the other waits for the disk."""

    def waits(machine, thread):
        yield from thread.work(1_000 * NS)
        took = yield from thread.wait(machine._engine.env.timeout(50_000 * NS))
        yield from thread.exit()
        return took

    def works(machine, thread):
        yield from thread.work(20_000 * NS)
        yield from thread.exit()
        return machine._engine.env.now

    def leaves(_, thread):
        yield from thread.exit()

    setup = scheme_setup("no_fault_around", 0, threads=17)
    machine, values = driven(setup, waits, *[leaves] * 15, works)
    switch = helpers.KERNEL_PS["context_switch"]
    assert values[0] == 50_000 * NS + switch
    assert values[16] == (1_000 + 20_000) * NS + switch
    assert machine.result().time_ps["idle"] == 50_000 * NS


def another():
    """Return a machine that is not the one whose threads are driven."""
    return SimulatedMachine(simpy.Environment(initial_time=0), two(), driven=True)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda m, t: t.unlock(m.lock()), "does not hold lock 0"),
        (lambda m, t: t.map(16), "page 16 is not one of 16 pages"),
        (lambda m, t: t.read(-1), "page -1 is not one of"),
        (lambda m, t: t.touch(m.line(), "write"), "must be one of load, store, rmw"),
        (lambda m, t: t.work(-1), "not -1 ps"),
        (lambda m, t: t.touch(m.line(2)), "2 memory nodes"),
        (lambda m, t: t.touch(another().line()), "of another machine"),
        (lambda m, t: t.lock(another().lock()), "of another machine"),
    ],
)
def test_what_cannot_be_is_refused(wrong, said):
    """With what is wrong; nothing has happened to the machine."""

    def story(machine, thread):
        yield from wrong(machine, thread)

    with pytest.raises((ValueError, RuntimeError), match=said):
        driven(two(), story)


def test_a_thread_does_one_thing_at_a_time_and_ends_with_empty_hands():
    """Locking twice, leaving with a lock, going on after the end, two processes on a thread."""

    def twice(machine, thread):
        lock = machine.lock()
        yield from thread.lock(lock)
        yield from thread.lock(lock)

    def leaves(machine, thread):
        yield from thread.lock(machine.lock())
        yield from thread.exit()

    def goes_on(_, thread):
        yield from thread.exit()
        yield from thread.work(1)

    def both(_, thread):
        thread._engine.env.process(thread.work(1_000))
        yield from thread.work(1_000)

    for story, said in (
        (twice, "holds lock 0 already"),
        (leaves, "still holds lock 0"),
        (goes_on, "has exited"),
        (both, "in the middle of another operation"),
    ):
        with pytest.raises(RuntimeError, match=said):
            driven(two(), story)


def test_threads_that_have_not_exited_are_named():
    """There is no result while some are left."""
    machine, _ = driven(two(), whole_file)
    with pytest.raises(RuntimeError, match="threads 1, 2 have not exited"):
        machine.result()


def test_times_are_whole_picoseconds():
    """A process that yields half a picosecond is told so."""

    def story(machine, thread):
        yield from thread.work(100_000_000)
        yield machine._engine.env.timeout(0.5)
        yield from thread.work(1)

    with pytest.raises(ValueError, match="a whole number of ps"):
        driven(two(), story)


@pytest.mark.parametrize(
    ("workload", "said"),
    [
        (helpers.a_lock_loop(), "its kind is 'lock_loop'"),
        (a_workload(unmap_every_pages=4), "it unmaps the pages"),
    ],
)
def test_workloads_that_do_more_than_read_are_refused(workload, said):
    """And one that can be driven is named."""
    setup = scheme_setup("no_fault_around", 0, threads=1, workload=workload)
    with pytest.raises(UserError, match=said):
        SimulatedMachine(simpy.Environment(initial_time=0), setup, driven=True)
