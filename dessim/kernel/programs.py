"""The frame around a scheme: a thread's accesses, the fault's entry and exit, the end of a process.

A scheme says how a fault finds, locks and maps pages. What surrounds it is the same for all.

Source
------
Linux 3.15, ``arch/x86/mm/fault.c: __do_page_fault``, ``mm/memory.c: handle_mm_fault,
do_read_fault, exit_mmap``; restated.
"""

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import (
    Step,
    add_nr_ptes,
    add_to_page_cache,
    cache_vma,
    count,
    from_head,
    go_to,
    jump,
    label,
    load_mmap_sem,
    load_pgd,
    lock,
    option,
    populate_table,
    put_page,
    read_ahead,
    retry_fault,
    set_flags,
    submit_read,
    to_head,
    try_again,
    unlock,
    unlock_page,
    wait_on_page,
    when,
    work,
)

# Options that the workload or the machine decides, not the scheme: steps that only matter if they
# can happen, and what a kernel does before or after a version.
PAGE_CACHE_CHANGES = "page_cache_changes"
READS_AHEAD = "reads_ahead"
UNMAPS = "unmaps"
SECOND_ATTEMPTS = "second_attempts"  # not in the explorer: who waits how makes no difference to it
MAPS_FILE = "maps_file"
REPLAYS = "replays"
LARGE_FOLIOS = "large_folios"  # of the file: of more than a page
VMA_LOCKS = "vma_locks"  # of the scheme: munmap must exclude faults that hold no mmap_lock
VMA_CACHE_OF_MM = "vma_cache_of_mm"  # up to Linux 3.14 (mm->mmap_cache; 615d6e8756c8 ends it)
COUNTS_TABLES = "counts_tables"  # Linux 3.13, e1f56c89b040: nr_ptes is atomic, near mmap_sem

# __pte_alloc(): the table is allocated and zeroed before the lock is taken, which is that of the
# PMD page since Linux 3.13 (c4088ebdca64, e009bb30c8df), the mm's before (``addressing.lock_at``).
POPULATE = (
    work("alloc_page_table"),
    lock("page_table_lock"),
    when("table.missing", option(COUNTS_TABLES, add_nr_ptes(1)), populate_table()),
    unlock("page_table_lock"),
)

READ_PAGE = (
    lock("tree_lock"),
    when(
        "page.frame_free",
        add_to_page_cache(),
        unlock("tree_lock"),
        submit_read(),
        option(READS_AHEAD, read_ahead()),
        count("major_faults"),
        otherwise=(unlock("tree_lock"),),
    ),
)


# find_vma() of Linux up to 3.14 remembers one mapping per mm: threads that fault in mappings of
# their own take the line from each other. Linux 3.15 remembers in the task, whose lines are its
# own: that is part of find_vma. Per-VMA locks look their mapping up without either.
REMEMBER_VMA = (option(VMA_CACHE_OF_MM, when("vma.cached", otherwise=(cache_vma(),))),)


# do_page_fault() prefetches mmap_sem, on x86 without 3DNow! with a plain prefetcht0, and
# down_read_trylock() loads it: both before the compare-and-swap, which then asks for the line again
# in order to own it. Later attempts of the same fault call down_read(), one RMW.
LOOK_AT_MMAP_SEM = (load_mmap_sem(),)


def read_mm(fault_lock: str) -> tuple[Step, ...]:
    """Return what a fault reads of its mm before the page tables: they take time, nothing else."""
    return (*(REMEMBER_VMA if fault_lock == "mmap_lock" else ()), load_pgd())


def read_and_retry(fault_lock: str) -> tuple[Step, ...]:
    """Return the steps of a fault on a page that is not in the page cache: its folio is read."""
    read = (*READ_PAGE, unlock(fault_lock), wait_on_page())
    by_folio = option(LARGE_FOLIOS, to_head(), *read, from_head(), otherwise=read)
    return (by_folio, try_again(), retry_fault())


def device_program() -> tuple[Step, ...]:
    """Return the program of one slot of the device: read a page, make it uptodate, unlock it."""
    return (
        label("idle"),
        jump("io_next", "stop"),
        Step("read_device"),
        set_flags(0, lay.FLAG_UPTODATE),
        unlock_page(),
        put_page(),
        go_to("idle"),
        label("stop"),
        Step("stop"),
    )


# glibc's pthread_create(): allocate_stack() maps the stack, and protects its guard page; clone()
# takes no mmap_sem (nptl/allocatestack.c of glibc 2.19; kernel/fork.c: copy_mm with CLONE_VM). The
# calls that were timed are those of a later glibc, which maps without access and then opens all but
# the guard page: as many, with mmap_sem held as long or longer.
MAP_STACK = (
    lock("mmap_lock_write"),
    work("map_stack"),
    unlock("mmap_lock_write"),
    lock("mmap_lock_write"),
    work("protect_guard"),
    unlock("mmap_lock_write"),
)

# vm-scalability's usemem.c: do_task() creates threads in a loop, and each maps the file itself
# (allocate()). mm/mmap.c: vma_link() puts the mapping in the file's tree under i_mmap_mutex.
MAP_FILE = (
    lock("mmap_lock_write"),
    work("map_file"),
    lock("i_mmap_mutex"),
    unlock("i_mmap_mutex"),
    unlock("mmap_lock_write"),
)


def creator_program() -> tuple[Step, ...]:
    """Return the program of a thread that creates the others one after the other, and then waits.

    Time begins with the first of them.
    """
    return (
        label("next"),
        jump("start_thread", "stop"),
        *MAP_STACK,
        go_to("next"),
        label("stop"),
        Step("stop"),
    )


def actor_program(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the program of an actor: rounds of some steps on a random range, asleep in between."""
    return (
        label("round"),
        jump("pause", "stop"),
        Step("begin"),
        Step("pick_range"),
        *steps,
        Step("rest"),
        go_to("round"),
        label("stop"),
        Step("begin"),
        Step("stop"),
    )


def handle_fault(
    fault_around: tuple[Step, ...],
    slow_path: tuple[Step, ...],
    fault_lock: str,
    missing: tuple[Step, ...],
    mm: tuple[Step, ...] = (),
    look: tuple[Step, ...] = (),
) -> tuple[Step, ...]:
    """Return the steps of one fault, from the exception to the return from it.

    Parameters
    ----------
    fault_around, slow_path : tuple of Step
        A scheme's two parts.
    fault_lock : str
    missing : tuple of Step
        What to do about a target that is not in the page cache.
    mm : tuple of Step, optional
        What is read of the mm.
    look : tuple of Step, optional
        What is read of the lock before the first attempt takes it.
    """
    return (
        Step("fault_begin"),
        *look,
        label("retry"),
        lock(fault_lock),
        work("find_vma"),
        *mm,
        when("table.missing", *POPULATE, cost="walk_page_table"),
        *fault_around,
        when(
            "pte.none",
            option(
                PAGE_CACHE_CHANGES,
                when("page.cached", *slow_path, otherwise=missing),
                otherwise=slow_path,
            ),
        ),
        unlock(fault_lock),
        Step("fault_end"),
    )


def attempt_program(
    fault_around: tuple[Step, ...], slow_path: tuple[Step, ...], fault_lock: str = "mmap_lock"
) -> tuple[Step, ...]:
    """Return a thread that only faults, for the explorer: no user work, no device, no end of an mm.

    A target that is not in the page cache is not read: the fault is over. What only takes time is
    left out.
    """
    return (
        label("next"),
        jump("next_access", "stop"),
        *handle_fault(fault_around, slow_path, fault_lock, ()),
        go_to("next"),
        label("stop"),
        Step("stop"),
    )


def fault_program(
    fault_around: tuple[Step, ...],
    slow_path: tuple[Step, ...],
    fault_lock: str = "mmap_lock",
    *,
    munmap: tuple[Step, ...],
    leave: tuple[Step, ...],
    missing: tuple[Step, ...],
) -> tuple[Step, ...]:
    """Return a thread's whole program around a scheme's parts.

    ``munmap`` comes before each access if the workload unmaps; ``leave`` is the end of the mm;
    ``missing`` is what a fault does about a target that is not in the page cache.
    """
    return (
        Step("begin"),
        option(MAPS_FILE, *MAP_FILE),
        label("next"),
        option(UNMAPS, *munmap),
        jump("next_access", "exit"),
        option(REPLAYS, Step("arrive")),
        label("access"),
        jump("touch", "fault"),
        go_to("next"),
        label("fault"),
        *handle_fault(
            fault_around,
            slow_path,
            fault_lock,
            missing,
            read_mm(fault_lock),
            LOOK_AT_MMAP_SEM if fault_lock == "mmap_lock" else (),
        ),
        go_to("access"),
        label("exit"),
        jump("finish", "stop"),
        *leave,
        label("stop"),
        Step("stop", category="teardown"),
    )


def lock_loop_program() -> tuple[Step, ...]:
    """Return the closed loop think, lock, hold, unlock: the machine-repairman model.

    Its latency is the wait: from the end of the think time to the beginning of the hold time.
    """
    return (
        Step("begin"),
        label("think"),
        Step("think"),
        lock("lock"),
        jump("hold", "last"),
        unlock("lock"),
        go_to("think"),
        label("last"),
        unlock("lock"),
        jump("finish", "stop", category="think"),
        label("stop"),
        Step("stop", category="think"),
    )
