"""Where everything lies in the World: one flat sequence of integers, called ``w``.

The state of a run is a single one-dimensional sequence of 64-bit integers: a Python list in the
reference engine and the explorer, an ``int64`` array in the compiled engine. It starts with a
header of scalars (``H_*``); the header says where each region begins. A region is a row of
records; a record's words are named here by their offset (``T_*`` task, ``L_*`` cache line, …).

One sequence instead of many arrays, because passing arrays between compiled functions costs more
than an addition, because a store buffer is then a list of (address, value), and because a state is
copied, hashed and compared in one operation.

Nothing in this module computes. Times are picoseconds.
"""

from collections.abc import MutableSequence

World = MutableSequence[int]

# --- header: bases of regions, then scalars -----------------------------------------------------
H_TASKS = 0  # number of tasks
H_TASK = 1  # base of the task records
H_CORE = 2  # base of the core records (C_*)
H_PROG = 3  # base of the instructions (I_*)
H_PAGE = 4  # base of the page records (a line record, then P_*)
H_PAGE_WORDS = 5  # words of one page record: depends on the numbers of cores and L3 domains
H_PAGES = 6  # number of simulated file pages
H_SEEN = 7  # offset inside a page record of its per-L3 "last read" words
H_TABLE_WORDS = 8  # words of one page-table record: a lock record and a line record
H_LINE_WORDS = 9  # words of one line or lock record
H_MASKS = 10  # words of a line's sharer mask
H_TABLES = 11  # page tables per mapping
H_MM = 12  # base of the mm records (MM_*)
H_MAPPING = 13  # base of the mapping records (M_*)
H_COST = 14  # base of the cost table: two rows of N_COSTS (SMT sibling idle, busy)
H_LINE_COST = 15  # base of the line cost table, [op][state][distance]
H_HOPS = 16  # base of the socket hop matrix
H_SOCKETS = 17
H_QUANTILES = 18  # base of the quantile tables
H_HIST = 19  # base of two latency records (Y_*): while all threads run, and before or after
H_SERIES = 20  # base of the time series of faults, then of pages
H_SERIES_SHIFT = 21  # log2 of the width of a bin in ps
H_COUNT = 22  # base of the counters (N_*)
H_WOKEN = 24  # base of the list of tasks woken by the current event: count, then ids
H_NODE = 25  # base of memory nodes: time until which each is busy
H_L3 = 26  # base of per-L3 sequence numbers of pages read into it
H_BUCKET = 27  # base of the hashed page wait queues (first task + 1)
H_BUCKETS = 28  # number of wait queues
H_KEY = 29  # 32-bit key of the random draws
H_HOLD = 30  # ps a core keeps a line that it fetched
H_SHARE = 31  # arbitration: threshold of a 32-bit draw below which the nearest is served
H_COALESCE = 32  # 1: an SMT sibling is served with the transfer
H_HIDDEN_PPM = 33  # share of a sequential struct-page transfer that prefetch hides
H_EVICT = 34  # ps after which an untouched line has left the private caches
H_L3_HIT = 35  # ps of a load from the own L3
H_L3_PAGES = 36  # pages that one L3 holds
H_NODE_PAGE = 37  # ps of node bandwidth that one page takes
H_PTL_KIND = 38  # LOCK_TICKET, LOCK_MCS, …
H_TICKET_WAITER = 39  # ps of hand-over per waiter of a ticket lock
H_MCS_PPM = 40  # hand-over of an MCS lock in transfers
H_SPLIT_PTL = 41  # 1: a lock per page table; 0: one per mm
H_ORDER = 42  # log2 of the fault-around window
H_ACCESS = 43  # ACCESS_*
H_ACCESSES = 44  # accesses per task
H_STEADY_FROM = 45  # start of the last thread
H_STEADY_TO = 46  # end of the first thread, or a time that never comes
H_EVENTS = 47  # steps carried out
H_END = 48  # time at which the last task ended
H_ACCESS_COST = 50  # cost index of one user access when it does not come from L3
H_LOCK = 52  # base of the record of the free-standing lock of a lock loop
H_FAR_READ = 56  # base: time of a DRAM read from 0, 1, 2 hops away, in ppm of a local one
H_THINK_QUANTILES = 53  # quantile table of the think time, or 0: fixed
H_HOLD_QUANTILES = 54  # quantile table of the hold time, or 0: fixed
H_INTERLEAVE = 55  # 1: file pages alternate over nodes, 0: all on node 0
H_CPU = 57  # base of the CPU records (U_*)
H_LIVE = 58  # tasks of the workload that are alive: actors and devices end with the last of them
H_WORKERS = 59  # tasks of the workload; actors and devices come after them
H_MAPPINGS = 60  # number of mappings of the file
H_IO_HEAD = 61  # first page that waits for the device + 1
H_IO_TAIL = 62
H_IO_IDLE = 63  # first idle device slot's task + 1
H_READAHEAD = 64  # pages read ahead of a miss
H_PAGE_HAND_OVER = 65  # HAND_OVER_*: what unlock_page does for a waiter that wants the lock
H_PAGE_RETRIES = 66  # bounded: after so many lost races a waiter is handed the lock
H_SLICE = 67  # ps of a time slice
H_TAS_WAITER = 68  # ps of hand-over per waiter of a test-and-set lock
H_TLB = 69  # base of the TLBs, or 0: translation costs nothing
H_TLB_WORDS = 70  # words of one core's TLB
H_TLB_L1_SETS = 71
H_TLB_L1_WAYS = 72
H_TLB_L2_SETS = 73
H_TLB_L2_WAYS = 74
H_FLUSH_CEILING = 75  # pages above which the whole TLB is flushed
H_BUG_AT = 76  # time of the first BUG + 1, or 0
H_BUG_PAGE = 87  # page of the fatal BUG
H_BUG_TASK = 88  # task + 1 that met the fatal BUG, or 0
H_BUG_WHICH = 89  # 0 or 1: BUG1 or BUG2
H_FILE = 77  # base of the file's lock records: i_mmap_mutex, tree_lock
H_PCID = 78  # 1: a switch to another mm does not flush the TLB
H_UNMAP_EVERY = 79  # pages after which a thread unmaps what it touched
H_FOLIO = 80  # pages of a folio of the file
H_FLIGHT = 81  # base of the pages on their way into each L3: FLIGHT_SLOTS of (page + 1, arrival)
H_TRAIN = 82  # sequential lines that miss before the prefetcher runs ahead
H_SAME_DRAWS = 83  # 1: all threads draw the same random pages
H_LEAD = 84  # base, per L3: random words read so far by whoever is ahead, arrival of the last
H_ENDED = 51  # tasks that have ended
H_WORDS = 96

# --- task ---------------------------------------------------------------------------------------
# In order of use: the first lines of a record are touched by every step.
T_PC = 0
T_AT = 1  # time of the task's next event, or ASLEEP
T_CLOCK = 2  # everything before this time is accounted
T_WAIT = 3  # category of the time between T_CLOCK and the next event
T_COSTS = 4  # base of its row of the cost table: SMT sibling idle or busy
T_DUE = 5  # DUE_*: what comes before its next shared step
T_QUEUED = 6  # line for which it waits, or 0
T_GRANT = 7  # service time granted by an arbiter, or -1
T_CORE = 8
T_L3 = 9
T_SOCKET = 10
T_OWN_TABLES = 11  # 1: nobody else uses these page tables
T_PTE = 12  # base of its mapping's pte bits
T_TABLE = 13  # base of its mapping's page-table records
T_MM = 14  # base of its mm record
T_RUN = 15  # what its current step asks of a line: 1 to keep it for a while
T_ACCESS = 16  # accesses done
T_PAGE = 17  # page of the current access: the target of a fault
T_CURSOR = 18  # page on which page steps act
T_STOP = 19  # end of the window (exclusive)
T_LAST = 20  # last page whose line was fetched: sequential transfers are prefetched
T_MAPPED = 21  # pages mapped by the current fault
T_TOUCHED = 22  # pages touched since the last munmap
T_FAULT_AT = 23  # time at which the current fault began
T_MAPPING = 24  # base of its mapping record
T_CPU = 25  # its CPU record
T_NEXT = 26  # next task + 1 in the queue in which it stands
T_RIDER = 27  # task + 1 on the SMT sibling that rides on this task's request
T_LINE_OP = 28  # operation of the request that waits for a line
T_SIBLING = 29  # CPU record of its SMT sibling, or 0
T_FAULT_END = 30  # time at which the last fault ended
T_FOLIO_REFS = 31  # ptes of the folio set by the current batch
T_START = 32
T_FINISH = 33  # time of the last access
T_WAIT_PAGE = 34  # page on whose lock it sleeps, or -1
T_SWEEP = 35  # teardown: mapping that is being torn down
T_SHARED_WANT = 36  # 1: it waits for a lock as a reader
T_READY = 37  # since when it could run, if it had a CPU
T_TRIES = 38  # races for a page lock lost since it queued
T_EXCLUSIVE = 39  # 1: it waits for the page lock itself, 0: only for its release
T_ACTOR = 40  # 1: it is not part of the workload
T_EVERY = 41  # actor: mean ps between two rounds
T_RANGE = 42  # actor: pages of one round
T_HOME_MM = 43  # the mm it runs in (an actor's T_MM moves from mapping to mapping)
T_FROM = 44  # where the cursor was before it went to the head of the folio
T_SMT = 45  # 1: another task runs on the core: use the slower row of costs
T_SLICE_FROM = 46  # when its time slice began
T_PENDING = 47  # ps of interrupt handlers that it still has to run
T_DRAW = 48  # by purpose: number of the next draw << 32 | its bits (of the first: not yet drawn)
T_NOTED = 55  # what a step noted
T_GANG = 56  # 16 words of 32 bits: pages on which a gang lookup holds a reference
T_ACCOUNT = 72  # time by category, N_CATEGORIES words
T_FLUSHED = 92  # shootdowns of its mm that its CPU knows of
T_SLOTS_FROM = 93  # first of the lines of radix-tree slots that are still at hand
T_SLOTS = 94  # last line of radix-tree slots that it read, or -2
T_STREAM = 95  # sequential lines up to T_LAST
T_WORDS = 96

# --- cache line, and the objects that begin with one --------------------------------------------
L_OWN = 0  # core << 2 | state
L_FREE = 1  # time from which another core may take the line
L_QUEUE = 2  # first waiting task + 1 | (last waiting task + 1) << 20
L_HOME = 3  # memory node
# words 4..7 belong to the object on the line
P_FLAGS = 4
P_MAPCOUNT = 5  # number of mappings: the kernel's _mapcount + 1
P_REFCOUNT = 6
P_NEXT = 7  # next page + 1 in the device's queue
K_HOLD = 4  # lock: 0 free, -1 held exclusively, n > 0 readers
K_HEAD = 5  # first waiter + 1
K_TAIL = 6
K_WAITERS = 7
L_ARRIVE = 8  # when the last transfer arrives: an SMT sibling cannot use the line before
L_MASK = 9  # sharers, MASK_BITS cores a word

UNCACHED, SHARED, MODIFIED = 0, 1, 2
MASK_BITS = 62

# --- CPU ---
U_RUNNING = 0  # task + 1 that has the CPU
U_HEAD = 1  # first task + 1 of the run queue
U_TAIL = 2
U_MM = 3  # mm whose translations its core may hold
U_FREE = 4  # time at which the task that had it last has left it
U_WORDS = 8

# --- others -------------------------------------------------------------------------------------
C_L3 = 0
C_SOCKET = 1
C_WORDS = 2

MM_LIVE = 0  # tasks alive
MM_MAPPINGS = 1  # number of mappings
MM_FIRST = 2  # base of the first mapping record
MM_TASK = 3  # its first task
MM_TASKS = 4  # number of its tasks
MM_FLUSHES = 5  # shootdowns of its translations
MM_LOCKS = 8  # its lock records: LOCK_MMAP, LOCK_PAGE_TABLE, and LOCK_PTL if it is not split
MM_VMA_CACHE = 3  # after them the line that holds the mapping found last
MM_LINES = 4
V_FOUND = 4  # in that line's own words: number of the mapping + 1

# a page-table record: the lock record of its PTL, then the line record of its ptes
D_POPULATED = 4  # in the pte line's own words: 1 when the table exists

M_PTE = 0  # base of the pte bits
M_TABLE = 1  # base of the page-table records
M_MM = 2  # base of its mm record
M_INDEX = 3  # its number
M_VMA_LOCK = 4  # base of its per-VMA lock's record
M_WORDS = 8

TABLE_PAGES = 512
FLIGHT_SLOTS = 256  # more than there are CPUs on an L3
STREAM_LINES = 64  # struct pages in 4 KiB: a hardware stream prefetcher does not leave that
SLOTS_SHIFT = 3  # radix-tree slots in a cache line: 8 pointers
PARENT_SHIFT = 6  # such lines below one line of their parents' slots: 8 nodes of 64 slots
PTE_BITS = 32
PTE_SHIFT = 5
TABLE_SHIFT = 9

# --- instruction --------------------------------------------------------------------------------
I_OP = 0
I_A = 1
I_B = 2
I_COST = 3  # cost index of the step's own work
I_CATEGORY = 4
I_TARGET = 5  # where to go when the condition fails
I_PRIVATE = 6  # PRIVATE_*
I_COST_CATEGORY = 7  # category of the step's own work
I_NEXT = 8  # the instruction that follows
I_TIMED = 9  # 1: its duration is more than its own work: ask delay_ps
I_RUN = 10  # 1: the task comes back to the same page's line: the core tries to keep it
I_WORDS = 12

# OWN_TABLES: private if every page table has one user; a World knows, and holds the answer
PRIVATE_NEVER, PRIVATE_ALWAYS, PRIVATE_OWN_TABLES = 0, 1, 2

NEVER_PS = 1 << 62  # a time that does not come

ASLEEP = -1  # no event of its own: somebody will wake it
ENDED = -2
HALTED = -3  # a BUG_ON that the run does not survive

FLAG_LOCKED, FLAG_UPTODATE, FLAG_OURS, FLAG_READAHEAD = 1, 2, 4, 8

ACCESS_SEQUENTIAL, ACCESS_RANDOM, ACCESS_ONE_PER_TABLE = 0, 1, 2
LOCK_TICKET, LOCK_MCS, LOCK_TEST_AND_SET = 0, 1, 2
HAND_OVER_RACING, HAND_OVER_FAIR, HAND_OVER_BOUNDED = 0, 1, 2
LOCK_MMAP, LOCK_PAGE_TABLE, LOCK_PTL, LOCK_FREE_STANDING = 0, 1, 2, 3
LOCK_I_MMAP, LOCK_TREE, LOCK_VMA = 4, 5, 6

LINE_LOAD, LINE_STORE, LINE_RMW = 0, 1, 2
# distances, nearest first; memory rows use SAME_SOCKET for local memory
SAME_CORE, SAME_L3, SAME_SOCKET, ONE_HOP, TWO_HOPS = 0, 1, 2, 3, 4
N_DISTANCES = 6  # a sixth word: the SMT sibling's share of a coalesced transfer
SIBLING = 5

DRAW_START, DRAW_READ, DRAW_ACCESS, DRAW_ARBITRATE, DRAW_THINK, DRAW_HOLD = 0, 1, 2, 3, 4, 5
DRAW_CACHED = 7  # by page: whether it is in the page cache at first
DRAW_ACTOR = 6  # an actor's rounds, the device's latency, a test-and-set lock's winner

QUANTILE_KNOTS = 4097  # coarse knots, then as many fine ones for the last coarse interval
QUANTILE_WORDS = 2 * QUANTILE_KNOTS
QUANTILE_ONE = 1 << 16  # a quantile table holds multiples of the mean in 1/65536
QUANTILES_READ, QUANTILES_EXPONENTIAL, QUANTILES_DEVICE = 0, 1, 2
N_QUANTILES = 3

DUE_LATENCY, DUE_INTERRUPT = 1, 2  # a latency to record; handlers to run

HIST_SUB_BITS = 7  # 128 buckets an octave: relative width <= 1/128
HIST_BUCKETS = 128 * 42  # values below 2**48 ps = 281 s; above: the last bucket
Y_COUNT = 0  # latency record: how many, their sum, the greatest, then the histogram
Y_SUM = 1
Y_MAX = 2
Y_BUCKETS = 8
Y_WORDS = Y_BUCKETS + HIST_BUCKETS
SERIES_BINS = 1024
SERIES_FIRST_SHIFT = 20

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
)
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
)
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
N_BUG1 = COUNTERS.index("bug1")
N_COUNTERS = len(COUNTERS)

# --- the alphabet: operations of instructions ---------------------------------------------------
# Grouped: steps on the cursor's page, conditions, locks, then steps of the task itself.
OPS = (
    "add",
    "trylock_page",
    "unlock_page",
    "wait_on_page",
    "set_pte",
    "populate",
    "gang_remember",
    "gang_forget",
    "lock_page",
    "set_flags",
    "clear_pte",
    "add_to_cache",
    "submit_read",
    "read_ahead",
    "remove",
    "bug_on",
    "shootdown",
    "add_folio_refs",
    "flush_table",
    "free_table",
    "when_flags",
    "when_pte_none",
    "when_table_missing",
    "when_gang_holds",
    "when_not_target",
    "when_cached",
    "when_frame_free",
    "when_mapped",
    "when_frozen",
    "when_table_covered",
    "when_noted",
    "when_touched",
    "when_vma_cached",
    "when_window_open",
    "lock",
    "unlock",
    "work",
    "think",
    "fence",
    "next_access",
    "touch",
    "fault_begin",
    "fault_end",
    "window",
    "next_page",
    "to_head",
    "from_head",
    "next_in_folio",
    "next_folio",
    "count",
    "note",
    "finish",
    "teardown_table",
    "cache_vma",
    "load_pgd",
    "load_mmap_sem",
    "read_slots",
    "begin",
    "pause",
    "pick_range",
    "next_in_range",
    "pick_mapping",
    "pick_touched",
    "next_in_table",
    "next_table",
    "first_mapping",
    "next_mapping",
    "io_next",
    "stop",
    "rest",
)
OP_ADD = 0
OP_TRYLOCK_PAGE = 1
OP_UNLOCK_PAGE = 2
OP_WAIT_ON_PAGE = 3
OP_SET_PTE = 4
OP_POPULATE = 5
OP_GANG_REMEMBER = 6
OP_GANG_FORGET = 7
OP_LOCK_PAGE = 8
OP_SET_FLAGS = 9
OP_CLEAR_PTE = 10
OP_ADD_TO_CACHE = 11
OP_SUBMIT_READ = 12
OP_READ_AHEAD = 13
OP_REMOVE = 14
OP_BUG_ON = 15
OP_SHOOTDOWN = 16
OP_ADD_FOLIO_REFS = 17
OP_FLUSH_TABLE = 18
OP_FREE_TABLE = 19
OP_WHEN_FLAGS = 20
OP_WHEN_PTE_NONE = 21
OP_WHEN_TABLE_MISSING = 22
OP_WHEN_GANG_HOLDS = 23
OP_WHEN_NOT_TARGET = 24
OP_WHEN_CACHED = 25
OP_WHEN_FRAME_FREE = 26
OP_WHEN_MAPPED = 27
OP_WHEN_FROZEN = 28
OP_WHEN_TABLE_COVERED = 29
OP_WHEN_NOTED = 30
OP_WHEN_TOUCHED = 31
OP_WHEN_VMA_CACHED = 32
OP_WHEN_WINDOW_OPEN = 33
OP_LOCK = 34
OP_UNLOCK = 35
OP_WORK = 36
OP_THINK = 37
OP_FENCE = 38
OP_NEXT_ACCESS = 39
OP_TOUCH = 40
OP_FAULT_BEGIN = 41
OP_FAULT_END = 42
OP_WINDOW = 43
OP_NEXT_PAGE = 44
OP_TO_HEAD = 45
OP_FROM_HEAD = 46
OP_NEXT_IN_FOLIO = 47
OP_NEXT_FOLIO = 48
OP_COUNT = 49
OP_NOTE = 50
OP_FINISH = 51
OP_TEARDOWN_TABLE = 52
OP_CACHE_VMA = 53
OP_LOAD_PGD = 54
OP_LOAD_MMAP_SEM = 55
OP_READ_SLOTS = 56
OP_BEGIN = 57
OP_PAUSE = 58
OP_PICK_RANGE = 59
OP_NEXT_IN_RANGE = 60
OP_PICK_MAPPING = 61
OP_PICK_TOUCHED = 62
OP_NEXT_IN_TABLE = 63
OP_NEXT_TABLE = 64
OP_FIRST_MAPPING = 65
OP_NEXT_MAPPING = 66
OP_IO_NEXT = 67
OP_STOP = 68
OP_REST = 69
