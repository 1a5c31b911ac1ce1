"""The cost table of a World: the costs that are declared in the model, each with its place.

A cost of a step is named in its program and needs no line here. Those that a function of the kernel
asks for by itself have a constant.
"""

from dessim.kernel.layout import CATEGORIES, LINE_RMW, LINE_STORE
from dessim.model.costs import Declared, declared
from dessim.model.machine import Machine
from dessim.model.workload import Workload

OF_MACHINE: tuple[Declared, ...] = tuple(declared(Machine))
OF_WORKLOAD: tuple[Declared, ...] = tuple(declared(Workload))

NONE = "none"  # costs nothing, and has the place 0
UNIT = "microsecond"  # of a core's own time at the clock of one: what costs of your own scale with
COSTS: tuple[str, ...] = (NONE, *(cost.name for cost in (*OF_MACHINE, *OF_WORKLOAD)), UNIT)
N_COSTS = len(COSTS)

CATEGORY: dict[str, str] = {
    cost.name: cost.cost.category for cost in OF_MACHINE if cost.cost.category
}
"""Category of time of a step's own work, where it is not the category of the step."""


DRAWN: tuple[int, ...] = tuple(
    COSTS.index(cost.name) for cost in (*OF_MACHINE, *OF_WORKLOAD) if cost.cost.drawn
)
"""Places of the costs that are means of distributions."""

VARIES: frozenset[int] = frozenset(
    COSTS.index(cost.name) for cost in (*OF_MACHINE, *OF_WORKLOAD) if cost.cost.clock
)
"""Places of the costs that vary around their number when they are a step's own work: what a core
does at its clock. Not so what waits for memory; nor the end of a process, a lump that is taken out
exactly when a part of a file stands for all of it."""


def check(costs: tuple[Declared, ...]) -> None:
    """Check that costs of a machine are declared in full.

    Raises
    ------
    TypeError
        With the first that is not.
    """
    seen = {NONE}
    for cost in costs:
        if cost.name in seen:
            raise TypeError(f"two costs are called {cost.name!r}")
        seen.add(cost.name)
        if not cost.meaning:
            raise TypeError(f"{cost.path}: no docstring says what it is")
        if cost.cost.category not in ("", *CATEGORIES):
            raise TypeError(f"{cost.path}: there is no category {cost.cost.category!r}")
        if cost.required == (cost.default is not None):
            text = "a value and the mark Default belong together: one says where the other is from"
            raise TypeError(f"{cost.path}: {text}")


check(OF_MACHINE)


def index(name: str) -> int:
    """Return the place of a cost in the table."""
    return COSTS.index(name)


COST_UNIT = index(UNIT)
COST_TEARDOWN_PTE = index("teardown_per_pte")
COST_TEARDOWN_TABLE = index("teardown_per_table")
COST_SLEEP = index("page_lock_sleep")
COST_LEAVE = index("page_lock_leave")
COST_WAKEUP = index("wakeup")
COST_WAKE_READ = index("wake_read")
COST_WAKE_WALK = index("wake_walk")
COST_SWITCH = index("context_switch")
COST_READ_L3 = index("read_page_l3")
COST_READ_DRAM = index("read_page_dram")
COST_PAGE_WORK = index("page_work")
COST_LOCAL = index("local_load")  # + LINE_*
COST_THINK = index("think")
COST_HOLD = index("hold")
COST_DEVICE_READ = index("device_read")
COST_ADD_PAGE = index("add_to_page_cache")
COST_L2_HIT = index("tlb_l2_hit")
COST_WALK = index("page_walk")
COST_INVLPG = index("invlpg")
COST_FLUSH_ALL = index("flush_all")
COST_IPI_BASE = index("ipi_base")
COST_IPI_PER_CPU = index("ipi_per_cpu")
COST_IPI_HANDLER = index("ipi_handler")
COST_ZERO_PAGE = index("zero_page")
COST_COPY_PAGE = index("copy_page")
COST_ZONE_PAGE = index("zone_page")
COST_LRU_LINK = index("lru_link")
COST_PAGE_STATISTICS = index("page_statistics")
COST_FREE_PAGE = index("free_page")
COST_UNCHARGE_PAGE = index("uncharge_page")
COST_ZAP_PAGE = index("zap_page")
COST_ZAP_PTE = index("zap_pte")
COST_CONTPTE_PTE = index("contpte_pte")
COST_MIGRATE_PTE = index("migrate_pte")
COST_SPLIT_PAGE = index("split_page")
COST_FOLIO_TAIL = index("folio_tail")
COST_SET_PTE = index("set_pte")
COST_FORK_PTE = index("fork_pte")
COST_MOVE_PTE = index("move_pte")
COST_FORK_PAGE = index("fork_page")
COST_UNLINK_VMA = index("unlink_vma")
COST_DEVICE_WRITE = index("device_write")
COST_SUBMIT = index("submit_command")
COST_COMPLETE = index("complete_command")
COST_COMPLETE_PAGE = index("complete_page")
COST_ISOLATE = index("isolate_page")
COST_PUTBACK = index("putback_page")

# A line at hand costs COST_LOCAL + LINE_*: these three stand in the order of the accesses.
assert index("local_store") == COST_LOCAL + LINE_STORE
assert index("local_rmw") == COST_LOCAL + LINE_RMW
