"""Finding things in the World: records, locks, bits, costs."""

from dessim.kernel.layout import *


def page_at(w: World, page: int) -> int:
    """Return where the record of a file page begins."""
    return w[H_PAGE] + page * w[H_PAGE_WORDS]


def head_of(w: World, record: int) -> int:
    """Return where the record of the head of a page's folio begins, given the page's."""
    if w[H_FOLIO] == 1:
        return record
    page = (record - w[H_PAGE]) // w[H_PAGE_WORDS]
    return page_at(w, page & ~(w[H_FOLIO] - 1))


def end_of_folio(w: World, page: int) -> int:
    """Return where a page's folio ends (exclusive); the last one ends with the file."""
    end = (page | (w[H_FOLIO] - 1)) + 1
    return end if end < w[H_PAGES] else w[H_PAGES]


def folio_mapped(w: World, page: int) -> int:
    """Return whether a page of a page's folio is mapped."""
    for each in range(page & ~(w[H_FOLIO] - 1), end_of_folio(w, page)):
        if w[page_at(w, each) + P_MAPCOUNT] > 0:
            return 1
    return 0


def table_pages(w: World) -> int:
    """Return how many pages a page table maps."""
    return 1 << w[H_TABLE_SHIFT]


def table_at(w: World, t: int) -> int:
    """Return where the record of the page table that maps the cursor's page begins."""
    return w[t + T_TABLE] + (w[t + T_CURSOR] >> w[H_TABLE_SHIFT]) * w[H_TABLE_WORDS]


def pmd_lock_at(w: World, t: int) -> int:
    """Return where the lock of the PMD page above the cursor's page table begins."""
    mapping = w[t + T_MAPPING]
    table = w[mapping + M_PMD_FIRST] + (w[t + T_CURSOR] >> w[H_TABLE_SHIFT])
    return w[mapping + M_PMD] + (table >> w[H_TABLE_SHIFT]) * w[H_LINE_WORDS]


def lock_at(w: World, t: int, which: int) -> int:
    """Return where a lock's record begins, as seen from a task."""
    if which == LOCK_PTL and w[H_SPLIT_PTL]:
        return table_at(w, t)
    if which == LOCK_PAGE_TABLE and w[H_SPLIT_PMD]:
        return pmd_lock_at(w, t)
    if which == LOCK_FREE_STANDING:
        return w[H_LOCK]
    if which == LOCK_VMA:
        return w[w[t + T_MAPPING] + M_VMA_LOCK]
    if which == LOCK_FILE:
        return w[t + T_OBJECT]
    if which == LOCK_SPLIT:
        return split_queue_at(w, t)
    if which >= LOCK_ZONE:
        if which >= LOCK_SLEEPING:
            number = which - LOCK_SLEEPING
            return w[w[H_PROTOCOL] + Q_LOCK] + number * w[H_LINE_WORDS]
        node = w[H_ZONE] + w[t + T_SOCKET] * w[H_ZONE_WORDS]
        return node + (which - LOCK_ZONE) * w[H_LINE_WORDS]
    if which >= LOCK_I_MMAP:
        return w[H_FILE] + (which - LOCK_I_MMAP) * w[H_LINE_WORDS]
    return w[t + T_MM] + MM_LOCKS + which * w[H_LINE_WORDS]


def is_rwsem(w: World, which: int) -> int:
    """Return whether a lock is an rwsem with writers that spin."""
    return w[H_RWSEM] and (which == LOCK_MMAP or which == LOCK_FILE)


def rwsem_at(w: World, t: int, which: int) -> int:
    """Return where the words of an rwsem (R_*) begin that are not in its lock record."""
    if which == LOCK_FILE:
        return object_at(w, t) + O_RWSEM
    return w[t + T_MM] + MM_RWSEM


def object_at(w: World, t: int) -> int:
    """Return where the words of the file begin that the task maps or unmaps (O_*)."""
    return w[t + T_OBJECT] + w[H_LINE_WORDS]


def vma_cache_at(w: World, t: int) -> int:
    """Return where the line begins that holds the mapping found last in a task's mm."""
    return w[t + T_MM] + MM_LOCKS + MM_VMA_CACHE * w[H_LINE_WORDS]


def zone_at(w: World, t: int) -> int:
    """Return where the words of a task's own memory node begin, behind its lock records."""
    return w[H_ZONE] + w[t + T_SOCKET] * w[H_ZONE_WORDS] + 2 * w[H_LINE_WORDS]


def split_queue_at(w: World, t: int) -> int:
    """Return where the deferred split queue begins of a task's memory cgroup, or of its node."""
    number = w[t + T_SOCKET] if w[H_SPLIT_QUEUES] > 1 else 0
    return w[H_SPLIT] + number * (w[H_LINE_WORDS] + SPLIT_WORDS)


def memcg_at(w: World, level: int) -> int:
    """Return where the line of a page counter begins: of the memcg, or of an ancestor."""
    return w[H_MEMCG] + level * w[H_LINE_WORDS]


def lru_sizes_at(w: World, t: int) -> int:
    """Return where the line begins that holds the sizes of a memcg's LRU lists on a task's node."""
    return memcg_at(w, w[H_LEVELS] + w[t + T_SOCKET])


def rss_at(w: World, t: int) -> int:
    """Return where the line begins that holds the count of the pages of a task's mm."""
    return w[t + T_MM] + MM_LOCKS + MM_RSS_LINE * w[H_LINE_WORDS]


def vma_at(w: World, t: int) -> int:
    """Return the mapping record that stands for a task's VMA: its own, or that of all of its mm."""
    return w[w[t + T_MM] + MM_FIRST] if w[H_MERGED] else w[t + T_MAPPING]


def owner_at(w: World, t: int) -> int:
    """Return where the line begins that holds mmap_lock's owner and mm_lock_seq of a task's mm."""
    return w[t + T_MM] + MM_LOCKS + MM_OWNER_LINE * w[H_LINE_WORDS]


def own_lock(w: World, t: int, which: int) -> int:
    """Return whether nobody else can ever want this lock: one of a task's own page tables."""
    if which == LOCK_PAGE_TABLE:
        return w[t + T_OWN_TABLES] == PMDS_OWN
    return which == LOCK_PTL and w[H_SPLIT_PTL] and w[t + T_OWN_TABLES]


def recorded_at(w: World, t: int) -> int:
    """Return where the task's next access of a trace stands: its page, then its time in ps."""
    return w[t + T_EVERY] + 2 * w[t + T_ACCESS]


def bucket_at(w: World, page: int) -> int:
    """Return where the hashed wait queue of a page begins (Fibonacci hashing, as hash_ptr)."""
    hashed = (page * 0x9E3779B1) & 0xFFFFFFFF
    return w[H_BUCKET] + ((hashed * w[H_BUCKETS]) >> 32)


def cost_ps(w: World, t: int, cost: int) -> int:
    """Return ps of a piece of work on the task's CPU, slowed by a busy SMT sibling."""
    return w[w[t + T_COSTS] + cost]


def pte_present(w: World, t: int, page: int) -> int:
    """Return whether the task's page tables map a page."""
    return (w[w[t + T_PTE] + (page >> PTE_SHIFT)] >> (page & (PTE_BITS - 1))) & 1


def is_folded(w: World, t: int, page: int) -> int:
    """Return whether a page's block of ptes carries the contiguous bit: one folio has them all.

    Asked only where ptes can have it (``H_CONTPTE``). What was unmapped of a folio does not come
    back, so that the ptes say it: where one of a block has changed, it is another folio's, or none.

    Source
    ------
    Linux 6.9 ``arch/arm64/mm/contpte.c`` (``contpte_set_ptes``, ``contpte_try_unfold_partial``).
    """
    first = block_of(w, page) << w[H_CONTPTE]
    folio = w[w[H_FRAME_OF] + first] if w[H_PARTS] else 0
    for each in range(first, first + (1 << w[H_CONTPTE])):
        if pte_present(w, t, each) == 0:
            return 0
        if w[H_PARTS] and w[w[H_FRAME_OF] + each] != folio:
            return 0
    return 1


def block_of(w: World, page: int) -> int:
    """Return the number of a page's block of ptes."""
    return page >> w[H_CONTPTE]


def first_none(w: World, t: int, first: int, stop: int) -> int:
    """Return the first page from one to another that is not mapped, or the latter if all are."""
    page = first
    while page < stop and pte_present(w, t, page):
        page += 1
    return page


def is_private(w: World, task: int) -> int:
    """Return whether the task's next step touches nothing that another task can see or move."""
    pc = w[w[H_TASK] + task * T_WORDS + T_PC]
    return w[w[H_PROG] + pc * I_WORDS + I_PRIVATE]


def end_in_table(w: World, t: int) -> int:
    """Return where the range of a task ends in the cursor's page table (exclusive)."""
    end = (w[t + T_CURSOR] | (table_pages(w) - 1)) + 1
    return end if end < w[t + T_STOP] else w[t + T_STOP]


def first_of_run(w: World, t: int, run: int) -> int:
    """Return the first page of the cursor's page table, or of its run of pages there."""
    within = w[t + T_CURSOR] & (table_pages(w) - 1)
    return w[t + T_CURSOR] - (within % w[H_RUN] if run else within)


def end_of_run(w: World, t: int, run: int) -> int:
    """Return where the range of a task ends in the cursor's page table, or in its run of pages."""
    end = end_in_table(w, t)
    stop = first_of_run(w, t, run) + w[H_RUN]
    return stop if run and stop < end else end


def gang_holds_any(w: World, t: int) -> int:
    """Return whether the gang holds any page (0 or not 0)."""
    marks = 0
    for word in range(table_pages(w) >> PTE_SHIFT):
        marks |= w[w[t + T_GANG] + word]
    return marks


def gang_bit(w: World, t: int) -> int:
    """Return the place in the gang's marks of the cursor's page: word offset << 8 | bit."""
    offset = w[t + T_CURSOR] & (table_pages(w) - 1)
    return (w[t + T_GANG] + (offset >> PTE_SHIFT)) << 8 | (offset & (PTE_BITS - 1))


def frame_at(w: World, frame: int) -> int:
    """Return where the record of a frame begins; frames are counted from 1 in lists."""
    return w[H_FRAME] + (frame - 1) * F_WORDS


def part_at(w: World, frame: int) -> int:
    """Return where a frame's record begins of what it has mapped (FP_*)."""
    return w[H_PARTS] + (frame - 1) * FP_WORDS
