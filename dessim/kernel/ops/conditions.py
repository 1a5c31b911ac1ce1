"""Conditions: what a program asks and goes two ways by."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_LOAD, LINE_RMW, PAGE_LINE, PTE_LINE
from dessim.kernel.operation import CONDITION
from dessim.kernel.ops.table import ALWAYS, OWN_TABLES, TABLE, operation

FREEZES = about.Order(lay.IS_RMW_FULL, lay.IN_REFCOUNT, lay.IN_REFCOUNT, conditional=True)


def _order_of_look(mask: int, want: int) -> about.Order:
    """Return how a look at flags is ordered: ``page->mapping`` is a word of its own.

    ``PageUptodate`` has an ``smp_rmb()`` behind the load if the page is (``page-flags.h``).
    """
    loads = lay.IN_MAPPING if mask & lay.FLAG_OURS else 0
    loads |= lay.IN_FLAGS if mask & ~lay.FLAG_OURS else 0
    uptodate = want & lay.FLAG_UPTODATE
    return about.Order(lay.IS_LOAD_THEN_RMB if uptodate else lay.IS_LOAD, loads)


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
LAST_CONDITION = TABLE.last(CONDITION)
