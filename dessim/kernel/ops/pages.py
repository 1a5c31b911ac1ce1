"""Operations on the cursor's page."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_LOAD, LINE_RMW, LINE_STORE, PAGE_LINE, PTE_LINE
from dessim.kernel.operands import word_of
from dessim.kernel.operation import PAGE
from dessim.kernel.ops.table import ALWAYS, CHANGES_MAPPING, OWN_TABLES, TABLE, operation


def _order_of_add(word: int, _: int) -> about.Order:
    """Return how a count is ordered: fully, since all that kernels do with one returns something.

    Source
    ------
    ``page_add_file_rmap``: ``atomic_inc_and_test(&page->_mapcount)``; ``page_remove_rmap``:
    ``atomic_add_negative``; ``get_page_unless_zero``: ``atomic_inc_not_zero``; ``put_page``:
    ``atomic_dec_and_test`` (Linux 3.15 ``mm/rmap.c``, ``mm.h``, ``swap.c``). ``atomic_t.txt``: an
    RMW that returns something is a full barrier. ``get_page`` alone is ``atomic_inc``: no scheme
    takes a reference on a page that it has no other on.
    """
    stores = lay.IN_MAPCOUNT if word == lay.P_MAPCOUNT else lay.IN_REFCOUNT
    return about.Order(lay.IS_RMW_FULL, stores=stores)


TAKES_PAGE_LOCK = about.Order(lay.IS_RMW_FULL, lay.IN_FLAGS, lay.IN_FLAGS, conditional=True)


def _handed_by_add(word: int, by: int) -> tuple[int, int]:
    return (by, 0) if word == lay.P_REFCOUNT else (0, by)


def _listed_add(word: int, by: int, _: str) -> str:
    return f"{word_of(word)} {'+' if by > 0 else '-'} 1"


OP_ADD = operation(
    "add",
    PAGE,
    "atomic_add()",
    line=PAGE_LINE,
    access=LINE_RMW,
    category="page_lines",
    order=_order_of_add,
    changes=about.CHANGES_COUNTS,
    listing=_listed_add,
    in_hand=_handed_by_add,
)
OP_TRYLOCK_PAGE = operation(
    "trylock_page",
    PAGE,
    "trylock_page()?",
    line=PAGE_LINE,
    access=LINE_RMW,
    category="page_lines",
    order=TAKES_PAGE_LOCK,
    branches=True,
    locking=lay.TAKES_PAGE,
)
OP_UNLOCK_PAGE = operation(
    "unlock_page",
    PAGE,
    "unlock_page()",
    line=PAGE_LINE,
    access=LINE_RMW,
    own_delay=True,
    cost="unlock_page",
    category="page_lines",
    order=about.Order(lay.IS_RMW_RELEASE_MB, stores=lay.IN_FLAGS),
    locking=lay.DROPS_PAGE,
)
OP_WAIT_ON_PAGE = operation(
    "wait_on_page",
    PAGE,
    "wait_on_page_locked()",
    line=PAGE_LINE,
    access=LINE_LOAD,
    own_delay=True,
    category="page_lock",
    order=about.loading(lay.IN_FLAGS),
    waits_for=lay.WAITS_FOR_PAGE,
)
OP_SET_PTE = operation(
    "set_pte",
    PAGE,
    "set_pte_at()",
    line=PTE_LINE,
    access=LINE_STORE,
    cost="set_pte",
    private=OWN_TABLES,
    order=about.storing(lay.IN_PTE),
    changes=CHANGES_MAPPING,
    in_hand=(-1, -1),
)
OP_POPULATE = operation(
    "populate",
    PAGE,
    "pmd_populate()",
    category="page_table",
    private=OWN_TABLES,
    order=about.storing(lay.IN_TABLE),
)
OP_GANG_REMEMBER = operation(
    "gang_remember",
    PAGE,
    "remember the page",
    category="lookup",
    private=ALWAYS,
    remembers=lay.T_GANG,
)
OP_GANG_FORGET = operation(
    "gang_forget", PAGE, "forget the pages", category="lookup", private=ALWAYS
)
OP_LOCK_PAGE = operation(
    "lock_page",
    PAGE,
    "lock_page()",
    line=PAGE_LINE,
    access=LINE_RMW,
    own_delay=True,
    category="page_lock",
    order=about.Order(lay.IS_RMW_FULL, stores=lay.IN_FLAGS),
    locking=lay.TAKES_PAGE,
    waits_for=lay.WAITS_FOR_PAGE,
)
OP_BUG_ON = operation(
    "bug_on",
    PAGE,
    "BUG_ON(page_mapped(page))",
    line=PAGE_LINE,
    access=LINE_LOAD,
    category="page_lines",
    order=about.loading(lay.IN_MAPCOUNT),
)
LAST_PAGE = TABLE.last(PAGE)
