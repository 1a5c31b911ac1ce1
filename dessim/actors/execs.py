"""exec and exit: a process gives its address space up; it maps other files, or another follows it.

The old address space goes as in the end of a process: its memory is unmapped, its files are taken
out of their trees under their i_mmap_rwsem, its page tables and its memory are freed. Then each
file is opened and mapped: by the kernel (the binary and its loader) or by the loader (libraries);
each mapping, split and partial unmapping of the file takes its i_mmap_rwsem.

A process that exits ends in the same way. A new one is forked in its place, on its CPU, by a parent
of its own that did nothing else: it has the same files mapped, each mapping linked once under the
file's i_mmap_rwsem, and maps a region.

Source
------
Linux 6.6 and 6.12 ``fs/exec.c`` (``begin_new_exec``, ``exec_mmap``), ``fs/binfmt_elf.c``
(``load_elf_binary``, ``elf_map``), ``mm/mmap.c`` (``exit_mmap``), ``mm/memory.c``
(``free_pgtables``), ``kernel/exit.c`` (``do_exit``), ``kernel/fork.c`` (``dup_mmap``); glibc 2.38
``elf/dl-map-segments.h`` (``_dl_map_segments``).
"""

from dessim.actors.exit import EXIT
from dessim.actors.remap import FREE_TABLE, MMAP
from dessim.kernel.alphabet import Step, count, each_table, lock, unless, unlock, when, work
from dessim.kernel.memory_words import (
    FLUSH_LRU,
    call,
    each_file,
    each_link,
    each_unlink,
    free_gathered,
    link_vma,
    spill_rss,
    unlink_vmas,
    zap_memory,
)

UNLINK_FILES = (
    each_file(each_unlink(lock("i_mmap_rwsem"), unlink_vmas(), unlock("i_mmap_rwsem"))),
)
LINK = (lock("i_mmap_rwsem"), link_vma(), unlock("i_mmap_rwsem"))
LINK_FILES = (
    each_file(
        work("exec_file"),
        each_link(work("map_region"), *LINK),
    ),
)
EXIT_MM = (
    Step("lru_waiting", 1, body=FLUSH_LRU),  # lru_add_drain()
    lock("mmap_lock"),
    each_table(unless("table.missing", lock("ptl"), *zap_memory(), spill_rss(), unlock("ptl"))),
    unlock("mmap_lock"),
    lock("mmap_lock_write"),
    *UNLINK_FILES,
    each_table(unless("table.missing", FREE_TABLE)),
    unlock("mmap_lock_write"),
    free_gathered(),
)
"""exit_mmap() of a process that ran alone in its mm: nobody needs a flush."""

EXEC = (
    when(
        "touched_enough",
        Step("pick_touched"),
        *call(
            "region",
            work("system_call"),
            work("exec_process"),
            Step("flush_mm"),  # of the CPU itself: the new mm is a new context
            *EXIT_MM,
            *LINK_FILES,
        ),
        count("execs"),
    ),
)

EXIT_AND_FORK = (
    when(
        "touched_enough",
        Step("pick_touched"),
        *call(
            "region",
            work("system_call"),
            work("exit_process"),
            *EXIT_MM,
            Step("flush_mm"),  # of the CPU itself
        ),
        count("exits"),
        work("fork_process"),
        each_file(each_link(*LINK)),
        *call("mmap", *MMAP),
    ),
)
LEAVE = (*UNLINK_FILES, *EXIT)
"""The end of a process that has files mapped."""
