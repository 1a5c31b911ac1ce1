"""Operations of system calls on a region that a task has touched: fork, mremap."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.operation import CALL
from dessim.kernel.ops.table import ALWAYS, OWN_TABLES, TABLE, operation

OP_CALL_BEGIN = operation(
    "call_begin", CALL, "a system call", category="entry_exit", private=ALWAYS
)
OP_CALL_END = operation(
    "call_end",
    CALL,
    "return from it",
    category="entry_exit",
    private=ALWAYS,
    listing=lambda call, b, _: f"end of the call: {lay.CALLS[call]}",
)
OP_COPY_PTES = operation(
    "copy_ptes",
    CALL,
    "copy_pte_range()",
    own_delay=True,
    category="fork",
    private=OWN_TABLES,
    order=about.storing(lay.IN_PTE),
)
OP_FLUSH_MM = operation(
    "flush_mm",
    CALL,
    "flush_tlb_mm()",
    own_delay=True,
    category="shootdown",
    quiet=about.QUIET_ALWAYS,
)
OP_MOVE_PTES = operation(
    "move_ptes",
    CALL,
    "move_ptes()",
    own_delay=True,
    category="mremap",
    private=OWN_TABLES,
    order=about.storing(lay.IN_PTE),
)
OP_MOVE_TABLE = operation(
    "move_table",
    CALL,
    "move_normal_pmd()",
    cost="move_table",
    category="mremap",
    private=OWN_TABLES,
    order=about.storing(lay.IN_PTE),
)
OP_FLUSH_MOVED = operation(
    "flush_moved",
    CALL,
    "flush_tlb_range()",
    own_delay=True,
    category="shootdown",
    quiet=about.QUIET_ALWAYS,
    listing=lambda table, b, _: "flush " + ("what was moved", "the table's range")[table],
)
OP_NEXT_CALL = operation(
    "next_call",
    CALL,
    "the next call",
    category="idle",
    private=ALWAYS,
    loop="each_call",
)
LAST_CALL = TABLE.last(CALL)
