"""Reclaim: pages of files taken off their LRU list, looked at, unmapped, freed."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_RMW, PTE_LINE
from dessim.kernel.operation import RECLAIM
from dessim.kernel.ops.table import ALWAYS, TABLE, operation

OP_WAKE_KSWAPD = operation(
    "wake_kswapd", RECLAIM, "wake_all_kswapds()", category="reclaim", order=about.FULL
)
OP_KSWAPD_NEXT = operation(
    "kswapd_next",
    RECLAIM,
    "kswapd_try_to_sleep()",
    category="idle",
    order=about.FULL,
    waits_for=lay.WAITS_FOR_CPU,
    at_rest=True,
)
OP_BEGIN_SCAN = operation(
    "begin_scan",
    RECLAIM,
    "get_scan_count()",
    cost="scan_setup",
    category="reclaim",
    order=about.UNSEEN,
    listing=lambda direct, b, _: "begin a direct reclaim" if direct else "begin a scan",
)
OP_ISOLATE = operation(
    "isolate",
    RECLAIM,
    "isolate_lru_folios()",
    own_delay=True,
    category="lru_lock",
    order=about.FULL,
    listing=lambda active, b, _: f"isolate {('inactive', 'active')[active]} pages",
)
OP_TEST_YOUNG = operation(
    "test_young",
    RECLAIM,
    "ptep_clear_young_notify()",
    line=PTE_LINE,
    access=LINE_RMW,
    cost="rmap_walk",
    category="reclaim",
    order=about.storing(lay.IN_PTE),
)
OP_LOOK_HOME = operation(
    "look_home", RECLAIM, "back to the own mm", category="reclaim", private=ALWAYS
)
OP_UNMAPPED_ONE = operation(
    "unmapped_one",
    RECLAIM,
    "set_tlb_ubc_flush_pending()",
    cost="rmap_walk",
    category="reclaim",
    private=ALWAYS,
)
OP_KEEP_PAGE = operation(
    "keep_page", RECLAIM, "list_add(&ret_pages)", category="reclaim", private=ALWAYS
)
OP_EVICT_PAGE = operation(
    "evict_page",
    RECLAIM,
    "__filemap_remove_folio()",
    cost="delete_slot",
    category="page_cache",
    order=about.storing(lay.IN_MAPPING),
    changes=about.CHANGES_COUNTS,
    in_hand=(0, 0),
)
OP_FLUSH_UNMAPPED = operation(
    "flush_unmapped",
    RECLAIM,
    "try_to_unmap_flush()",
    own_delay=True,
    category="shootdown",
    quiet=about.QUIET_ALWAYS,
)
OP_PUTBACK = operation(
    "putback",
    RECLAIM,
    "move_folios_to_lru()",
    own_delay=True,
    category="lru_lock",
    order=about.FULL,
    listing=lambda active, b, _: "put back" if not active else "put back, all inactive",
)
OP_DRAIN_NODE = operation(
    "drain_node",
    RECLAIM,
    "free_pcppages_bulk()",
    own_delay=True,
    category="zone_lock",
    order=about.FULL,
)
LAST_RECLAIM = TABLE.last(RECLAIM)
