"""Files larger than memory: what is asked, readahead windows, commands of the device."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_RMW, LINE_STORE, PAGE_LINE
from dessim.kernel.operation import COMMAND, PRESSURE, READAHEAD
from dessim.kernel.ops.table import ALWAYS, TABLE, operation

# --- what is asked, and branches -----------------------------------------------------------------

OP_IN_WINDOW = operation(
    "in_window",
    PRESSURE,
    "i < nr_to_read?",
    category="page_cache",
    private=ALWAYS,
    branches=True,
    leaves_page=True,
)
OP_LIST_EMPTY = operation(
    "list_empty", PRESSURE, "no page left?", category="frames", private=ALWAYS, branches=True
)
OP_ISOLATED_NEXT = operation(
    "isolated_next",
    PRESSURE,
    "!list_empty(page_list)?",
    category="reclaim",
    private=ALWAYS,
    branches=True,
    leaves_page=True,
)
OP_PAGE_REFERENCED = operation(
    "page_referenced",
    PRESSURE,
    "page_check_references()?",
    line=PAGE_LINE,
    access=LINE_RMW,
    category="reclaim",
    order=about.FULL,
    branches=True,
)
OP_FREEZE_PAGE = operation(
    "freeze_page",
    PRESSURE,
    "page_ref_freeze()?",
    line=PAGE_LINE,
    access=LINE_RMW,
    category="reclaim",
    order=about.FULL,
    changes=about.CHANGES_COUNTS,
    in_hand=(0, 0),
    branches=True,
)
OP_SCANS_ON = operation(
    "scans_on", PRESSURE, "more to scan?", category="reclaim", private=ALWAYS, branches=True
)
OP_ACTIVE_TOO_MANY = operation(
    "active_too_many",
    PRESSURE,
    "inactive_is_low()?",
    category="reclaim",
    order=about.UNSEEN,
    branches=True,
)
LAST_PRESSURE = TABLE.last(PRESSURE)

# --- readahead: which pages, and putting them in the page cache ----------------------------------

OP_PLAN_SYNC = operation(
    "plan_sync",
    READAHEAD,
    "do_sync_mmap_readahead()",
    line=lay.FILE_LINE,
    access=LINE_STORE,
    cost="plan_readahead",
    category="page_cache",
    order=about.storing(0),
    listing=lambda advice, b, _: f"plan a read: {('around', 'of one page', 'ahead')[advice]}",
)
OP_PLAN_ASYNC = operation(
    "plan_async",
    READAHEAD,
    "page_cache_async_ra()",
    line=lay.FILE_LINE,
    access=LINE_STORE,
    cost="plan_readahead",
    category="page_cache",
    order=about.storing(0),
)
OP_COUNT_HITS = operation(
    "count_hits",
    READAHEAD,
    "WRITE_ONCE(f_ra.mmap_miss)",
    line=lay.FILE_LINE,
    access=LINE_STORE,
    category="page_cache",
    order=about.storing(0),
    listing=lambda one, b, _: "mmap_miss - 1" if one else "mmap_miss - pages mapped around",
)
OP_REFILL_NODE = operation(
    "refill_node",
    READAHEAD,
    "rmqueue_bulk()",
    own_delay=True,
    category="zone_lock",
    order=about.FULL,
    listing=lambda least, b, _: f"refill above the {('low', 'min')[least]} watermark",
)
OP_INSERT_PAGE = operation(
    "insert_page",
    READAHEAD,
    "filemap_add_folio()?",
    cost="insert_slot",
    category="page_cache",
    order=about.FULL,
    changes=about.CHANGES_COUNTS,
    in_hand=(0, 0),
    branches=True,
)
OP_JOIN_LRU = operation(
    "join_lru",
    READAHEAD,
    "folio_add_lru()",
    line=PAGE_LINE,
    access=LINE_RMW,
    cost="lru_add",
    category="frames",
    order=about.Order(lay.IS_RMW_VOID),
)
OP_LRU_LINK = operation(
    "lru_link",
    READAHEAD,
    "folio_batch_move_lru()",
    own_delay=True,
    category="lru_lock",
    order=about.UNSEEN,
)
OP_SUBMIT_RUN = operation(
    "submit_run",
    READAHEAD,
    "submit_bio()",
    own_delay=True,
    category="page_cache",
    order=about.FULL,
)
OP_FAULT_KIND = operation(
    "fault_kind",
    READAHEAD,
    "VM_FAULT_MAJOR",
    private=ALWAYS,
    listing=lambda major, b, _: "a major fault" if major else "no major fault yet",
)
LAST_READAHEAD = TABLE.last(READAHEAD)

# --- the device, and who talks to it without a page cache ----------------------------------------

OP_COMMAND_NEXT = operation(
    "command_next",
    COMMAND,
    "next command",
    category="idle",
    order=about.FULL,
    waits_for=lay.WAITS_FOR_DEVICE,
    at_rest=True,
)
OP_SERVE_COMMAND = operation(
    "serve_command",
    COMMAND,
    "the device works",
    own_delay=True,
    cost="complete_command",
    category="device",
    drawn="device_read",
    order=about.FULL,
)
OP_COMMAND_PAGE = operation(
    "command_page",
    COMMAND,
    "next page of the command",
    category="device",
    order=about.UNSEEN,
    leaves_page=True,
)
OP_COMMAND_DONE = operation(
    "command_done",
    COMMAND,
    "bio_endio()",
    category="device",
    order=about.FULL,
    leaves_page=True,
)
OP_DIRECT_IO = operation(
    "direct_io",
    COMMAND,
    "submit_bio(), io_schedule()",
    cost="submit_command",
    category="device",
    order=about.FULL,
    waits_for=lay.WAITS_FOR_DEVICE,
)
OP_DIRECT_DONE = operation(
    "direct_done",
    COMMAND,
    "the command is over",
    category="device",
    order=about.FULL,
    latency=about.WAIT_ENDS,
)
LAST_COMMAND = TABLE.last(COMMAND)
