"""Operations that take time or keep order, and change nothing."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_LOAD, LINE_RMW
from dessim.kernel.operation import NOTHING
from dessim.kernel.ops.table import ALWAYS, TABLE, operation


def _order_of_fence(kind: int, _: int) -> about.Order:
    """Return what a fence is: smp_mb() unless its operand says another."""
    return about.Order(kind or lay.IS_MB)


OP_WORK = operation(
    "work",
    NOTHING,
    "work",
    takes_cost=True,
    private=ALWAYS,
    listing=lambda a, b, cost: f"work {cost}",
)
OP_OWN_WORK = operation(
    "own_work",
    NOTHING,
    "work of your own",
    own_delay=True,
    category="lookup",
    private=ALWAYS,
    listing=lambda ps, b, name: f"work {name} ({ps / 1000:g} ns)",
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
LAST_NOTHING = TABLE.last(NOTHING)
