"""Operations of the task itself."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.layout import LINE_STORE
from dessim.kernel.operands import name_of_counter
from dessim.kernel.operation import TASK
from dessim.kernel.ops.table import ALWAYS, TABLE, operation

OP_NEXT_ACCESS = operation(
    "next_access",
    TASK,
    "next access",
    category="user",
    private=ALWAYS,
    leaves_page=True,
    at_rest=True,
)
OP_TOUCH = operation(
    "touch",
    TASK,
    "touch the page",
    own_delay=True,
    category="user",
    order=about.FULL,
    waits_for=lay.WAITS_FOR_CPU,
    at_rest=True,
)
OP_FAULT_BEGIN = operation(
    "fault_begin",
    TASK,
    "do_page_fault()",
    cost="exception_entry",
    category="entry_exit",
    private=ALWAYS,
    latency=about.FAULT_BEGINS,
)
OP_FAULT_END = operation(
    "fault_end",
    TASK,
    "return from the fault",
    cost="exception_exit",
    category="entry_exit",
    private=ALWAYS,
    leaves_page=True,
    latency=about.FAULT_ENDS,
    at_rest=True,
)
OP_TRY_AGAIN = operation(
    "try_again",
    TASK,
    "FAULT_FLAG_TRIED",
    category="entry_exit",
    private=ALWAYS,
    remembers=lay.T_TRIED,
)
OP_HOLD = operation(
    "hold",
    TASK,
    "hold",
    own_delay=True,
    category="hold",
    drawn="hold",
    private=ALWAYS,
    latency=about.WAIT_ENDS,
)
OP_WINDOW = operation(
    "window", TASK, "open the window", category="lookup", private=ALWAYS, leaves_page=True
)
OP_NEXT_PAGE = operation(
    "next_page",
    TASK,
    "next page",
    category="lookup",
    private=ALWAYS,
    leaves_page=True,
    loop="each_page",
    opened_by="window",
    new_page=True,
)
OP_COUNT = operation(
    "count",
    TASK,
    "count",
    private=ALWAYS,
    listing=lambda counter, b, _: f"count {name_of_counter(counter)}",
)
OP_NOTE = operation("note", TASK, "note", private=ALWAYS, remembers=lay.T_NOTED)
OP_FINISH = operation(
    "finish",
    TASK,
    "exit",
    category="teardown",
    order=about.FULL,
    leaves_page=True,
    at_rest=True,
)
OP_TEARDOWN_TABLE = operation(
    "teardown_table",
    TASK,
    "zap_pte_range()",
    own_delay=True,
    category="teardown",
    order=about.FULL,
    changes=about.CHANGES_ALL_PTES,
)
OP_CACHE_VMA = operation(
    "cache_vma",
    TASK,
    "vmacache_update()",
    line=lay.VMA_LINE,
    access=LINE_STORE,
    category="mmap_lock",
    order=about.storing(0),
)
OP_SKIP_PAGES = operation(
    "skip_pages",
    TASK,
    "touch nothing",
    category="user",
    private=ALWAYS,
    latency=about.FAULT_BEGINS,
)
OP_REGION_DONE = operation(
    "region_done",
    TASK,
    "the region is mapped again",
    category="user",
    private=ALWAYS,
    latency=about.FAULT_ENDS,
    at_rest=True,
)
LAST_TASK = TABLE.last(TASK)
