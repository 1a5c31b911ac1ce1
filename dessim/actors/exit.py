"""The end of a process, ``exit``: its last thread unmaps everything, alone, on one CPU.

Nobody else is left in the mm, so nobody waits for its locks. The published experiment clears half a
billion ptes here, so a page table is one step, whose time is a constant per pte and per page table
(calibrated as a lump: ``docs/machine.md``), and no line moves (``docs/deviations.md``).

Source
------
Linux 3.14 ``kernel/exit.c: exit_mm``, ``mm/mmap.c: exit_mmap``. ``munmap`` is the same walk, step
by step.
"""

from dessim.kernel.alphabet import jump, label, work

EXIT = (
    label("teardown"),
    jump("teardown_table", "teardown", category="teardown"),
    work("process_exit"),
)
