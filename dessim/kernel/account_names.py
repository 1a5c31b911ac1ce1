"""What a run adds up: categories of time, and counters."""

CATEGORIES = (
    "entry_exit",
    "mmap_lock",
    "ptl",
    "page_lock",
    "page_lines",
    "lookup",
    "map",
    "page_table",
    "user",
    "memory_bandwidth",
    "teardown",
    "think",
    "hold",
    "lock",
    "run_queue",
    "tlb",
    "shootdown",
    "page_cache",
    "idle",
    "zone_lock",
    "lru_lock",
    "memcg",
    "frames",
    "zeroing",
    "asleep",
    "fork",
    "exec",
    "i_mmap",
    "mremap",
    "split",
    "reclaim",
    "device",
)
N_FILE_CATEGORIES = CATEGORIES.index("zone_lock")  # those of workloads that allocate no memory
N_CATEGORIES = len(CATEGORIES)
CAT_MMAP_LOCK = CATEGORIES.index("mmap_lock")
CAT_PTL = CATEGORIES.index("ptl")
CAT_PAGE_LOCK = CATEGORIES.index("page_lock")
CAT_PAGE_LINES = CATEGORIES.index("page_lines")
CAT_PAGE_TABLE = CATEGORIES.index("page_table")
CAT_MAP = CATEGORIES.index("map")
CAT_USER = CATEGORIES.index("user")
CAT_BANDWIDTH = CATEGORIES.index("memory_bandwidth")
CAT_TEARDOWN = CATEGORIES.index("teardown")
CAT_LOCK = CATEGORIES.index("lock")
CAT_RUN_QUEUE = CATEGORIES.index("run_queue")
CAT_TLB = CATEGORIES.index("tlb")
CAT_SHOOTDOWN = CATEGORIES.index("shootdown")
CAT_MEMCG = CATEGORIES.index("memcg")
CAT_FRAMES = CATEGORIES.index("frames")
CAT_ZEROING = CATEGORIES.index("zeroing")
CAT_ASLEEP = CATEGORIES.index("asleep")
CAT_RECLAIM = CATEGORIES.index("reclaim")
CAT_DEVICE = CATEGORIES.index("device")
N_PAGING_CATEGORIES = CATEGORIES.index("reclaim")  # from here on: of files larger than memory

COUNTERS = (
    "minor_faults",
    "pages_mapped",
    "trylock_lost",
    "recheck_lost",
    "fault_retries",
    "page_lock_waits",
    "touches",
    "ptes_cleared",
    "tables_freed",
    "pte_lost",
    "major_faults",
    "pages_read",
    "wake_ups",
    "hand_offs",
    "context_switches",
    "tlb_misses",
    "tlb_flushes",
    "shootdowns",
    "interrupts",
    "pages_removed",
    "bug1",
    "bug2",
    "invalidations",
    "unmaps",
    "zone_refills",
    "zone_drains",
    "lru_flushes",
    "lru_removals",
    "frames_filled",
    "ptes_copied",
    "forks",
    "execs",
    "exits",
    "moves",
    "tables_moved",
    "folios_deferred",
    "folios_split",
    "device_commands",
    "windows_read",
    "windows_ahead",
    "evictions",
    "refaults",
    "activations",
    "reclaim_rounds",
    "direct_reclaims",
    "kswapd_wakeups",
    "late_faults",
    "late_ps",
)
N_FILE_COUNTERS = COUNTERS.index("zone_refills")  # those of workloads that allocate no memory
N_MINOR_FAULTS = COUNTERS.index("minor_faults")
N_PAGES_MAPPED = COUNTERS.index("pages_mapped")
N_TOUCHES = COUNTERS.index("touches")
N_PTES_CLEARED = COUNTERS.index("ptes_cleared")
N_TABLES_FREED = COUNTERS.index("tables_freed")
N_PAGE_LOCK_WAITS = COUNTERS.index("page_lock_waits")
N_PAGES_READ = COUNTERS.index("pages_read")
N_WAKE_UPS = COUNTERS.index("wake_ups")
N_HAND_OFFS = COUNTERS.index("hand_offs")
N_CONTEXT_SWITCHES = COUNTERS.index("context_switches")
N_TLB_MISSES = COUNTERS.index("tlb_misses")
N_TLB_FLUSHES = COUNTERS.index("tlb_flushes")
N_SHOOTDOWNS = COUNTERS.index("shootdowns")
N_INTERRUPTS = COUNTERS.index("interrupts")
N_PAGES_REMOVED = COUNTERS.index("pages_removed")
N_ZONE_REFILLS = COUNTERS.index("zone_refills")
N_ZONE_DRAINS = COUNTERS.index("zone_drains")
N_LRU_FLUSHES = COUNTERS.index("lru_flushes")
N_LRU_REMOVALS = COUNTERS.index("lru_removals")
N_FRAMES_FILLED = COUNTERS.index("frames_filled")
N_FOLIOS_DEFERRED = COUNTERS.index("folios_deferred")
N_FOLIOS_SPLIT = COUNTERS.index("folios_split")
N_TABLES_MOVED = COUNTERS.index("tables_moved")
N_PTES_COPIED = COUNTERS.index("ptes_copied")
N_PAGING_COUNTERS = COUNTERS.index("device_commands")  # those of files larger than memory
N_DEVICE_COMMANDS = COUNTERS.index("device_commands")
N_WINDOWS_READ = COUNTERS.index("windows_read")
N_WINDOWS_AHEAD = COUNTERS.index("windows_ahead")
N_EVICTIONS = COUNTERS.index("evictions")
N_REFAULTS = COUNTERS.index("refaults")
N_ACTIVATIONS = COUNTERS.index("activations")
N_RECLAIM_ROUNDS = COUNTERS.index("reclaim_rounds")
N_DIRECT_RECLAIMS = COUNTERS.index("direct_reclaims")
N_KSWAPD_WAKEUPS = COUNTERS.index("kswapd_wakeups")
N_MAJOR_FAULTS = COUNTERS.index("major_faults")
N_REPLAY_COUNTERS = COUNTERS.index("late_faults")  # those of traces
N_LATE_FAULTS = COUNTERS.index("late_faults")
N_LATE_PS = COUNTERS.index("late_ps")
N_BUG1 = COUNTERS.index("bug1")
N_COUNTERS = len(COUNTERS)
