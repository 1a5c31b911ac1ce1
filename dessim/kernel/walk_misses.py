"""What page walks lose because an L3 cannot keep the page tables of all its threads.

A walk that finds its pte in the caches takes ``tlb.page_walk``. How many do not is a matter of
room: the page tables that the threads of an L3 go back to, and the lines of data that they read in
the meantime, compete for it. Who wins is Che's approximation of a cache whose oldest line is
replaced: a line stays for a time T, the same for all, so that a line asked for at a rate r is there
with the probability 1 - exp(-r T); T is such that the expected number of lines that are there is
the cache's. Of page tables alone the share 1 - L3 / page tables is missing.

Source
------
H. Che, Y. Tung, Z. Wang, *Hierarchical Web caching systems: modeling, design and experimental
results*, IEEE JSAC 20(7), 2002, doi 10.1109/JSAC.2002.801752 (section III). Eight ptes of 8 bytes
in a line of 64: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 3, 4.5.
"""

import math
from dataclasses import dataclass

from dessim.kernel.placement import Cpu
from dessim.kernel.setup import LINE_BYTES, Setup
from dessim.model.units import PPM
from dessim.model.workload import PAGE_BYTES, Workload

PTES_A_LINE = 8


@dataclass(frozen=True)
class Lines:
    """Lines that are asked for equally often.

    Attributes
    ----------
    number : float
    rate : float
        Requests for all of them together in the time of one page walk of each thread.
    """

    number: float
    rate: float

    def kept(self, time: float) -> float:
        """Lines that are there if each stays for a time."""
        return -self.number * math.expm1(-self.rate * time / self.number)


def missing_share(tables: Lines, data: Lines, room: int) -> float:
    """Return the share of requests for page tables that a cache for some lines cannot serve."""
    if tables.number + data.number <= room:
        return 0.0
    low, high = 0.0, 1.0
    while tables.kept(high) + data.kept(high) < room:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        if tables.kept(middle) + data.kept(middle) < room:
            low = middle
        else:
            high = middle
    return math.exp(-tables.rate * low / tables.number)


def tables_of(workload: Workload, threads: int, page_bytes: int = PAGE_BYTES) -> Lines:
    """Return the lines of page tables to which the threads of an L3 go back.

    Random reads go back to all of them. A sweep is through with a line once it has read the pages
    of its eight ptes.
    """
    if workload.access != "random":
        return Lines(threads, threads)
    pages = max(1, workload.file_size_bytes // page_bytes)
    one = workload.mapping == "shared" and workload.file != "part"
    mappings = 1 if one else threads
    return Lines(mappings * math.ceil(pages / PTES_A_LINE), threads)


def data_of(workload: Workload, threads: int, page_bytes: int = PAGE_BYTES) -> Lines:
    """Return the lines of the file that the threads of an L3 read between two walks of each.

    Threads that draw the same random words find those that another has brought.
    """
    number = max(1, workload.file_size_bytes // LINE_BYTES)
    if workload.access == "random":
        return Lines(number, 1 if workload.random_sequence == "same" else threads)
    whole = workload.access == "sequential" and workload.page_touch == "read_page"
    return Lines(number, threads * (page_bytes // LINE_BYTES if whole else 1))


def walk_miss_ps(setup: Setup, cpus: tuple[Cpu, ...]) -> list[int]:
    """Return the mean ps that a walk on each L3 waits for memory: for a pte, from the own node.

    Parameters
    ----------
    setup : Setup
        Of which the whole file counts, however much of it is simulated.
    cpus : tuple of Cpu
        Where its tasks are; the threads of the workload come first.
    """
    machine, workload = setup.machine, setup.workload
    found = [0] * machine.topology.n_l3
    if workload.kind != "faults" or machine.tlb.l1_entries == 0:
        return found
    room = machine.topology.l3_size_bytes // LINE_BYTES
    places = [cpu.l3 for cpu in cpus[: setup.threads]]
    for l3 in set(places):
        threads = places.count(l3)
        tables = tables_of(workload, threads, setup.page_bytes)
        data = data_of(workload, threads, setup.page_bytes)
        share = missing_share(tables, data, room)
        found[l3] = round(share * PPM) * machine.memory.local_ps // PPM
    return found
