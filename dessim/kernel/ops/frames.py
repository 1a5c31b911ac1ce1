"""Frames of memory: a page on its way from its node to a pte.

Who changes a CPU's lists runs on that CPU, and who changes a node's holds its lock: nobody else
can see it, so that these steps are private. Page counters, counts of an mm and memory bandwidth
are shared.
"""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_STORE, PTE_LINE
from dessim.kernel.operation import ASK, FRAME
from dessim.kernel.ops.table import ALWAYS, OWN_TABLES, TABLE, operation

OP_PCP_EMPTY = operation(
    "pcp_empty",
    ASK,
    "list_empty(pcp->list)?",
    category="frames",
    by_list=True,
    private=ALWAYS,
    branches=True,
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
    "pcp_full",
    ASK,
    "pcp->count >= high?",
    category="frames",
    by_list=True,
    private=ALWAYS,
    branches=True,
)
OP_GATHER_FULL = operation(
    "gather_full",
    ASK,
    "tlb_next_batch() fails?",
    category="teardown",
    private=ALWAYS,
    branches=True,
    listing=lambda any_, b, _: "gathered: any" if any_ else "gathered: no room for a table",
)
LAST_ASK = TABLE.last(ASK)

OP_REFILL_PCP = operation(
    "refill_pcp",
    FRAME,
    "rmqueue_bulk()",
    own_delay=True,
    category="zone_lock",
    by_list=True,
    private=ALWAYS,
)
OP_TAKE_FRAME = operation(
    "take_frame",
    FRAME,
    "list_del(&page->pcp_list)",
    own_delay=True,
    cost="alloc_frame",
    category="frames",
    by_list=True,
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
    "set_ptes()",
    line=PTE_LINE,
    access=LINE_STORE,
    own_delay=True,
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
OP_NEXT_LINKED = operation(
    "next_linked",
    FRAME,
    "next page of the batch",
    own_delay=True,
    cost="lru_link",
    category="lru_lock",
    order=about.storing(0),
    loop="each_linked",
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
    by_list=True,
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
LAST_FRAME = TABLE.last(FRAME)
