"""The programs of a file that may be larger than memory: faults, the device, kswapd.

A scheme says how a fault maps pages that are in the page cache. How a missing page is read is the
same for all: as Linux does since 5.10.

Source
------
Linux 5.15 ``mm/filemap.c`` (``filemap_fault``, ``lock_page_maybe_drop_mmap``,
``filemap_read_page``), ``mm/memory.c`` (``do_read_fault``), ``arch/x86/mm/fault.c``
(``do_user_addr_fault``), ``mm/vmscan.c: kswapd``; restated.
"""

from dessim.kernel.alphabet import (
    Step,
    clear_flag,
    count,
    get_page,
    go_to,
    inc,
    jump,
    label,
    lock,
    lock_page,
    put_page,
    read_slots,
    set_pte,
    try_again,
    trylock_page,
    unlock,
    unlock_page,
    when,
    when_tried,
    work,
)
from dessim.kernel.paging_words import ADVICE, end_read_of_page, read_window, reclaim
from dessim.kernel.programs import LOOK_AT_MMAP_SEM, POPULATE, read_mm

RETRY = "retry"  # where a fault begins that has given its lock back: always under mmap_lock


def sleep_for_page() -> tuple[Step, ...]:
    """Wait for the page's lock as one of many who want it, pass it on, and begin again.

    ``__folio_lock_killable``: an exclusive waiter; its unlock wakes the next, a chain.
    """
    return (lock_page(), unlock_page(), put_page(), try_again(), go_to(RETRY))


def missing(advice: str, fault_lock: str, name: str) -> tuple[Step, ...]:
    """Return what a fault does that finds no page: read a window, wait for the page, begin again.

    MADV_RANDOM puts its one page in the page cache before it gives the fault's lock back.
    """
    plan = Step("plan_sync", ADVICE[advice])
    read = read_window(name)
    way = (
        (plan, *read, unlock(fault_lock))
        if advice == "random"
        else (plan, unlock(fault_lock), *read)
    )
    return (
        count("major_faults"),
        Step("fault_kind", 1),
        *way,
        when(
            "page.cached",
            get_page(),
            *sleep_for_page(),
            otherwise=(try_again(), go_to(RETRY)),
        ),
    )


def by_folio(steps: tuple[Step, ...]) -> bool:
    """Return whether a scheme adds references for all ptes of a folio at once."""
    return any(
        step.op == "add_folio_refs" or by_folio(step.body) or by_folio(step.otherwise)
        for step in steps
    )


def found(advice: str, fault_lock: str, name: str, *, folios: bool) -> tuple[Step, ...]:
    """Return what a fault does that finds its page and could not map it around: one page.

    The pte takes over the reference, or has one added with ``folios``.
    """
    owned = (Step("add_folio_refs"), unlock("ptl"), unlock_page(), put_page())
    handed = (unlock("ptl"), unlock_page())
    ahead: tuple[Step, ...] = ()
    if advice != "random":
        ahead = (
            when_tried(
                1,
                otherwise=(
                    Step("count_hits", 1),
                    when(
                        "page.readahead",
                        clear_flag("readahead"),
                        unlock(fault_lock),
                        Step("plan_async"),
                        *read_window(f"{name}_ahead"),
                        *sleep_for_page(),
                    ),
                ),
            ),
        )
    return (
        work("slow_path"),
        read_slots(window=False),
        get_page(cost="lookup_descent"),
        *ahead,
        trylock_page(
            busy=(
                count("fault_retries"),
                Step("fault_kind", 1),
                unlock(fault_lock),
                *sleep_for_page(),
            )
        ),
        when(
            "page.ours_uptodate",
            lock("ptl"),
            when(
                "pte.none",
                inc("page.mapcount", cost="rmap"),
                set_pte(),
                *(owned if folios else handed),
                otherwise=(count("pte_lost"), unlock("ptl"), unlock_page(), put_page()),
            ),
            otherwise=(unlock_page(), put_page()),
            cost="page_checks",
        ),
    )


def attempt(around: tuple[Step, ...], advice: str, fault_lock: str, name: str) -> tuple[Step, ...]:
    """Return one attempt at a fault, from taking its lock to dropping it."""
    hits = (Step("count_hits", 0),) if around else ()
    return (
        lock(fault_lock),
        work("find_vma"),
        *read_mm(fault_lock),
        when("table.missing", *POPULATE, cost="walk_page_table"),
        *around,
        *hits,
        when(
            "pte.none",
            when(
                "page.cached",
                *found(advice, fault_lock, name, folios=by_folio(around)),
                otherwise=missing(advice, fault_lock, name),
            ),
        ),
        unlock(fault_lock),
    )


def paging_program(
    around: tuple[Step, ...], fault_lock: str, advice: str, *, leave: tuple[Step, ...]
) -> tuple[Step, ...]:
    """Return a thread's whole program on a file that is read by windows.

    Parameters
    ----------
    around : tuple of Step
        A scheme's fault-around.
    fault_lock : str
        The lock of a fault's first attempt; the others take mmap_lock.
    advice : str
        What madvise said: ``normal``, ``random``, ``sequential``.
    leave : tuple of Step
        The end of the mm.
    """
    first = attempt(around, advice, fault_lock, "first")
    if fault_lock == "mmap_lock":
        tries: tuple[Step, ...] = (*LOOK_AT_MMAP_SEM, label(RETRY), *first)
    else:
        later = attempt(around, advice, "mmap_lock", "later")
        tries = (*first, go_to("handled"), label(RETRY), *later, label("handled"))
    return (
        Step("begin"),
        label("next"),
        jump("next_access", "exit"),
        label("access"),
        jump("touch", "fault"),
        go_to("next"),
        label("fault"),
        Step("fault_begin"),
        Step("fault_kind", 0),
        *tries,
        Step("fault_end"),
        go_to("access"),
        label("exit"),
        jump("finish", "stop"),
        *leave,
        label("stop"),
        Step("stop", category="teardown"),
    )


def slot_program(*, has_pages: bool) -> tuple[Step, ...]:
    """Return the program of one slot of the device.

    ``has_pages``: commands end with their pages, which are unlocked one by one, in order.
    """
    unlocks = (
        label("page"),
        end_read_of_page(),
        unlock_page(),
        put_page(),
        jump("command_page", "page"),
    )
    return (
        label("idle"),
        jump("command_next", "stop"),
        jump("serve_command", "done"),
        *(unlocks if has_pages else ()),
        label("done"),
        Step("command_done"),
        go_to("idle"),
        label("stop"),
        Step("stop"),
    )


def kswapd_program() -> tuple[Step, ...]:
    """Return the program of a node's kswapd: calls of reclaim while the node is short of frames."""
    return (
        Step("begin"),
        label("idle"),
        jump("kswapd_next", "stop"),
        *reclaim("kswapd", direct=False),
        go_to("idle"),
        label("stop"),
        Step("stop"),
    )


def device_loop_program(pages: int, direction: int) -> tuple[Step, ...]:
    """Return a thread that sends one command after the other and waits for each (O_DIRECT)."""
    return (
        Step("begin"),
        label("again"),
        Step("direct_io", pages, direction),
        jump("direct_done", "last"),
        go_to("again"),
        label("last"),
        jump("finish", "stop", category="device"),
        label("stop"),
        Step("stop", category="device"),
    )
