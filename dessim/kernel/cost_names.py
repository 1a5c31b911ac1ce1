"""Costs of a step's own work, and of what comes with it: the columns of the cost table."""

# Work of one CPU, in the order of the cost table. `none` costs nothing.
COSTS = (
    "none",
    "exception_entry",
    "exception_exit",
    "find_vma",
    "walk_page_table",
    "alloc_page_table",
    "fault_around_setup",
    "slow_path",
    "lookup_descent",
    "lookup_slot",
    "indirect_call",
    "page_checks",
    "rmap",
    "set_pte",
    "lock_local",
    "unlock_page",
    "teardown_per_pte",
    "teardown_per_table",
    "process_exit",
    "page_lock_sleep",
    "wakeup",
    "wake_walk",
    "context_switch",
    "read_page_dram",
    "read_page_l3",
    "touch_word",
    "random_word",
    "page_work",
    "local_load",  # these three in the order of LINE_*: lines.local_cost
    "local_store",
    "local_rmw",
    "think",
    "hold",
    "device_read",
    "add_to_page_cache",
    "remove_from_page_cache",
    "clear_pte",
    "tlb_l2_hit",
    "page_walk",
    "invlpg",
    "flush_all",
    "ipi_base",
    "ipi_per_cpu",
    "ipi_handler",
)
N_COSTS = len(COSTS)
COST_TEARDOWN_PTE = COSTS.index("teardown_per_pte")
COST_TEARDOWN_TABLE = COSTS.index("teardown_per_table")
COST_SLEEP = COSTS.index("page_lock_sleep")
COST_WAKEUP = COSTS.index("wakeup")
COST_WAKE_WALK = COSTS.index("wake_walk")
COST_SWITCH = COSTS.index("context_switch")
COST_READ_L3 = COSTS.index("read_page_l3")
COST_READ_DRAM = COSTS.index("read_page_dram")
COST_PAGE_WORK = COSTS.index("page_work")
COST_LOCAL = COSTS.index("local_load")  # + LINE_*
COST_LOCK_LOCAL = COSTS.index("lock_local")
COST_THINK = COSTS.index("think")
COST_HOLD = COSTS.index("hold")
COST_DEVICE_READ = COSTS.index("device_read")
COST_ADD_PAGE = COSTS.index("add_to_page_cache")
COST_L2_HIT = COSTS.index("tlb_l2_hit")
COST_WALK = COSTS.index("page_walk")
COST_INVLPG = COSTS.index("invlpg")
COST_FLUSH_ALL = COSTS.index("flush_all")
COST_IPI_BASE = COSTS.index("ipi_base")
COST_IPI_PER_CPU = COSTS.index("ipi_per_cpu")
COST_IPI_HANDLER = COSTS.index("ipi_handler")
