"""S0 ``no_fault_around``: one fault maps one page.

The read fault of Linux 3.13: find the page in the page cache, lock it, map it under the page-table
lock. If the page is locked, the fault drops mmap_sem, sleeps until the page is unlocked and starts
again. The second attempt keeps mmap_sem and sleeps for the page lock itself. Every other scheme
falls back to this path for a target that it could not map.

Source
------
Linux 3.13 ``mm/memory.c: __do_fault``, ``mm/filemap.c: filemap_fault, find_get_page,
lock_page_or_retry``; Linux 3.15 ``do_read_fault`` after the split of ``__do_fault``. Who waits how:
``__lock_page_or_retry`` (``FAULT_FLAG_ALLOW_RETRY``: ``wait_on_page_locked``, shared; without:
``__lock_page``, exclusive) and ``arch/x86/mm/fault.c: __do_page_fault``, which takes the flag away
before it retries. Left out: write and copy-on-write faults, hardware-poisoned pages.
"""

from dessim.kernel.alphabet import (
    Step,
    clear_flag,
    count,
    get_page,
    go_to,
    inc,
    label,
    lock,
    lock_page,
    option,
    put_page,
    read_ahead,
    read_slots,
    retry_fault,
    set_pte,
    try_again,
    trylock_page,
    unlock,
    unlock_page,
    wait_on_page,
    when,
    when_tried,
    work,
)

PROMISES = ("bug1", "bug2")

FAULT_AROUND = ()

# A page that readahead marked makes the device read the window after it.
READ_AHEAD_IF_MARKED = (
    option(
        "reads_ahead",
        when("page.readahead", clear_flag("readahead"), read_ahead()),
    ),
)


def ordinary_path(
    *with_page_locked: Step,
    fault_lock: str = "mmap_lock",
    go_to_page: tuple[Step, ...] = (),
    come_back: tuple[Step, ...] = (),
) -> tuple[Step, ...]:
    """Return the steps that map the target alone: reference, page lock, and then some steps.

    A locked page makes the fault drop its lock, sleep until the page is unlocked and start again.
    A later attempt keeps its lock and sleeps for the page's: the second one under mmap_lock. Under
    a VMA's lock it is the third, since the repetition of the first takes mmap_lock as if nothing
    had been tried (Linux 6.11 ``do_user_addr_fault``, pages that were in the page cache).

    Parameters
    ----------
    *with_page_locked : Step
        What is done once the page is locked: they unlock it.
    fault_lock : str
        The lock that the fault holds.
    go_to_page, come_back : tuple of Step
        To the page that has lock and reference count, and back, if it is another.
    """
    attempts = 2 if fault_lock == "vma_lock" else 1
    return (
        work("slow_path"),
        *go_to_page,
        read_slots(window=False),
        get_page(cost="lookup_descent"),
        *READ_AHEAD_IF_MARKED,
        trylock_page(
            busy=(
                option("second_attempts", when_tried(attempts, lock_page(), go_to("page_locked"))),
                count("fault_retries"),
                unlock(fault_lock),
                wait_on_page(),
                put_page(),
                *come_back,
                option("second_attempts", try_again()),
                retry_fault(),
            ),
        ),
        label("page_locked"),
        *with_page_locked,
    )


def map_target(*mapped: Step) -> Step:
    """Return the step that maps a locked page under the page-table lock, if it still may.

    ``mapped`` is what is done when it is mapped: they give both locks back.
    """
    return when(
        "page.ours_uptodate",
        lock("ptl"),
        when(
            "pte.none",
            inc("page.mapcount", cost="rmap"),
            set_pte(),
            *mapped,
            otherwise=(count("pte_lost"), unlock("ptl"), unlock_page(), put_page()),
        ),
        otherwise=(unlock_page(), put_page()),
        cost="page_checks",
    )


SLOW_PATH = ordinary_path(map_target(unlock("ptl"), unlock_page()))
