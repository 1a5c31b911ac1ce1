"""Page walks: ptes that the L3 cannot keep, and siblings that take turns at walking."""

import math

import pytest
from helpers import MEMORY_PS, TLB, TLB_PS, a_lab, a_machine, a_workload, scheme_setup

from dessim.kernel import layout as lay
from dessim.kernel.regions import sizes_of
from dessim.kernel.tlb import translate_ps
from dessim.kernel.walk_misses import Lines, data_of, missing_share, tables_of, walk_miss_ps
from dessim.model import load_machine, load_workload

WALK = TLB_PS["page_walk"]
IVY = load_machine("ivybridge-ex-4s")
L3_LINES = 37.5 * 2**20 / 64  # 614,400


def misses(workload, threads):
    """Return the mean wait for memory of a walk on each L3 of the machine of 2014."""
    setup = scheme_setup("no_fault_around", 0, threads, IVY, load_workload(workload))
    return walk_miss_ps(setup, sizes_of(setup).cpus)


def test_tables_alone_miss_by_what_exceeds_the_cache():
    """1,000 lines asked for at random in a cache of 750: a quarter of the requests miss."""
    assert missing_share(Lines(1000, 1), Lines(1, 0), 750) == pytest.approx(0.25)
    assert missing_share(Lines(1000, 1), Lines(1, 0), 1001) == 0


def test_a_stream_takes_room_from_the_tables():
    """Each of 1,000 lines once in a time of 1, and 100 of a file without end: after 2 it is full.

    200 lines of the stream and 1,000 (1 - exp(-2)) = 864.7 of the tables: exp(-2) of them miss.
    """
    full = 200 + 1000 * (1 - math.exp(-2))
    found = missing_share(Lines(1000, 1000), Lines(10**12, 100), full)
    assert found == pytest.approx(math.exp(-2), rel=1e-6)


def test_tables_of_random_reads_are_those_of_the_whole_file():
    """1 GiB: 262,144 ptes, 8 a line, of each thread; in a shared mapping of all together."""
    random = load_workload("random-read")
    assert tables_of(random, 15) == Lines(15 * 32_768, 15)
    assert tables_of(random.model_copy(update={"mapping": "shared"}), 15) == Lines(32_768, 15)
    assert data_of(random, 15) == Lines(2**30 / 64, 1)  # all draw the same words
    own = random.model_copy(update={"random_sequence": "own"})
    assert data_of(own, 15) == Lines(2**30 / 64, 15)


def test_a_sweep_goes_back_to_one_line_of_ptes():
    """Eight pages in a row have their ptes in one line; 64 lines of data are read for each."""
    sweep, tables = load_workload("sequential-read"), load_workload("touch-one-per-table")
    assert tables_of(sweep, 15) == Lines(15, 15)
    assert data_of(sweep, 15).rate == 15 * 64
    assert data_of(tables, 15).rate == 15


@pytest.mark.parametrize(("threads", "least", "most"), [(60, 0.017, 0.018), (120, 0.39, 0.42)])
def test_random_reads_of_full_sockets_overflow_their_l3(threads, least, most):
    """15 and 30 threads to a socket with 2 MiB of ptes each: Che's equation holds for the share.

    15 have 491,520 lines of ptes, 30 have 983,040; 614,400 lines fit.
    """
    (ps,) = set(misses("random-read", threads))
    share = ps / IVY.memory.local_ps
    assert least < share < most
    time = -math.log(share)  # in rounds through a thread's 32,768 lines of ptes
    data = 2**24 * (1 - math.exp(-time * 32_768 / 2**24))
    assert data + threads / 4 * 32_768 * (1 - share) == pytest.approx(L3_LINES, rel=1e-3)


def test_few_threads_and_sweeps_find_their_ptes():
    """Two random readers to a socket, and any number of sweeps, lose less than 10 ps a walk."""
    assert misses("random-read", 1) == [0, 0, 0, 0]
    assert max(misses("random-read", 8)) < 10
    assert misses("sequential-read", 120) == [0, 0, 0, 0]
    assert misses("touch-one-per-table", 120) == [0, 0, 0, 0]


def test_without_a_tlb_nothing_walks():
    """A machine without entries pays for no walk, and so for none that misses."""
    setup = scheme_setup("no_fault_around", 0, 4, a_machine(), a_workload(access="random"))
    assert walk_miss_ps(setup, sizes_of(setup).cpus) == [0] * 4


def test_a_walk_pays_the_share_of_its_own_l3():
    """Where most of the ptes do not fit, a walk takes the share of a local access longer."""
    workload = a_workload(4096, access="random", random_sequence="own")
    lab = a_lab(threads=1, machine=a_machine(tlb=TLB), workload=workload)
    # 512 lines of ptes and 262,144 of data share 4,096; -ln(share) rounds of 512 walks fill them
    share = lab.w[lab.w[lay.H_WALK_MISS]] / MEMORY_PS["local_ps"]
    x = -math.log(share)
    kept = 512 * (1 - share) + 2**18 * (1 - math.exp(-512 * x / 2**18))
    assert kept == pytest.approx(4096, rel=2e-3)  # the share is known to a picosecond of 100,000
    t = lab.w[lay.H_TASK]
    assert translate_ps(lab.w, t, 7, 0) == WALK + lab.w[lab.w[lay.H_WALK_MISS]]


def a_walking_lab(walkers, siblings=2):
    """Return a lab of threads that fill cores with SMT siblings."""
    topology = {"threads_per_core": siblings, "l3_size_bytes": 1 << 30}
    machine = a_machine(tlb={**TLB, "page_walkers": walkers}, topology=topology)
    return a_lab(threads=6, machine=machine, workload=a_workload(512))


def walks(lab, *asked):
    """Return ps of walks of (task, time) in order."""
    base = lab.w[lay.H_TASK]
    return [translate_ps(lab.w, base + task * lay.T_WORDS, 3, now) for task, now in asked]


def test_siblings_take_turns_at_one_walker():
    """The sibling that asks 5 ns later waits for the rest of the first walk; other cores do not."""
    lab = a_walking_lab(1)
    assert walks(lab, (0, 0), (1, 5_000), (2, 6_000)) == [WALK, 2 * WALK - 5_000, WALK]


def test_a_walker_that_has_ended_waits_for_nobody():
    """A walk asked for when the last has ended takes its own time."""
    assert walks(a_walking_lab(1), (0, 0), (1, WALK)) == [WALK, WALK]


def test_as_many_walkers_as_siblings_never_wait():
    """Two walkers and two siblings need no turns, and no words of the World."""
    lab = a_walking_lab(2)
    assert walks(lab, (0, 0), (1, 0)) == [WALK, WALK]
    assert lab.w[lay.H_WALKERS] == 0


def test_three_siblings_share_two_walkers():
    """The third walk begins when the first of two ends."""
    lab = a_walking_lab(2, siblings=3)
    assert walks(lab, (0, 0), (1, 1_000), (2, 2_000)) == [WALK, WALK, 2 * WALK - 2_000]
