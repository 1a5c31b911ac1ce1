"""Splitting folios of memory that wait on a deferred split queue."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.operation import SPLIT
from dessim.kernel.ops.table import ALWAYS, OWN_TABLES, TABLE, operation

OP_FOLIO_WAITS = operation(
    "folio_waits", SPLIT, "split_queue_len?", category="split", private=ALWAYS, branches=True
)
OP_SCAN_QUEUE = operation(
    "scan_queue",
    SPLIT,
    "deferred_split_scan()",
    own_delay=True,
    cost="defer_folio",
    category="split",
    private=ALWAYS,
    picks=True,
)
OP_UNMAP_FOLIO = operation(
    "unmap_folio",
    SPLIT,
    "try_to_migrate()",
    own_delay=True,
    category="split",
    private=OWN_TABLES,
    order=about.storing(lay.IN_PTE),
)
OP_FREEZE_FOLIO = operation(
    "freeze_folio",
    SPLIT,
    "folio_ref_freeze()",
    cost="defer_folio",
    category="split",
    private=ALWAYS,
)
OP_SPLIT_FOLIO = operation(
    "split_folio",
    SPLIT,
    "__split_huge_page()",
    own_delay=True,
    category="split",
    private=ALWAYS,
)
OP_REMAP_FOLIO = operation(
    "remap_folio",
    SPLIT,
    "remap_page()",
    own_delay=True,
    category="split",
    private=OWN_TABLES,
    order=about.storing(lay.IN_PTE),
)
OP_NEXT_FOLIO_TO_SPLIT = operation(
    "next_folio_to_split",
    SPLIT,
    "the next folio",
    category="split",
    private=ALWAYS,
    loop="each_folio_to_split",
    new_page=True,
)
OP_NEXT_SCAN = operation(
    "next_scan", SPLIT, "the next scan", category="split", private=ALWAYS, loop="each_scan"
)
LAST_SPLIT = TABLE.last(SPLIT)
