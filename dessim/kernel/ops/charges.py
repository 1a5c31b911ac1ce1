"""Who is charged for frames: memory cgroups and counts of an mm."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_LOAD, LINE_RMW
from dessim.kernel.operation import CHARGE
from dessim.kernel.ops.table import ALWAYS, TABLE, operation

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
OP_LOAD_STATISTICS = operation(
    "load_statistics",
    CHARGE,
    "pn->lruvec_stats_percpu",
    line=lay.LRU_SIZES_LINE,
    access=LINE_LOAD,
    category="memcg",
    order=about.loading(0),
)
OP_UNCHARGED = operation("uncharged", CHARGE, "uncharged", category="memcg", private=ALWAYS)
LAST_CHARGE = TABLE.last(CHARGE)
