"""Operations on regions: mapped, written, unmapped."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_LOAD, LINE_RMW, LINE_STORE
from dessim.kernel.operands import name_of_lock
from dessim.kernel.operation import REGION
from dessim.kernel.ops.table import OWN_TABLES, TABLE, operation

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
    own_delay=True,
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
OP_WRITE_TREE = operation(
    "write_tree",
    REGION,
    "vma_iter_store()",
    own_delay=True,
    category="mmap_lock",
    order=about.FULL,
)
LAST_REGION = TABLE.last(REGION)
