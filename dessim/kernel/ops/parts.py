"""Folios of memory of which a part is mapped, and what MADV_DONTNEED drops."""

from dessim.kernel.operation import PART
from dessim.kernel.ops.table import ALWAYS, TABLE, operation

OP_FOLIO_FITS = operation(
    "folio_fits", PART, "pte_range_none()?", category="map", private=ALWAYS, branches=True
)
OP_PART_FOUND = operation(
    "part_found", PART, "partially_mapped?", category="teardown", private=ALWAYS, branches=True
)
OP_QUEUE_FOLIO = operation(
    "queue_folio",
    PART,
    "list_add_tail(&folio->_deferred_list)",
    cost="defer_folio",
    category="split",
    private=ALWAYS,
)
OP_DEFERRED_GATHERED = operation(
    "deferred_gathered",
    PART,
    "list_empty(&folio->_deferred_list)?",
    category="split",
    private=ALWAYS,
    branches=True,
)
OP_UNQUEUE_FOLIO = operation(
    "unqueue_folio",
    PART,
    "list_del_init(&folio->_deferred_list)",
    cost="defer_folio",
    category="split",
    private=ALWAYS,
)
OP_NEXT_DEFERRED = operation(
    "next_deferred",
    PART,
    "the next folio",
    category="split",
    private=ALWAYS,
    loop="each_deferred",
)
OP_PICK_DROP = operation(
    "pick_drop", PART, "what is dropped first", category="idle", private=ALWAYS, picks=True
)
OP_NEXT_DROP = operation(
    "next_drop",
    PART,
    "what is dropped next",
    category="idle",
    private=ALWAYS,
    loop="each_drop",
    opened_by="pick_drop",
    new_page=True,
)
LAST_PART = TABLE.last(PART)
