"""What must hold after every event: counts, page tables and page cache agree.

A page has at least as many mappings counted as page tables map it, and is not freed meanwhile; no
count is negative; no page table maps a page that was taken out of the page cache.
"""

from dessim.kernel import layout as lay
from dessim.kernel.layout import World
from dessim.kernel.operation import CHANGES_ALL_PTES, CHANGES_COUNTS, CHANGES_PTE
from dessim.kernel.ops import OPERATIONS, OPS


class BrokenError(AssertionError):
    """A page's counts and the page tables contradict each other."""


def page_tables_with(w: World, page: int) -> int:
    """Return how many page tables map a page: not those that map a private copy in its place."""
    if w[lay.H_FRAME] and not w[lay.H_PAGING] and w[w[lay.H_FRAME_OF] + page]:
        return 0
    word, bit = page >> lay.PTE_SHIFT, page & (lay.PTE_BITS - 1)
    first = w[lay.H_MAPPING] + lay.M_PTE
    places = range(first, first + w[lay.H_MAPPINGS] * lay.M_WORDS, lay.M_WORDS)
    return sum(w[w[place] + word] >> bit & 1 for place in places)


def check_page(w: World, page: int, tables: int) -> None:
    """Check a page that so many page tables map.

    Raises
    ------
    BrokenError
        If its counts or its place in the page cache do not agree with that.
    """
    record = w[lay.H_PAGE] + page * w[lay.H_PAGE_WORDS]
    head = w[lay.H_PAGE] + (page & -w[lay.H_FOLIO]) * w[lay.H_PAGE_WORDS]
    mapcount, refcount = w[record + lay.P_MAPCOUNT], w[head + lay.P_REFCOUNT]
    if mapcount < tables or refcount < 0 or (tables and refcount == 0):
        raise BrokenError(f"page {page}: {tables} ptes, mapcount {mapcount}, refcount {refcount}")
    if tables and not w[record + lay.P_FLAGS] & lay.FLAG_OURS:
        raise BrokenError(f"page {page}: {tables} ptes, but it is not in the page cache")


def check_pages(w: World) -> None:
    """Check every page of the file.

    Raises
    ------
    BrokenError
        With the first page for which something does not hold.
    """
    for page in range(w[lay.H_PAGES]):
        check_page(w, page, page_tables_with(w, page))


class Guard:
    """Checks after each event the pages that it may have changed.

    Page tables that map a page are counted only when one of its ptes changes.
    """

    def __init__(self, w: World) -> None:
        self.w = w
        self.tables: dict[int, int] = {}
        self.op = self.page = 0

    def before(self, task: int) -> None:
        """Note what the task is about to do, and on which page."""
        w = self.w
        t = w[lay.H_TASK] + task * lay.T_WORDS
        self.op = w[w[lay.H_PROG] + w[t + lay.T_PC] * lay.I_WORDS + lay.I_OP]
        self.page = w[t + lay.T_CURSOR]

    def after(self, task: int, now: int) -> None:
        """Check what it did.

        Raises
        ------
        BrokenError
            With step, task and time.
        """
        changes = OPERATIONS[self.op].changes
        if changes & CHANGES_ALL_PTES:
            self.tables.clear()
        if not changes & (CHANGES_PTE | CHANGES_COUNTS):
            return
        w, page = self.w, self.page
        if changes & CHANGES_PTE:
            self.tables[page] = page_tables_with(w, page)
        folio = w[lay.H_FOLIO]
        try:
            for each in range(page & -folio, min((page & -folio) + folio, w[lay.H_PAGES])):
                tables = self.tables.get(each)
                if tables is None:
                    tables = self.tables[each] = page_tables_with(w, each)
                check_page(w, each, tables)
        except BrokenError as broken:
            step = OPS[self.op]
            raise BrokenError(f"{broken}, after {step} of task {task} at {now} ps") from None
