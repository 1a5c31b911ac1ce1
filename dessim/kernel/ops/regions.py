"""Operations on regions: mapped, written, unmapped."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_LOAD, LINE_RMW, LINE_STORE
from dessim.kernel.operands import name_of_lock
from dessim.kernel.operation import REGION
from dessim.kernel.ops.table import ALWAYS, OWN_TABLES, TABLE, operation

BLOCKS = ("blocks at the ends", "blocks of the folio", "blocks of the table")
"""``BLOCKS_*`` -> which blocks of ptes that carry the contiguous bit are converted."""

OP_USE_MM = operation(
    "use_mm",
    REGION,
    "the line of mmap_lock",
    line=lay.MMAP_LINE,
    access=lambda how, _: how,
    category="mmap_lock",
    order=about.loading(0),
    listing=lambda how, b, _: ("load", "store to")[how > 0] + " the line of mmap_lock",
)
OP_USE_OWNER = operation(
    "use_owner",
    REGION,
    "mmap_lock.owner",
    line=lay.OWNER_LINE,
    access=lambda how, _: how,
    category="mmap_lock",
    order=about.loading(0),
    listing=lambda how, b, _: ("load", "store")[how > 0] + " mmap_lock.owner",
)
OP_LOAD_LOCK = operation(
    "load_lock",
    REGION,
    "refcount_read()",
    line=lay.LOCK_LINE,
    access=LINE_LOAD,
    category="mmap_lock",
    order=about.loading(0),
    listing=lambda which, b, _: f"load {name_of_lock(which, 0)}",
)
OP_VMA_WRITTEN = operation(
    "vma_written",
    REGION,
    "vm_lock_seq == mm_lock_seq?",
    line=lay.OWNER_LINE,
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
    line=lay.OWNER_LINE,
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
OP_ZAP_PTE = operation(
    "zap_pte",
    REGION,
    "zap_present_ptes()",
    line=lay.LRU_SIZES_LINE,
    access=LINE_LOAD,
    own_delay=True,
    category="teardown",
    order=about.loading(0),
)
OP_FLUSH_REGION = operation(
    "flush_region",
    REGION,
    "tlb_flush_mmu()",
    own_delay=True,
    category="shootdown",
    quiet=about.QUIET_ALWAYS,
)
OP_FLUSH_OWN = operation(
    "flush_own",
    REGION,
    "flush_tlb_range()",
    own_delay=True,
    category="shootdown",
    quiet=about.QUIET_ALWAYS,
)
OP_CONVERT_BLOCKS = operation(
    "convert_blocks",
    REGION,
    "contpte_convert()",
    own_delay=True,
    category="teardown",
    private=OWN_TABLES,
    order=about.storing(lay.IN_PTE),
    listing=lambda which, b, _: "convert " + BLOCKS[which],
)
OP_FLUSH_BLOCKS = operation(
    "flush_blocks",
    REGION,
    "__flush_tlb_range()",
    own_delay=True,
    category="shootdown",
    quiet=about.QUIET_ALWAYS,
    listing=lambda which, b, _: "flush " + BLOCKS[which],
)
OP_WRITE_TREE = operation(
    "write_tree",
    REGION,
    "vma_iter_store()",
    own_delay=True,
    category="mmap_lock",
    order=about.FULL,
)
OP_FETCH_MM = operation(
    "fetch_mm",
    REGION,
    "prefetchw(&mm->mmap_lock)",
    own_delay=True,
    category="mmap_lock",
    order=about.UNSEEN,
)
OP_AWAIT_FETCH = operation(
    "await_fetch",
    REGION,
    "iret waits for the prefetch",
    own_delay=True,
    category="mmap_lock",
    private=ALWAYS,
)
LAST_REGION = TABLE.last(REGION)
