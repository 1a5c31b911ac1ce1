"""The frame around a scheme: a thread's accesses, the fault's entry and exit, the end of a process.

A scheme says how a fault finds, locks and maps pages. What surrounds it is the same for all.

Source
------
Linux 3.15, ``arch/x86/mm/fault.c: __do_page_fault``, ``mm/memory.c: handle_mm_fault,
do_read_fault, exit_mmap``; restated.
"""

from dessim.kernel.alphabet import (
    Step,
    go_to,
    jump,
    label,
    lock,
    populate_table,
    unlock,
    when,
    work,
)

POPULATE = (
    work("alloc_page_table"),
    lock("page_table_lock"),
    when("table.missing", populate_table()),
    unlock("page_table_lock"),
)


def fault_program(fault_around: tuple[Step, ...], slow_path: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return a thread's whole program around a scheme's two parts."""
    return (
        label("next"),
        jump("next_access", "exit"),
        label("access"),
        jump("touch", "fault"),
        go_to("next"),
        label("fault"),
        Step("fault_begin", cost="exception_entry", category="entry_exit"),
        label("retry"),
        lock("mmap_lock"),
        work("find_vma"),
        when("table.missing", *POPULATE, cost="walk_page_table"),
        *fault_around,
        when("pte.none", *slow_path),
        unlock("mmap_lock"),
        Step("fault_end", cost="exception_exit", category="entry_exit"),
        go_to("access"),
        label("exit"),
        jump("finish", "stop", category="teardown"),
        label("teardown"),
        jump("teardown_table", "teardown", category="teardown"),
        work("process_exit"),
        label("stop"),
        Step("stop", category="teardown"),
    )


def lock_loop_program() -> tuple[Step, ...]:
    """Return the closed loop think, lock, hold, unlock: the machine-repairman model."""
    return (
        label("think"),
        Step("think", 0, category="think"),
        Step("fault_begin", category="lock"),
        lock("lock"),
        Step("fault_end", category="lock"),
        Step("think", 1, category="hold"),
        unlock("lock"),
        jump("iterate", "think", category="think"),
        jump("finish", "stop", category="think"),
        label("stop"),
        Step("stop", category="think"),
    )
