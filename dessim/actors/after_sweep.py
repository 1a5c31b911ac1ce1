"""What a task does with its region after it has touched all of it: fork, or MADV_DONTNEED.

``remap`` is the usual end of a sweep. A child of ``fork`` ends at once, elsewhere. Its exit is not
simulated, nor is its later cost to the parent: faults on write-protected ptes.

Source
------
Linux 6.6 and 6.12 ``kernel/fork.c`` (``dup_mmap``), ``mm/memory.c`` (``copy_page_range``,
``zap_page_range_single``), ``mm/madvise.c`` (``madvise_dontneed_free``); 6.17 ``mm/madvise.c``
(``get_lock_mode``, ``try_vma_read_lock``).
"""

from dessim.actors.remap import OWNER, RELEASE_VMAS, WRITE_VMA, ZAP_MEMORY, remap
from dessim.kernel.alphabet import Step, count, each_table, lock, option, unless, unlock, when, work
from dessim.kernel.memory_words import call

COPY_TABLE = (
    work("alloc_page_table"),
    lock("ptl"),
    Step("copy_ptes"),
    unlock("ptl"),
)

FORK = call(
    "region",
    work("fork_process"),
    lock("mmap_lock_write"),
    OWNER,
    WRITE_VMA,
    each_table(unless("table.missing", *COPY_TABLE)),
    Step("flush_mm"),
    RELEASE_VMAS,
    OWNER,
    unlock("mmap_lock_write"),
    count("forks"),
)


def give_back(name: str) -> tuple[Step, ...]:
    """Return the steps of MADV_DONTNEED of the whole region under a lock that readers share."""
    return (work("system_call"), lock(name), work("dontneed"), *ZAP_MEMORY, unlock(name))


DONTNEED = (
    when(
        "touched_enough",
        Step("pick_touched"),
        *call(
            "region",
            option(
                "dontneed_lock=mmap_lock",
                *give_back("mmap_lock"),
                otherwise=give_back("vma_lock"),
            ),
        ),
        count("unmaps"),
    ),
)


def after_sweep(name: str, pages: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return what follows a sweep.

    Parameters
    ----------
    name : str
        ``munmap``, ``dontneed`` or ``fork``.
    pages : tuple of Step
        How pages are unmapped and freed.
    """
    if name == "dontneed":
        return DONTNEED
    before = (Step("each_call", body=FORK),) if name == "fork" else ()
    return remap(pages, before)
