"""The operations: one row each, and nowhere else a list of them.

A new operation is its row here, its effect in the function of its group (``steps``, ``pages``,
``actors``), a rule in ``delays`` if neither line nor cost say how long it lasts, and a word in
``alphabet`` if programs use it. ``operation.Operation`` says what a row can hold.

The number of an operation is its position. Groups are contiguous: ``steps.step`` tells them apart
by their last operations.
"""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_LOAD, LINE_RMW, LINE_STORE, PAGE_LINE, PTE_LINE
from dessim.kernel.operands import ANY, data_of, lock_of, name_of_counter, name_of_lock, word_of
from dessim.kernel.operation import (
    ACTOR,
    ASK,
    CACHE,
    CHARGE,
    CONDITION,
    FOLIO,
    FRAME,
    LOCK,
    NOTHING,
    PAGE,
    RANGE,
    REGION,
    REPLAY,
    TASK,
)

_table = about.OperationTable()
operation = _table.declaring(about.Operation)

ALWAYS, OWN_TABLES = lay.PRIVATE_ALWAYS, lay.PRIVATE_OWN_TABLES
CHANGES_MAPPING = about.CHANGES_PTE | about.CHANGES_COUNTS

# --- steps on the cursor's page -----------------------------------------------------------------


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
FREEZES = about.Order(lay.IS_RMW_FULL, lay.IN_REFCOUNT, lay.IN_REFCOUNT, conditional=True)


def _order_of_look(mask: int, want: int) -> about.Order:
    """Return how a look at flags is ordered: ``page->mapping`` is a word of its own.

    ``PageUptodate`` has an ``smp_rmb()`` behind the load if the page is (``page-flags.h``).
    """
    loads = lay.IN_MAPPING if mask & lay.FLAG_OURS else 0
    loads |= lay.IN_FLAGS if mask & ~lay.FLAG_OURS else 0
    uptodate = want & lay.FLAG_UPTODATE
    return about.Order(lay.IS_LOAD_THEN_RMB if uptodate else lay.IS_LOAD, loads)


def _order_of_fence(kind: int, _: int) -> about.Order:
    """Return what a fence is: smp_mb() unless its operand says another."""
    return about.Order(kind or lay.IS_MB)


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
LAST_PAGE = _table.last(PAGE)

# --- conditions ---------------------------------------------------------------------------------

OP_WHEN_FLAGS = operation(
    "when_flags",
    CONDITION,
    "flags?",
    line=PAGE_LINE,
    access=LINE_LOAD,
    category="page_lines",
    order=_order_of_look,
    condition="page.FLAGS",
    listing=lambda mask, want, _: f"when flags & {mask} == {want}",
)
OP_WHEN_PTE_NONE = operation(
    "when_pte_none",
    CONDITION,
    "pte_none(*pte)?",
    line=PTE_LINE,
    access=LINE_LOAD,
    private=OWN_TABLES,
    order=about.loading(lay.IN_PTE),
    condition="pte.none",
)
OP_WHEN_TABLE_MISSING = operation(
    "when_table_missing",
    CONDITION,
    "pmd_none(*pmd)?",
    category="page_table",
    private=OWN_TABLES,
    quiet=about.QUIET_IF_TABLES_STAY,
    order=about.loading(lay.IN_TABLE),
    condition="table.missing",
)
OP_WHEN_GANG_HOLDS = operation(
    "when_gang_holds", CONDITION, "is the page held?", private=ALWAYS, condition="gang.holds"
)
OP_WHEN_NOT_TARGET = operation(
    "when_not_target", CONDITION, "not the target?", private=ALWAYS, condition="not_target"
)
OP_WHEN_CACHED = operation(
    "when_cached",
    CONDITION,
    "radix_tree_lookup()?",
    category="lookup",
    order=about.loading(lay.IN_MAPPING),
    begins_lookup=True,
    condition="page.cached",
)
OP_WHEN_FRAME_FREE = operation(
    "when_frame_free",
    CONDITION,
    "is there no such page?",
    category="page_cache",
    order=about.loading(lay.IN_MAPPING | lay.IN_REFCOUNT),
    condition="page.frame_free",
)
OP_WHEN_FROZEN = operation(
    "when_frozen",
    CONDITION,
    "page_freeze_refs(page, 2)?",
    line=PAGE_LINE,
    access=LINE_RMW,
    category="page_lines",
    order=FREEZES,
    condition="page.frozen",
    changes=about.CHANGES_COUNTS,
    in_hand=(-2, 0),
)
OP_WHEN_MAPPED = operation(
    "when_mapped",
    CONDITION,
    "page_mapped()?",
    line=PAGE_LINE,
    access=LINE_LOAD,
    category="page_lines",
    order=about.loading(lay.IN_MAPCOUNT),
    condition="page.mapped",
)
OP_WHEN_TABLE_COVERED = operation(
    "when_table_covered",
    CONDITION,
    "does the range cover the table?",
    private=ALWAYS,
    condition="table.covered",
)
OP_WHEN_NOTED = operation("when_noted", CONDITION, "noted?", private=ALWAYS, condition="noted")
OP_WHEN_TRIED = operation(
    "when_tried",
    CONDITION,
    "FAULT_FLAG_TRIED?",
    private=ALWAYS,
    condition="fault.tried",
    listing=lambda more, b, _: f"when tried{' again' if more else ''}",
)
OP_WHEN_TOUCHED = operation(
    "when_touched", CONDITION, "touched enough?", private=ALWAYS, condition="touched_enough"
)
OP_WHEN_VMA_CACHED = operation(
    "when_vma_cached",
    CONDITION,
    "vmacache_find()?",
    line=lay.VMA_LINE,
    access=LINE_LOAD,
    category="mmap_lock",
    order=about.loading(0),
    condition="vma.cached",
)
OP_WHEN_WINDOW_OPEN = operation(
    "when_window_open",
    CONDITION,
    "pte_none(*pte) for any of the window?",
    line=PTE_LINE,
    access=LINE_LOAD,
    category="lookup",
    private=OWN_TABLES,
    order=about.loading(lay.IN_PTE),
    condition="window.open",
)
OP_WHEN_LOADED = operation(
    "when_loaded",
    CONDITION,
    "loaded?",
    private=ALWAYS,
    condition="loaded.VALUE",
    listing=lambda register, value, _: f"when register {register} == {value}",
)
LAST_CONDITION = _table.last(CONDITION)

# --- locks --------------------------------------------------------------------------------------


RELEASES = about.Order(lay.IS_UNLOCK_SPIN)


def _own_tables(which: int, _: int) -> int:
    """Return who sees a lock: nobody, if it is one of page tables, and they are one's own."""
    own = which in (lay.LOCK_PTL, lay.LOCK_PAGE_TABLE)
    return OWN_TABLES if own else lay.PRIVATE_NEVER


def _order_of_unlock(which: int, shared: int) -> about.Order:
    """Return how a lock is dropped: a release; of a spinlock on x86 it is a plain store."""
    return RELEASES if lock_of(which, shared).spins else about.Order(lay.IS_UNLOCK)


OP_LOCK = operation(
    "lock",
    LOCK,
    "lock()",
    line=lay.LOCK_LINE,
    access=LINE_RMW,
    cost="lock_local",
    private=_own_tables,
    order=about.Order(lay.IS_LOCK),
    locking=lay.TAKES_LOCK,
    waits_for=lay.WAITS_FOR_LOCK,
    listing=lambda which, shared, _: f"lock {name_of_lock(which, shared)}",
)
OP_UNLOCK = operation(
    "unlock",
    LOCK,
    "unlock()",
    line=lay.LOCK_LINE,
    access=lambda which, shared: LINE_RMW if shared else LINE_STORE,  # readers count down
    cost="lock_local",
    private=_own_tables,
    order=_order_of_unlock,
    locking=lay.DROPS_LOCK,
    listing=lambda which, shared, _: f"unlock {name_of_lock(which, shared)}",
)
LAST_LOCK = _table.last(LOCK)

# --- steps that take time or keep order, and change nothing -------------------------------------

OP_WORK = operation(
    "work",
    NOTHING,
    "work",
    takes_cost=True,
    private=ALWAYS,
    listing=lambda a, b, cost: f"work {cost}",
)
OP_FENCE = operation("fence", NOTHING, "smp_mb()", private=ALWAYS, order=_order_of_fence)
OP_THINK = operation(
    "think",
    NOTHING,
    "think",
    own_delay=True,
    category="think",
    drawn="think",
    private=ALWAYS,
    latency=about.WAIT_BEGINS,
)
OP_SERVE = operation(
    "serve",
    NOTHING,
    "serve",
    own_delay=True,
    category="hold",
    drawn="hold",
    private=ALWAYS,
)
OP_READ_DEVICE = operation(
    "read_device",
    NOTHING,
    "the device reads",
    own_delay=True,
    category="idle",
    drawn="device_read",
    private=ALWAYS,
)
OP_LOAD_PGD = operation(
    "load_pgd",
    NOTHING,
    "mm->pgd",
    line=lay.MMAP_LINE,
    access=LINE_LOAD,
    category="mmap_lock",
    order=about.loading(0),
)
OP_LOAD_MMAP_SEM = operation(
    "load_mmap_sem",
    NOTHING,
    "prefetch(&mm->mmap_sem)",
    line=lay.MMAP_LINE,
    access=LINE_LOAD,
    category="mmap_lock",
    order=about.loading(0),
)
OP_ADD_NR_PTES = operation(
    "add_nr_ptes",
    NOTHING,
    "atomic_long_add(&mm->nr_ptes)",
    line=lay.MMAP_LINE,
    access=LINE_RMW,
    category="page_table",
    order=about.Order(lay.IS_RMW_VOID),
    listing=lambda by, b, _: f"nr_ptes {'+' if by > 0 else '-'} 1",
)
OP_READ_SLOTS = operation(
    "read_slots",
    NOTHING,
    "read the slots",
    own_delay=True,
    category="lookup",
    private=ALWAYS,
)
LAST_NOTHING = _table.last(NOTHING)

# --- steps of the task itself -------------------------------------------------------------------

OP_NEXT_ACCESS = operation(
    "next_access",
    TASK,
    "next access",
    category="user",
    private=ALWAYS,
    leaves_page=True,
    at_rest=True,
)
OP_TOUCH = operation(
    "touch",
    TASK,
    "touch the page",
    own_delay=True,
    category="user",
    order=about.FULL,
    waits_for=lay.WAITS_FOR_CPU,
    at_rest=True,
)
OP_FAULT_BEGIN = operation(
    "fault_begin",
    TASK,
    "do_page_fault()",
    cost="exception_entry",
    category="entry_exit",
    private=ALWAYS,
    latency=about.FAULT_BEGINS,
)
OP_FAULT_END = operation(
    "fault_end",
    TASK,
    "return from the fault",
    cost="exception_exit",
    category="entry_exit",
    private=ALWAYS,
    leaves_page=True,
    latency=about.FAULT_ENDS,
    at_rest=True,
)
OP_TRY_AGAIN = operation(
    "try_again",
    TASK,
    "FAULT_FLAG_TRIED",
    category="entry_exit",
    private=ALWAYS,
    remembers=lay.T_TRIED,
)
OP_HOLD = operation(
    "hold",
    TASK,
    "hold",
    own_delay=True,
    category="hold",
    drawn="hold",
    private=ALWAYS,
    latency=about.WAIT_ENDS,
)
OP_WINDOW = operation(
    "window", TASK, "open the window", category="lookup", private=ALWAYS, leaves_page=True
)
OP_NEXT_PAGE = operation(
    "next_page",
    TASK,
    "next page",
    category="lookup",
    private=ALWAYS,
    leaves_page=True,
    loop="each_page",
    opened_by="window",
    new_page=True,
)
OP_COUNT = operation(
    "count",
    TASK,
    "count",
    private=ALWAYS,
    listing=lambda counter, b, _: f"count {name_of_counter(counter)}",
)
OP_NOTE = operation("note", TASK, "note", private=ALWAYS, remembers=lay.T_NOTED)
OP_FINISH = operation(
    "finish",
    TASK,
    "exit",
    category="teardown",
    order=about.FULL,
    leaves_page=True,
    at_rest=True,
)
OP_TEARDOWN_TABLE = operation(
    "teardown_table",
    TASK,
    "zap_pte_range()",
    own_delay=True,
    category="teardown",
    order=about.FULL,
    changes=about.CHANGES_ALL_PTES,
)
OP_CACHE_VMA = operation(
    "cache_vma",
    TASK,
    "vmacache_update()",
    line=lay.VMA_LINE,
    access=LINE_STORE,
    category="mmap_lock",
    order=about.storing(0),
)
LAST_TASK = _table.last(TASK)

# --- steps of unmapping, of the page cache and of the device, on the cursor's page --------------

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


def _order_of_data(_: int, how: int) -> about.Order:
    """Return how an access to a page's number is ordered: as its step says."""
    kind, expected = data_of(how).kind, data_of(how).expected
    stores = lay.IN_DATA if kind not in about.LOADS else 0
    loads = 0 if kind in (lay.IS_STORE, lay.IS_STORE_RELEASE) else lay.IN_DATA
    return about.Order(kind, loads, stores, conditional=bool(loads and stores) and expected < ANY)


# Litmus tests: a small number of a page, which no scheme uses. ``operands.data_of`` says what the
# operands hold: page, order, register or value. They are not timed.
OP_LOAD_DATA = operation(
    "load_data",
    CACHE,
    "READ_ONCE()",
    order=_order_of_data,
    remembers=lay.T_NOTED,
)
OP_STORE_DATA = operation(
    "store_data",
    CACHE,
    "WRITE_ONCE()",
    order=_order_of_data,
)
OP_EXCHANGE_DATA = operation(
    "exchange_data",
    CACHE,
    "cmpxchg()",
    order=_order_of_data,
    remembers=lay.T_NOTED,
)
LAST_CACHE = _table.last(CACHE)

# --- steps within a folio -----------------------------------------------------------------------

OP_TO_HEAD = operation("to_head", FOLIO, "compound_head()", private=ALWAYS, leaves_page=True)
OP_FROM_HEAD = operation("from_head", FOLIO, "back from the head", private=ALWAYS, leaves_page=True)
OP_NEXT_IN_FOLIO = operation(
    "next_in_folio",
    FOLIO,
    "next page of the folio",
    category="page_cache",
    private=ALWAYS,
    leaves_page=True,
    loop="each_page_of_folio",
)
OP_NEXT_FOLIO = operation(
    "next_folio",
    FOLIO,
    "next folio",
    category="page_cache",
    private=ALWAYS,
    leaves_page=True,
    loop="each_folio",
    opened_by="window",
    new_page=True,
)
LAST_FOLIO = _table.last(FOLIO)

# --- steps that choose pages and mappings for actors and munmap ---------------------------------

OP_PICK_RANGE = operation(
    "pick_range",
    RANGE,
    "pick a range",
    category="idle",
    quiet=about.QUIET_ALWAYS,
    picks=True,
)
OP_NEXT_IN_RANGE = operation(
    "next_in_range",
    RANGE,
    "next page of the range",
    category="page_cache",
    quiet=about.QUIET_ALWAYS,
    leaves_page=True,
    loop="each_in_range",
    new_page=True,
)
OP_PICK_MAPPING = operation(
    "pick_mapping",
    RANGE,
    "pick a process",
    category="idle",
    quiet=about.QUIET_ALWAYS,
    picks=True,
)
OP_PICK_TOUCHED = operation(
    "pick_touched",
    RANGE,
    "pick what was touched",
    private=ALWAYS,
    leaves_page=True,
    picks=True,
)
OP_NEXT_IN_TABLE = operation(
    "next_in_table",
    RANGE,
    "next page of the table",
    category="page_cache",
    private=ALWAYS,
    leaves_page=True,
    loop="each_in_table",
    new_page=True,
)
OP_NEXT_TABLE = operation(
    "next_table",
    RANGE,
    "next table",
    category="page_cache",
    private=ALWAYS,
    leaves_page=True,
    loop="each_table",
    new_page=True,
)
OP_FIRST_MAPPING = operation(
    "first_mapping", RANGE, "first mapping", category="page_cache", quiet=about.QUIET_ALWAYS
)
OP_NEXT_MAPPING = operation(
    "next_mapping",
    RANGE,
    "next mapping",
    category="page_cache",
    quiet=about.QUIET_ALWAYS,
    loop="each_mapping",
    opened_by="first_mapping",
)
LAST_RANGE = _table.last(RANGE)

# --- the lives of threads, actors and slots of the device ---------------------------------------

OP_BEGIN = operation(
    "begin",
    ACTOR,
    "begin",
    category="run_queue",
    quiet=about.QUIET_ALWAYS,
    waits_for=lay.WAITS_FOR_CPU,
    at_rest=True,
)
OP_PAUSE = operation(
    "pause",
    ACTOR,
    "pause",
    own_delay=True,
    category="idle",
    quiet=about.QUIET_ALWAYS,
    at_rest=True,
)
OP_IO_NEXT = operation(
    "io_next",
    ACTOR,
    "next read",
    category="idle",
    order=about.FULL,
    locking=lay.LOCKED_BY_DEVICE,
    waits_for=lay.WAITS_FOR_DEVICE,
    at_rest=True,
)
OP_STOP = operation(
    "stop",
    ACTOR,
    "stop",
    category="idle",
    quiet=about.QUIET_ALWAYS,
    leaves_page=True,
    at_rest=True,
)
OP_START_THREAD = operation(
    "start_thread",
    ACTOR,
    "clone()",
    own_delay=True,
    category="idle",
    order=about.FULL,
    at_rest=True,
)
OP_REST = operation(
    "rest",
    ACTOR,
    "rest",
    category="idle",
    order=about.FULL,
    at_rest=True,
)
LAST_ACTOR = _table.last(ACTOR)

# --- frames of memory: a page on its way from its node to a pte ----------------------------------
# Who changes a CPU's lists runs on that CPU, and who changes a node's holds its lock: nobody else
# can see it, so that these steps are private. Page counters, counts of an mm and memory bandwidth
# are shared.

OP_PCP_EMPTY = operation(
    "pcp_empty", ASK, "list_empty(pcp->list)?", category="frames", private=ALWAYS, branches=True
)
OP_STOCK_EMPTY = operation(
    "stock_empty", ASK, "!consume_stock()?", category="memcg", private=ALWAYS, branches=True
)
OP_RSS_SPILLS = operation(
    "rss_spills", ASK, "abs(count) >= batch?", category="map", private=ALWAYS, branches=True
)
OP_LRU_WAITING = operation(
    "lru_waiting",
    ASK,
    "folio_batch_space() == 0?",
    category="frames",
    private=ALWAYS,
    branches=True,
    listing=lambda any_, b, _: "lru waiting: any" if any_ else "lru waiting: a batch",
)
OP_UNCHARGE_DUE = operation(
    "uncharge_due", ASK, "uncharge now?", category="memcg", private=ALWAYS, branches=True
)
OP_PCP_FULL = operation(
    "pcp_full", ASK, "pcp->count >= high?", category="frames", private=ALWAYS, branches=True
)
LAST_ASK = _table.last(ASK)

OP_REFILL_PCP = operation(
    "refill_pcp",
    FRAME,
    "rmqueue_bulk()",
    own_delay=True,
    category="zone_lock",
    private=ALWAYS,
)
OP_TAKE_FRAME = operation(
    "take_frame",
    FRAME,
    "list_del(&page->pcp_list)",
    cost="alloc_frame",
    category="frames",
    private=ALWAYS,
    remembers=lay.T_FRAME,
)
OP_FILL_FRAME = operation(
    "fill_frame",
    FRAME,
    "clear_page()",
    own_delay=True,
    category="zeroing",
    order=about.UNSEEN,
    listing=lambda copies, b, _: "copy the page" if copies else "zero the page",
)
OP_MAP_FRAME = operation(
    "map_frame",
    FRAME,
    "set_pte_at()",
    line=PTE_LINE,
    access=LINE_STORE,
    cost="set_pte",
    private=OWN_TABLES,
    order=about.storing(lay.IN_PTE),
)
OP_DROP_FRAME = operation(
    "drop_frame",
    FRAME,
    "folio_put()",
    cost="free_page",
    category="frames",
    private=ALWAYS,
)
OP_LRU_ADD = operation(
    "lru_add",
    FRAME,
    "folio_add_lru()",
    cost="lru_add",
    category="frames",
    private=ALWAYS,
)
OP_LRU_FLUSH = operation(
    "lru_flush",
    FRAME,
    "folio_batch_move_lru()",
    own_delay=True,
    category="lru_lock",
    private=ALWAYS,
)
OP_LRU_REMOVE = operation(
    "lru_remove",
    FRAME,
    "lruvec_del_folio()",
    own_delay=True,
    category="lru_lock",
    private=ALWAYS,
)
OP_FREE_FRAMES = operation(
    "free_frames",
    FRAME,
    "free_unref_folios()",
    own_delay=True,
    category="frames",
    private=ALWAYS,
)
OP_DRAIN_PCP = operation(
    "drain_pcp",
    FRAME,
    "free_pcppages_bulk()",
    own_delay=True,
    category="zone_lock",
    private=ALWAYS,
)
OP_NEXT_ROUND = operation(
    "next_round",
    FRAME,
    "next batch of pages",
    category="frames",
    private=ALWAYS,
    loop="each_round",
)
LAST_FRAME = _table.last(FRAME)

# --- who is charged for them ---------------------------------------------------------------------

OP_CHARGE_LEVEL = operation(
    "charge_level",
    CHARGE,
    "page_counter_try_charge()",
    line=lay.MEMCG_LINE,
    access=LINE_RMW,
    category="memcg",
    order=about.Order(lay.IS_RMW_FULL),
    listing=lambda level, b, _: f"charge level {level}",
)
OP_FILL_STOCK = operation("fill_stock", CHARGE, "refill_stock()", category="memcg", private=ALWAYS)
OP_USE_STOCK = operation(
    "use_stock",
    CHARGE,
    "stock->nr_pages--",
    cost="charge_page",
    category="memcg",
    private=ALWAYS,
)
OP_COUNT_RSS = operation(
    "count_rss",
    CHARGE,
    "add_mm_counter()",
    cost="count_rss",
    category="map",
    private=ALWAYS,
    listing=lambda by, b, _: f"rss {'+' if by > 0 else '-'} 1",
)
OP_SPILL_RSS = operation(
    "spill_rss",
    CHARGE,
    "percpu_counter_add_batch()",
    line=lay.RSS_LINE,
    access=LINE_RMW,
    category="map",
    order=about.Order(lay.IS_RMW_VOID),
)
OP_UNCHARGE_LEVEL = operation(
    "uncharge_level",
    CHARGE,
    "page_counter_uncharge()",
    line=lay.MEMCG_LINE,
    access=LINE_RMW,
    category="memcg",
    order=about.Order(lay.IS_RMW_FULL),
    listing=lambda level, b, _: f"uncharge level {level}",
)
OP_UNCHARGED = operation("uncharged", CHARGE, "uncharged", category="memcg", private=ALWAYS)
LAST_CHARGE = _table.last(CHARGE)

# --- regions: mapped, written, unmapped ----------------------------------------------------------

OP_USE_MM = operation(
    "use_mm",
    REGION,
    "the line of mmap_lock",
    line=lay.MMAP_LINE,
    access=lambda how, _: how,
    category="mmap_lock",
    order=about.loading(0),
    listing=lambda how, b, _: ("load mm_lock_seq", "store to the line of mmap_lock")[how > 0],
)
OP_VMA_WRITTEN = operation(
    "vma_written",
    REGION,
    "vm_lock_seq == mm_lock_seq?",
    line=lay.MMAP_LINE,
    access=LINE_LOAD,
    category="mmap_lock",
    order=about.loading(0),
    branches=True,
)
OP_MARK_VMA = operation(
    "mark_vma",
    REGION,
    "vm_lock_seq = mm_lock_seq",
    line=lay.LOCK_LINE,
    access=LINE_STORE,
    category="mmap_lock",
    order=about.storing(0),
)
OP_END_VMA_WRITES = operation(
    "end_vma_writes",
    REGION,
    "vma_end_write_all()",
    line=lay.MMAP_LINE,
    access=LINE_STORE,
    category="mmap_lock",
    order=about.storing(0),
)
OP_DOWNGRADE = operation(
    "downgrade",
    REGION,
    "downgrade_write()",
    line=lay.LOCK_LINE,
    access=LINE_RMW,
    cost="lock_local",
    category="mmap_lock",
    order=about.Order(lay.IS_RMW_RELEASE),
    locking=lay.DOWNGRADES_LOCK,
    listing=lambda which, b, _: f"downgrade {name_of_lock(which, 0)}",
)
OP_ZAP_FRAMES = operation(
    "zap_frames",
    REGION,
    "zap_pte_range()",
    own_delay=True,
    category="teardown",
    private=OWN_TABLES,
    order=about.storing(lay.IN_PTE),
)
OP_FLUSH_REGION = operation(
    "flush_region",
    REGION,
    "tlb_flush_mmu()",
    own_delay=True,
    category="shootdown",
    quiet=about.QUIET_ALWAYS,
)
LAST_REGION = _table.last(REGION)

# --- steps of a task that replays a trace -------------------------------------------------------

OP_ARRIVE = operation(
    "arrive",
    REPLAY,
    "wait for the next access",
    own_delay=True,
    category="think",
    private=ALWAYS,
    quiet=about.QUIET_ALWAYS,
    leaves_page=True,
    at_rest=True,
)
LAST_REPLAY = _table.last(REPLAY)

OPERATIONS = _table.closed(globals())
"""All rows by number."""
OPS = tuple(row.name for row in OPERATIONS)
NUMBERS = {name: number for number, name in enumerate(OPS)}
"""Name -> number."""


def row_of(name: str) -> about.Operation:
    """Return the row of an operation by its name."""
    return OPERATIONS[NUMBERS[name]]


def name_of(number: int) -> str:
    """Return the name of an operation by its number, or the number if there is none."""
    return OPS[number] if 0 <= number < len(OPS) else f"number {number}"
