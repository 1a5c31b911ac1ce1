"""The frame around a fault that writes: entry, the lock of the region, exit; the region's end.

A scheme says what a fault does between taking the region's lock and dropping it. Which lock that
is, and what it costs to look at it, are options that every scheme with such faults has.

Source
------
Linux 6.1, 6.6, 6.12, 6.15 and 6.17: ``arch/x86/mm/fault.c`` (``handle_page_fault``,
``do_user_addr_fault``), ``mm/memory.c`` and ``mm/mmap_lock.c`` (``lock_vma_under_rcu``),
``include/linux/mmap_lock.h`` (``mmap_read_trylock``, ``vma_start_read``); restated.
"""

from dessim.kernel.alphabet import (
    Step,
    go_to,
    jump,
    label,
    load_pgd,
    lock,
    option,
    unlock,
    when,
    work,
)
from dessim.kernel.memory_words import (
    await_fetch,
    fetch_mm,
    load_lock,
    use_mm,
    use_owner,
    when_vma_written,
)
from dessim.kernel.programs import POPULATE, REPLAYS

MM_LOCK = "lock=mmap_lock"
FALLS_BACK = "file_faults=mmap_lock"
OWNER_NEAR, PGD_NEAR = "owner_near", "pgd_near"  # on the line of mmap_lock's count
MAPS_ONLY = "maps_only"  # of the workload: no page is touched
FAULTS_WRITE = "faults_write"  # of the workload alongside which an actor runs

DROPS_PARTS = "drops_parts"  # of the workload: MADV_DONTNEED leaves some of a region
MOVES_TABLES = "moves_tables"  # of the workload: mremap moves page tables as such
SPLITS = "splits"  # of the workload: a task splits its folios that are mapped in part

PART = "part"  # of the workload: threads use parts of one region, neighbours share page tables
MERGED = "merged"  # of the workload: threads share a VMA, which munmap splits


# prefetchw(&mm->mmap_lock) at the entry of the fault (x86 up to 6.16) does not wait: the line is on
# its way, for writing, when the fault comes to change it. It is ordered with respect to serializing
# instructions, such as the iret at the end (Intel SDM, volume 2, PREFETCHW).
PREFETCHES = option("prefetchw", fetch_mm())
FETCHED = option("prefetchw", await_fetch())


def under_mm(path: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return a fault under mmap_lock: a reader looks at the owner and stores that readers have it.

    The load and the store of a line that is at hand are one access. Before the lock is taken its
    count has to be known (`load_lock`).
    """
    return (
        load_lock("mmap_lock"),
        lock("mmap_lock"),
        option(
            OWNER_NEAR,
            use_mm(stores=True),
            otherwise=(use_owner(stores=False), use_owner(stores=True)),
        ),
        work("find_vma"),
        *in_page_table(path),
        unlock("mmap_lock"),
    )


def in_page_table(path: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return a fault that finds its page table, or makes it, before it goes its way."""
    return (
        work("handle_fault"),
        option(PGD_NEAR, load_pgd()),
        when("table.missing", *POPULATE, cost="walk_page_table"),
        *path,
    )


def under_vma(path: tuple[Step, ...], falls_back: str) -> tuple[Step, ...]:
    """Return a fault under the lock of its VMA, or under mmap_lock if the VMA is being written.

    Parameters
    ----------
    path : tuple of Step
    falls_back : str
        Option with which the fault gives the lock back and takes mmap_lock instead; empty: none.
    """
    to_mm = (unlock("vma_lock"), go_to("under_mm"))
    within = (*in_page_table(path), unlock("vma_lock"), go_to("handled"))
    return (
        work("vma_lookup"),
        when_vma_written(go_to("under_mm")),
        load_lock("vma_lock"),
        lock("vma_lock"),
        when_vma_written(*to_mm),
        *((option(falls_back, *to_mm, otherwise=within),) if falls_back else within),
        label("under_mm"),
        *under_mm(path),
        label("handled"),
    )


def writing_program(
    path: tuple[Step, ...],
    *,
    remap: tuple[Step, ...],
    leave: tuple[Step, ...],
    of_file: bool,
    release: tuple[Step, ...] = (),
) -> tuple[Step, ...]:
    """Return a thread's whole program around what a fault does that writes.

    Parameters
    ----------
    path : tuple of Step
        What the fault does under the region's lock.
    remap : tuple of Step
        The end of a sweep: the region is unmapped, and mapped again.
    leave : tuple of Step
        The end of the mm.
    release : tuple of Step, optional
        What a task does behind its last sweep.
    of_file : bool
        Whether the region maps a file.
    """
    falls_back = FALLS_BACK if of_file else ""
    return (
        Step("begin"),
        label("next"),
        option(
            MAPS_ONLY,
            jump("next_access", "exit"),
            Step("skip_pages"),
            *remap,
            Step("region_done"),
            go_to("next"),
        ),
        *remap,
        jump("next_access", "exit"),
        option(REPLAYS, Step("arrive")),
        label("access"),
        jump("touch", "fault"),
        go_to("next"),
        label("fault"),
        Step("fault_begin"),
        PREFETCHES,
        option(MM_LOCK, *under_mm(path), otherwise=under_vma(path, falls_back)),
        FETCHED,
        Step("fault_end"),
        go_to("access"),
        label("exit"),
        *release,
        jump("finish", "stop"),
        *leave,
        label("stop"),
        Step("stop", category="teardown"),
    )
