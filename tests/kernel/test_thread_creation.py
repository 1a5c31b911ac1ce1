"""Threads that one creates in turn: mmap and mprotect of each stack, and each thread's own mmap."""

import pytest
from helpers import (
    DISTANCES,
    KERNEL_PS,
    LINE_PS,
    LOCAL_PS,
    MEMORY_PS,
    Lab,
    a_machine,
    a_workload,
    scheme_setup,
)
from pydantic import ValidationError

from dessim import registry
from dessim.engines import compiled, reference
from dessim.kernel import layout as lay
from dessim.kernel.addressing import lock_at
from dessim.kernel.assembler import assemble
from dessim.kernel.balance import find_imbalance
from dessim.kernel.programs import creator_program
from dessim.kernel.result import check_at_rest, read_result
from dessim.kernel.setup import Setup
from dessim.kernel.world import build_world

SAME_SOCKET = 2  # column of LINE_PS
TAKE = KERNEL_PS["lock_local"]
INTERVAL = KERNEL_PS["thread_start"]
SET_UP = {"map_stack_ps": 1_000_003, "protect_guard_ps": 1_800_007, "map_file_ps": 1_600_009}
RMW = LOCAL_PS["rmw"]
REGULAR = {"start_stagger_ps": None, "start_jitter_ppm": 0}
LONE = a_machine(topology={"threads_per_core": 1}, kernel=SET_UP)
LISTING = assemble(creator_program()).listing


def a_setup(threads=2, mapping="per_thread", machine=LONE, **changes):
    """Return a run of threads that are created, by default at regular intervals."""
    values = {"mapping": mapping, "start": "pthread_create", "pages": 2, **REGULAR, **changes}
    work = a_workload(page_touch="touch_word", **values)
    program = registry.thread_program(
        registry.load("no_fault_around"), {}, 0, maps_file=work.maps_file
    )
    return Setup(machine, work, program, threads, 0, None, 1, 0)


def a_lab(**changes):
    """Return the World of such a run, to be moved by hand."""
    setup = a_setup(**changes)
    return Lab(setup.program, build_world(setup).tolist())


def starts_of(setup):
    """Return when each thread of a run was created, and its result."""
    w = build_world(setup).tolist()
    reference.run(w)
    check_at_rest(w)
    starts = [w[w[lay.H_TASK] + i * lay.T_WORDS + lay.T_START] for i in range(setup.threads)]
    return starts, read_result(w, setup.pages)


def test_the_creator_releases_what_it_takes():
    """It holds nothing on any way, as every program."""
    assert not find_imbalance(assemble(creator_program()))


def test_start_thread_lets_the_threads_live_one_after_the_other():
    """The first at once, the next after mmap, mprotect and clone; the steady part begins last."""
    lab = a_lab(threads=2)
    creator = 2
    assert lab.get(0, lay.T_AT) == lab.get(1, lay.T_AT) == lay.ASLEEP
    assert lab.go(creator, 0) == 0
    assert lab.woken() == {0: 0}
    assert lab.w[lay.H_STEADY_FROM] == lay.NEVER_PS
    now, seen = 0, []
    while lab.get(1, lay.T_AT) == lay.ASLEEP:
        pc = lab.get(creator, lay.T_PC)
        seen.append(LISTING[pc - lab.program.steps])
        now = lab.go(creator, now)
    writes = ["lock mmap_lock_write", "unlock mmap_lock_write"]
    assert seen == [
        *(writes[0], "work map_stack", writes[1]),
        *(writes[0], "work protect_guard", writes[1]),
        "start thread",
    ]
    locks = MEMORY_PS["local_ps"] + RMW + 2 * LOCAL_PS["store"] + 4 * TAKE
    assert now == locks + INTERVAL  # of which mmap and mprotect are a part
    assert lab.woken() == {1: now}
    assert lab.get(1, lay.T_START) == lab.get(1, lay.T_CLOCK) == now
    assert lab.w[lay.H_STEADY_FROM] == now
    assert lab.go(creator, now) == lay.ENDED


def test_a_thread_maps_the_file_before_its_first_access():
    """It takes mmap_sem for writing, and i_mmap_mutex within, then begins to read."""
    listing = a_setup().program.listing
    assert listing[:7] == (
        "begin",
        "lock mmap_lock_write",
        "work map_file",
        "lock i_mmap_mutex",
        "unlock i_mmap_mutex",
        "unlock mmap_lock_write",
        "next access",
    )
    shared = a_setup(mapping="shared").program.listing
    assert shared[:2] == ("begin", "next access")


def test_writers_wait_for_readers_and_readers_for_a_waiting_writer():
    """The creator's mmap waits for a fault; the next fault of anybody waits behind the creator."""
    lab = a_lab(threads=2)
    creator, reader, other = 2, 0, 1
    lab.go(creator, 0)
    lock = lock_at(lab.w, lab.w[lay.H_TASK], lay.LOCK_MMAP)
    fault = next(i for i, line in enumerate(lab.program.listing) if line == "lock mmap_lock")
    for task in (reader, other):
        lab.put(task, lay.T_PC, fault)
    lab.occupy_cpus()
    held = lab.go(reader, 10)
    assert lab.w[lock + lay.K_HOLD] == 1
    assert lab.go(creator, held + 10) == lay.ASLEEP  # mmap of the next stack
    assert lab.go(other, held + 10**6) == lay.ASLEEP  # a reader does not overtake it
    assert lab.w[lock + lay.K_WAITERS] == 2
    leave = next(i for i, line in enumerate(lab.program.listing) if line == "unlock mmap_lock")
    lab.put(reader, lay.T_PC, leave)
    dropped = lab.go(reader, 10**7)
    woken = lab.woken()
    assert set(woken) == {creator}
    assert lab.w[lock + lay.K_HOLD] == -1
    hand_over = 2 * LINE_PS["rmw_modified"][SAME_SOCKET]  # mcs, as of all locks that sleep
    assert woken[creator] == dropped + hand_over + KERNEL_PS["wakeup"]


def test_faults_of_the_others_hold_creation_up():
    """Threads that fault all the time keep the creator waiting: starts are farther apart."""
    alone, _ = starts_of(a_setup(threads=3, pages=1))
    busy, _ = starts_of(a_setup(threads=3, pages=900))
    assert busy[1] >= alone[1]
    assert busy[2] > alone[2]


def test_the_random_part_is_that_of_threads_that_begin_an_interval_apart():
    """With mmap and mprotect for nothing, on a machine without lines, starts are the same."""
    kernel = {f"{name}_ps": 0 for name in KERNEL_PS} | dict.fromkeys(SET_UP, 0)
    nothing: dict[str, int] = dict.fromkeys(DISTANCES, 0)
    machine = a_machine(
        topology={"threads_per_core": 1},
        cache_line={
            **{f"local_{op}_ps": 0 for op in LOCAL_PS},
            **dict.fromkeys(LINE_PS, nothing),
            "l3_hit_ps": 0,
        },
        memory=dict.fromkeys(MEMORY_PS, 0),
        kernel=kernel,
        user={"touch_word_ps": 0},
    )
    jitter = {"start_jitter_ppm": 600_000, "start_stagger_ps": 10**7}
    created, _ = starts_of(a_setup(threads=5, machine=machine, **jitter))
    begun, _ = starts_of(a_setup(threads=5, machine=machine, start="interval", **jitter))
    assert created == begun


@pytest.mark.parametrize("mapping", ["per_thread", "shared"])
def test_both_engines_tell_the_same_of_created_threads(mapping):
    """Also where threads sleep at first, and the last task creates them."""
    setup = a_setup(threads=6, mapping=mapping, pages=40, start_jitter_ppm=1_000_000)
    there, here = build_world(setup), build_world(setup).tolist()
    compiled.run(there)
    reference.run(here)
    assert there.tolist() == here
    check_at_rest(there)


def test_the_time_before_a_thread_was_created_is_nobodys():
    """Accounts begin with the thread: they add up to its life."""
    starts, result = starts_of(a_setup(threads=3))
    assert sum(result.time_ps.values()) == result.total_time_ps
    assert result.start_ps == starts[-1]
    assert result.time_ps["idle"] == 0


@pytest.mark.parametrize(
    ("given", "start"),
    [
        ({}, "pthread_create"),
        ({"start_stagger_ps": 0}, "interval"),
        ({"mapping": "shared"}, "interval"),
        ({"mapping": "per_process"}, "interval"),
        ({"mapping": "shared", "start": "pthread_create"}, "pthread_create"),
        ({"start": "interval"}, "interval"),
        ({"start_stagger_ps": 5, "start": "pthread_create"}, "pthread_create"),
    ],
    ids=str,
)
def test_threads_with_mappings_of_their_own_are_created_unless_something_else_is_said(given, start):
    """A stagger says that all is there already; processes are not created by a thread."""
    work = a_workload(**{"start_stagger_ps": None, **given})
    assert work.start == start
    setup = scheme_setup("no_fault_around", 0, 3, workload=work)
    assert setup.creators == int(start == "pthread_create")
    assert setup.tasks == 3 + setup.creators


def test_processes_are_not_created_by_a_thread():
    """The error says what to write instead."""
    with pytest.raises(ValidationError, match="mapping 'per_process' has one thread each: use"):
        a_workload(mapping="per_process", start="pthread_create")
