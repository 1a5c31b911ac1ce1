"""``linux``: faults of Linux 5.15 to 6.17, a column for each of six versions.

``linux_5_15``, ``linux_6_1``, ``linux_6_6``, ``linux_6_12``, ``linux_6_15`` and ``linux_6_17`` are
the same source with the options of their version; ``linux`` alone is the last of them. What a fault
does is chosen by ``fault`` of the workload: it reads a cached file (as ``folio_batch``), allocates
a page of anonymous memory, writes to a page of a shared file, or copies a page of a private one.

Options
-------
lock : ``mmap_lock``; ``vma_rwsem``, the lock of the VMA (6.4 to 6.14); ``vma_refcnt`` (from 6.15).
file_faults : ``mmap_lock``: faults that write to pages of files give the VMA's lock back and take
    mmap_lock (6.4 to 6.6); ``vma_lock``: they keep it (from 6.7).
prefetchw : fetch the line of mmap_lock for writing at the entry, whatever lock the fault takes
    (x86 up to 6.16, 1701771d3069).
pgd_near : mm->pgd, which every fault loads, lies on the line of mmap_lock's count (up to 6.9).
owner_near : the owner of mmap_lock lies on the line of its count (6.0 to 6.12); else on the next.
lru_batch : pages that a CPU collects before it puts them on the LRU: 15, from 6.9 on 31.
lru_release : pages taken off the LRU under its lock at once: 32, from 6.9 on 31.
uncharge_batch : pages that are freed before they are uncharged: 512, from 6.9 on 31.
memcg_batch : pages charged at once: 32, from 6.1 on 64.
pcp_batch : pages that go from the zone to a CPU's list, or back, at once.
pcp_high : pages of a CPU's list from which some go back: set at boot, from 6.7 on it grows to what
    is used.
rss_batch : pages that are counted apart from the mm's count: 64 per task, from 6.2 on (0) twice the
    CPUs of the machine.
rwsem_steals : writers of mmap_lock spin while another writer has it, and take it before those that
    sleep for it; ``false``: all get it in order of arrival.
prefetch_buddy : what is merged with a page that goes back to the zone is prefetched before the
    zone's lock is taken (4.17 to 5.17).
folio_order : log2 of the pages of a folio of the file, for faults that read.
dontneed_lock : which lock madvise(MADV_DONTNEED) holds: ``mmap_lock``; ``vma_lock`` (from 6.17).
folio_batches : the ptes of a folio of memory are unmapped, and copied by fork, in one go (from 6.9
    on).

Source
------
Linux 5.15, 6.1, 6.6, 6.12, 6.15 and 6.17, ``mm/memory.c`` (``do_anonymous_page``,
``do_shared_fault``, ``do_cow_fault``, ``finish_fault``), ``mm/shmem.c: shmem_fault``,
``mm/swap.c``, ``mm/memcontrol.c``, ``include/linux/mm_types.h`` (``struct mm_struct``, as laid out
on x86-64 with CONFIG_SCHED_MM_CID), ``mm/page_alloc.c``, ``arch/x86/mm/fault.c``; restated.
"""

from dessim.kernel.alphabet import (
    get_page,
    inc,
    lock,
    lock_page,
    option,
    put_page,
    set_pte,
    unlock,
    unlock_page,
    when,
    work,
)
from dessim.kernel.memory_words import (
    add_to_lru,
    allocate_page,
    charge_page,
    copy_page,
    count_page,
    drop_memory,
    map_memory,
    zero_page,
)
from dessim.schemes import folio_batch

PROMISES = ("bug1", "bug2")

_NEWEST: dict[str, bool | int | str] = {
    "lock": "vma_refcnt",
    "file_faults": "vma_lock",
    "prefetchw": False,
    "pgd_near": False,
    "owner_near": False,
    "lru_batch": 31,
    "lru_release": 31,
    "uncharge_batch": 31,
    "memcg_batch": 64,
    "pcp_batch": 63,
    "pcp_high": 32768,
    "rss_batch": 0,
    "rwsem_steals": True,
    "prefetch_buddy": False,
    "folio_order": 0,
    "folio_batches": True,
    "dontneed_lock": "vma_lock",
}
_6_15 = _NEWEST | {"prefetchw": True, "dontneed_lock": "mmap_lock"}
_6_12 = _6_15 | {"lock": "vma_rwsem", "owner_near": True}
_6_6 = _6_12 | {
    "file_faults": "mmap_lock",
    "pgd_near": True,
    "lru_batch": 15,
    "lru_release": 32,
    "uncharge_batch": 512,
    "pcp_high": 512,
    "folio_batches": False,
}
_6_1 = _6_6 | {"lock": "mmap_lock", "rss_batch": 64}
_5_15 = _6_1 | {"memcg_batch": 32, "prefetch_buddy": True, "owner_near": False}

OPTIONS = _NEWEST
CHOICES = {
    "lock": ("mmap_lock", "vma_rwsem", "vma_refcnt"),
    "file_faults": ("mmap_lock", "vma_lock"),
    "dontneed_lock": ("mmap_lock", "vma_lock"),
}
COLUMNS = {
    "linux_5_15": _5_15,
    "linux_6_1": _6_1,
    "linux_6_6": _6_6,
    "linux_6_12": _6_12,
    "linux_6_15": _6_15,
    "linux_6_17": _NEWEST,
}
"""Scheme -> its options: a column of the table of versions."""

# The page is mapped, counted and handed to the LRU under the page-table lock.
MAP_MEMORY = (
    lock("ptl"),
    when(
        "pte.none",
        *count_page(),
        work("page_statistics"),
        work("page_statistics"),
        *add_to_lru(),
        map_memory(),
        otherwise=(drop_memory(),),
    ),
    unlock("ptl"),
)

# do_anonymous_page(): vma_alloc_zeroed_movable_folio(), mem_cgroup_charge().
ANONYMOUS = (*allocate_page(), zero_page(), *charge_page(), *MAP_MEMORY)

# do_cow_fault(): the new page is charged before the old one is found, locked, and copied.
WRITE_PRIVATE = (
    *allocate_page(),
    *charge_page(),
    work("find_file_page"),
    get_page(cost="lookup_descent"),
    lock_page(),
    copy_page(),
    *MAP_MEMORY,
    unlock_page(),
    put_page(),
)

# do_shared_fault() on tmpfs, which has no page_mkwrite: the page stays locked until it is dirty.
WRITE_SHARED = (
    work("find_file_page"),
    get_page(cost="lookup_descent"),
    lock_page(),
    lock("ptl"),
    when(
        "pte.none",
        inc("page.mapcount", cost="rmap"),
        *count_page(),
        work("page_statistics"),
        set_pte(),
        otherwise=(put_page(),),
    ),
    unlock("ptl"),
    work("dirty_page"),
    unlock_page(),
)

FAULTS = {
    "anonymous": ANONYMOUS,
    "write_private": WRITE_PRIVATE,
    "write_shared": WRITE_SHARED,
}
"""Kind of fault that writes -> what it does under the lock of its region."""

# Faults that read: under mmap_lock the second attempt sleeps for the page, under a VMA's the third.
FAULT_LOCK = "vma_lock"
FAULT_AROUND = folio_batch.FAULT_AROUND
SLOW_PATH = (
    option(
        "lock=mmap_lock",
        *folio_batch.path_of_target("mmap_lock"),
        otherwise=folio_batch.SLOW_PATH,
    ),
)
