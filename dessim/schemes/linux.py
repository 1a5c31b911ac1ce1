"""``linux``: faults of Linux 5.15 to 6.18, a column for each of seven versions.

``linux_5_15``, ``linux_6_1``, ``linux_6_6``, ``linux_6_12``, ``linux_6_15``, ``linux_6_17`` and
``linux_6_18`` are the same source with the options of their version; ``linux`` alone is the last of
them. What a fault does is chosen by ``fault`` of the workload: it reads a cached file (as
``folio_batch``), allocates a page of anonymous memory, writes to a page of a shared file, or copies
a page of a private one.

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
pcp_high : pages of a CPU's list from which some go back: set at boot.
pcp_high_max : pages up to which that mark grows with use (from 6.7 on); 0: it does not.
pcp_scale : how often such a batch is doubled at most (``CONFIG_PCP_BATCH_SCALE_MAX``): going back,
    and from 6.7 on both ways.
gather_max : entries of an mmu_gather (8 on the stack, 19 pages of 510): full, it is flushed.
delay_rmap : counts of mappings of pages of files that were written to fall after the flush of their
    page table (from 6.2 on, 5df397dec7c4), not before.
rmap_batch : written pages of a file that munmap flushes at once: 0, those of a page table; 8, with
    `delay_rmap`, from 5df397dec7c4 to c47454823bd4, both between 6.1 and 6.2.
lru_sizes_near : the sizes of a memory cgroup's LRU lists lie on the line of its pointers to
    statistics, which every fault on memory loads (from 70a64b7919cb to fefc6e6631ff, so in 6.10).
rss_batch : pages that are counted apart from the mm's count: 64 per task, from 6.2 on (0) twice the
    CPUs of the machine.
rwsem_steals : writers of mmap_lock spin while another writer has it, and take it before those that
    sleep for it; ``false``: all get it in order of arrival.
prefetch_buddy : what is merged with a page that goes back to the zone is prefetched before the
    zone's lock is taken (4.17 to 5.17).
folio_order : log2 of the pages of a folio of the file, for faults that read, if the workload does
    not say.
maps_folio : a read fault maps a large folio as a whole, also beyond its window (from 6.18 on,
    357b92761d94, 19773df031bc).
folio_counts : RMWs on counts of a large folio for each run of ptes, besides one on each page's
    _mapcount: ``none``; ``mapped``, _nr_pages_mapped (6.6); ``mapcount``, also _large_mapcount
    (from 6.10 on, 05c5323b2a34); ``mm_ids``, the latter under a bit lock (from 6.15 on,
    6af8cb80d3a9).
defers_split : which folios of memory, mapped in part, wait to be split: ``pmd``, those of 2 MiB;
    ``large``, all of four pages or more (from 6.8 on, 7dc7c5ef6463).
dontneed_lock : which lock madvise(MADV_DONTNEED) holds: ``mmap_lock``; ``vma_lock`` (from 6.17).
folio_batches : the ptes of a folio of memory are unmapped, and copied by fork, in one go (from 6.9
    on).
contpte : arm64 (``CONFIG_ARM64_CONTPTE``, from 6.9 on): where one folio has a naturally aligned
    block of ptes, 16 of pages of 4 KiB, they carry the contiguous bit, and take one entry of a TLB.
mremap_batches : mremap moves the ptes of such a block in one go, so that they keep the bit (from
    6.17 on, f822a9a81a31).
unlink_batch : mappings of a file that exec, or the end of a process, takes out of the file's tree
    under one i_mmap_rwsem: 1, from 6.11 on 8.

Source
------
Linux 5.15, 6.1, 6.6, 6.12, 6.15, 6.17 and 6.18, ``mm/memory.c`` (``do_anonymous_page``,
``do_shared_fault``, ``do_cow_fault``, ``finish_fault``), ``mm/shmem.c: shmem_fault``,
``mm/swap.c``, ``mm/memcontrol.c``, ``include/linux/mm_types.h`` (``struct mm_struct``, as laid out
on x86-64 with CONFIG_SCHED_MM_CID), ``mm/page_alloc.c``, ``arch/x86/mm/fault.c``; restated.
"""

from dessim.kernel.alphabet import (
    Step,
    count_folio,
    each_page_of_folio,
    from_head,
    get_page,
    inc,
    lock,
    lock_page,
    option,
    put_page,
    set_pte,
    to_head,
    unlock,
    unlock_page,
    when,
    whole_folio,
    work,
)
from dessim.kernel.memory_words import (
    add_to_lru,
    allocate_page,
    charge_page,
    copy_page,
    count_page,
    drop_memory,
    load_statistics,
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
    "pcp_high": 512,
    "pcp_high_max": 65536,
    "pcp_scale": 5,
    "gather_max": 9698,
    "delay_rmap": True,
    "rmap_batch": 0,
    "lru_sizes_near": False,
    "rss_batch": 0,
    "rwsem_steals": True,
    "prefetch_buddy": False,
    "folio_order": 0,
    "maps_folio": True,
    "folio_counts": "mm_ids",
    "folio_batches": True,
    "contpte": False,
    "mremap_batches": True,
    "unlink_batch": 8,
    "defers_split": "large",
    "dontneed_lock": "vma_lock",
}
_6_17 = _NEWEST | {"maps_folio": False}
_6_15 = _6_17 | {"prefetchw": True, "dontneed_lock": "mmap_lock", "mremap_batches": False}
_6_12 = _6_15 | {"lock": "vma_rwsem", "owner_near": True, "folio_counts": "mapcount"}
_6_6 = _6_12 | {
    "file_faults": "mmap_lock",
    "pgd_near": True,
    "lru_batch": 15,
    "lru_release": 32,
    "uncharge_batch": 512,
    "pcp_high_max": 0,
    "folio_batches": False,
    "folio_counts": "mapped",
    "defers_split": "pmd",
    "unlink_batch": 1,
}
_6_1 = _6_6 | {
    "lock": "mmap_lock",
    "rss_batch": 64,
    "delay_rmap": False,
    "folio_counts": "none",
}
_5_15 = _6_1 | {"memcg_batch": 32, "prefetch_buddy": True, "owner_near": False}

OPTIONS = _NEWEST
CHOICES = {
    "lock": ("mmap_lock", "vma_rwsem", "vma_refcnt"),
    "file_faults": ("mmap_lock", "vma_lock"),
    "dontneed_lock": ("mmap_lock", "vma_lock"),
    "folio_counts": ("none", "mapped", "mapcount", "mm_ids"),
    "defers_split": ("pmd", "large"),
}
_PAGES = 1 << 20
BOUNDS = {
    "lru_batch": (1, _PAGES),
    "lru_release": (1, _PAGES),
    "uncharge_batch": (1, _PAGES),
    "memcg_batch": (1, _PAGES),
    "pcp_batch": (1, _PAGES),
    "pcp_high": (1, _PAGES),
    "pcp_high_max": (0, _PAGES),
    "pcp_scale": (0, 6),
    "gather_max": (1, _PAGES),
    "rmap_batch": (0, _PAGES),
    "rss_batch": (0, _PAGES),
    "folio_order": (0, 9),
    "unlink_batch": (1, _PAGES),
}
EXCLUDED = ({"contpte": True, "folio_batches": False},)
"""Both came with 6.9: no kernel has the bit and changes the ptes of a folio one by one."""
COLUMNS = {
    "linux_5_15": _5_15,
    "linux_6_1": _6_1,
    "linux_6_6": _6_6,
    "linux_6_12": _6_12,
    "linux_6_15": _6_15,
    "linux_6_17": _6_17,
    "linux_6_18": _NEWEST,
}
"""Scheme -> its options: a column of the table of versions."""

# The page is mapped, counted and handed to the LRU under the page-table lock.
MAP_MEMORY = (
    lock("ptl"),
    when(
        "pte.none",
        *count_page(),
        load_statistics(),
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

TO_HEAD = option("large_folios", to_head())
FROM_HEAD = option("large_folios", from_head())

# do_cow_fault(): the new page is charged before the old one is found, locked, and copied. Lock and
# references of a page are those of its folio; the copy is of the one page in all versions.
WRITE_PRIVATE = (
    *allocate_page(),
    *charge_page(),
    work("find_file_page"),
    TO_HEAD,
    get_page(cost="lookup_descent"),
    lock_page(),
    FROM_HEAD,
    copy_page(),
    *MAP_MEMORY,
    TO_HEAD,
    unlock_page(),
    put_page(),
    FROM_HEAD,
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

# folio_add_file_rmap_ptes(): the page's counts are those of each scheme; these are the folio's.
COUNTS = (
    option(
        "large_folios",
        option("folio_counts=mapped", count_folio()),
        option("folio_counts=mapcount", count_folio(), count_folio()),
        option("folio_counts=mm_ids", count_folio(), count_folio(), count_folio()),
    ),
)


def _if_whole(*whole: Step, otherwise: tuple[Step, ...] = ()) -> tuple[Step, ...]:
    """Return steps for kernels that map large folios as a whole, where there are any."""
    maps = option("maps_folio", *whole, otherwise=otherwise)
    return (option("large_folios", maps, otherwise=otherwise),)


FAULT_AROUND = folio_batch.fault_around(_if_whole(whole_folio()), COUNTS)
TARGET = _if_whole(
    whole_folio(alone=True),
    from_head(),
    each_page_of_folio(*folio_batch.MAP_PAGE),
    otherwise=(from_head(), *folio_batch.MAP_PAGE),
)
SLOW_PATH = (
    option(
        "lock=mmap_lock",
        *folio_batch.path_of_target("mmap_lock", TARGET, COUNTS),
        otherwise=folio_batch.path_of_target(folio_batch.FAULT_LOCK, TARGET, COUNTS),
    ),
)
