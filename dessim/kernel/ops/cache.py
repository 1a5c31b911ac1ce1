"""Operations of unmapping, of the page cache and of the device, on the cursor's page."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_RMW, PAGE_LINE, PTE_LINE
from dessim.kernel.operation import CACHE
from dessim.kernel.ops.table import CHANGES_MAPPING, TABLE, operation

OP_SET_FLAGS = operation(
    "set_flags",
    CACHE,
    "set flags",
    line=PAGE_LINE,
    access=LINE_RMW,
    category="page_lines",
    order=about.Order(lay.IS_RMW_VOID, stores=lay.IN_FLAGS),
    changes=about.CHANGES_COUNTS,
    locking=lay.MAY_LOCK_PAGE,
    in_hand=(0, 0),
)
OP_CLEAR_PTE = operation(
    "clear_pte",
    CACHE,
    "ptep_get_and_clear()",
    line=PTE_LINE,
    access=LINE_RMW,
    cost="clear_pte",
    category="page_cache",
    order=about.Order(lay.IS_RMW_FULL, stores=lay.IN_PTE),
    branches=True,
    changes=CHANGES_MAPPING,
    in_hand=(1, 1),
)
OP_ADD_TO_CACHE = operation(
    "add_to_cache",
    CACHE,
    "add_to_page_cache_lru()",
    cost="add_to_page_cache",
    category="page_cache",
    order=about.FULL,
    changes=about.CHANGES_COUNTS,
    locking=lay.LOCKS_PAGE_FOR_DEVICE,
    in_hand=(1, 0),
)
OP_SUBMIT_READ = operation(
    "submit_read",
    CACHE,
    "readpage()",
    category="page_cache",
    order=about.FULL,
    in_hand=(-1, 0),
)
OP_READ_AHEAD = operation(
    "read_ahead",
    CACHE,
    "page_cache_readahead()",
    own_delay=True,
    category="page_cache",
    order=about.FULL,
    locking=lay.LOCKS_NEXT_FOR_DEVICE,
)
OP_REMOVE = operation(
    "remove",
    CACHE,
    "radix_tree_delete(), page->mapping = NULL",
    cost="remove_from_page_cache",
    category="page_cache",
    order=about.storing(lay.IN_MAPPING),
    changes=about.CHANGES_COUNTS,
    in_hand=(1, 0),
)
OP_SHOOTDOWN = operation(
    "shootdown",
    CACHE,
    "flush_tlb_page()",
    own_delay=True,
    category="shootdown",
    quiet=about.QUIET_ALWAYS,
)
OP_ADD_FOLIO_REFS = operation(
    "add_folio_refs",
    CACHE,
    "folio_ref_add()",
    line=PAGE_LINE,
    access=LINE_RMW,
    category="page_lines",
    order=about.Order(lay.IS_RMW_VOID, stores=lay.IN_REFCOUNT),
    changes=about.CHANGES_COUNTS,
    remembers=lay.T_FOLIO_REFS,
    in_hand=(0, 0),
)
OP_COUNT_FOLIO = operation(
    "count_folio",
    CACHE,
    "folio_add_large_mapcount()",
    line=PAGE_LINE,
    access=LINE_RMW,
    category="page_lines",
    order=about.Order(lay.IS_RMW_VOID),
)
OP_FLUSH_TABLE = operation(
    "flush_table",
    CACHE,
    "flush_tlb_range()",
    own_delay=True,
    category="shootdown",
    quiet=about.QUIET_ALWAYS,
)
OP_FREE_TABLE = operation(
    "free_table",
    CACHE,
    "pte_free()",
    cost="teardown_per_table",
    category="teardown",
    # pmd_clear(); interrupts that flush translations were before it
    order=about.Order(lay.IS_STORE, stores=lay.IN_TABLE, x86=lay.CLASS_FULL),
    changes=about.FREES_TABLES,
)
LAST_CACHE = TABLE.last(CACHE)
