"""Where everything lies in the World: one flat sequence of integers, called ``w``.

The state of a run is a single one-dimensional sequence of 64-bit integers: a Python list in the
reference engine and the explorer, an ``int64`` array in the compiled engine. It starts with a
header of scalars (``H_*``); the header says where each region begins. A region is a row of
records; a record's words are named here by their offset (``T_*`` task, ``L_*`` cache line, …).

One sequence instead of many arrays, because passing arrays between compiled functions costs more
than an addition, because a store buffer is then a list of (address, value), and because a state is
copied, hashed and compared in one operation.

Outside compiled code its names are written ``lay.NAME`` (those of ``ops``: ``ops.NAME``, of the
explorer: ``ex.NAME``); modules that are compiled import all of them by the star.

Nothing in this module computes. Times are picoseconds.
"""

from collections.abc import MutableSequence

from dessim.kernel.account_names import *
from dessim.kernel.cpu_names import *
from dessim.kernel.draw_names import *
from dessim.kernel.frame_names import *
from dessim.kernel.latency_names import *
from dessim.kernel.line_names import *
from dessim.kernel.mm_names import *
from dessim.kernel.order_names import *
from dessim.kernel.paging_names import *
from dessim.kernel.protocol_names import *
from dessim.kernel.record import Record

World = MutableSequence[int]

# --- sizes --------------------------------------------------------------------------------------
TABLE_PAGES = 512  # of 4 KiB that one page table maps; of others see H_TABLE_SHIFT
PTE_BITS = 32
PTE_SHIFT = 5
FLIGHT_SLOTS = 256  # more than there are CPUs on an L3
STREAM_LINES = 64  # struct pages in 4 KiB: a hardware stream prefetcher does not leave that
SLOTS_SHIFT = 3  # radix-tree slots in a cache line: 8 pointers
PARENT_SHIFT = 6  # such lines below one line of their parents' slots: 8 nodes of 64 slots
MASK_BITS = 62  # cores in one word of a sharer mask

# --- header: bases of regions, then scalars -----------------------------------------------------
_header = Record()
H_TASKS = _header.word()  # number of tasks
H_TASK = _header.word()  # base of the task records
H_CORE = _header.word()  # base of the core records (C_*)
H_PROG = _header.word()  # base of the instructions (I_*)
H_PAGE = _header.word()  # base of the page records (a line record, then P_*)
# words of one page record: depends on the numbers of cores and L3 domains
H_PAGE_WORDS = _header.word()
H_PAGES = _header.word()  # number of simulated file pages
H_SEEN = _header.word()  # offset inside a page record of its per-L3 "last read" words
H_TABLE_WORDS = _header.word()  # words of one page-table record: a lock record and a line record
H_LINE_WORDS = _header.word()  # words of one line or lock record
H_MASKS = _header.word()  # words of a line's sharer mask
H_TABLES = _header.word()  # page tables per mapping
# log2 of the ptes of a page table, and of the tables below a PMD page: a page of 8 bytes each
H_TABLE_SHIFT = _header.word()
H_TABLE_LINES = _header.word()  # cache lines of a page, and of a page table
H_GANG = _header.word()  # base, per task: pages that a gang lookup holds, 32 a word
H_MM = _header.word()  # base of the mm records (MM_*)
H_MAPPING = _header.word()  # base of the mapping records (M_*)
# base of the cost table: rows of N_COSTS, by how many SMT siblings are busy
H_COST = _header.word()
H_LINE_COST = _header.word()  # base of the line cost table, [op][state][distance]
H_HOPS = _header.word()  # base of the socket hop matrix
H_L3S = _header.word()  # L3 domains
H_L3_CORES = _header.word()  # cores of each of them
H_L3_DISTANCE = _header.word()  # base: distance of two L3 domains, SAME_L3 of one from itself
H_SOCKETS = _header.word()
H_QUANTILES = _header.word()  # base of the quantile tables
H_WORK = _header.word()  # base of the factors of a step's own work
# base of the latency records (Y_*): N_FAULT_RECORDS, then one for each of CALLS
H_HIST = _header.word()
H_SERIES = _header.word()  # base of the time series of faults, then of pages
H_SERIES_ROWS = _header.word()  # number of these time series: more follow in some runs
H_SERIES_SHIFT = _header.word()  # log2 of the width of a bin in ps
H_COUNT = _header.word()  # base of the counters (N_*)
H_WOKEN = _header.word()  # base of the list of tasks woken by the current event: count, then ids
H_NODE = _header.word()  # base of memory nodes: time until which each is busy
H_L3 = _header.word()  # base of per-L3 sequence numbers of pages read into it
H_BUCKET = _header.word()  # base of the hashed page wait queues (first task + 1)
H_BUCKETS = _header.word()  # number of wait queues
H_KEY = _header.word()  # 32-bit key of the random draws
H_HOLD = _header.word()  # ps a core keeps a line that it fetched
# arbitration: threshold of a 32-bit draw below which the nearest is served
H_SHARE = _header.word()
H_COALESCE = _header.word()  # the same below which a request joins that of its SMT sibling
H_HIDDEN_PPM = _header.word()  # share of a sequential struct-page transfer that prefetch hides
H_EVICT = _header.word()  # ps after which an untouched line has left the private caches
H_L3_HIT = _header.word()  # ps of a load from the own L3
H_L3_PAGES = _header.word()  # pages that one L3 holds
H_NODE_PAGE = _header.word()  # ps of node bandwidth that one page takes
H_PTL_KIND = _header.word()  # LOCK_TICKET, LOCK_MCS, …
H_TICKET_WAITER = _header.word()  # ps of hand-over per waiter of a ticket lock
H_MCS_PPM = _header.word()  # hand-over of an MCS lock in transfers
H_SPLIT_PTL = _header.word()  # 1: a lock per page table; 0: one per mm
H_SPLIT_PMD = _header.word()  # 1: new page tables go in under a lock per PMD page; 0: per mm
H_ORDER = _header.word()  # log2 of the fault-around window
H_ACCESS = _header.word()  # ACCESS_*
H_ACCESSES = _header.word()  # accesses per task
H_STEADY_FROM = _header.word()  # start of the last thread
H_STEADY_TO = _header.word()  # end of the first thread, or a time that never comes
H_EVENTS = _header.word()  # steps carried out
H_END = _header.word()  # time at which the last task ended
H_ACCESS_COST = _header.word()  # cost index of one user access when it does not come from L3
H_LOCK = _header.word()  # base of the record of the free-standing lock of a lock loop
# base: time of a DRAM read from 0, 1, 2 hops away, in ppm of a local one
H_FAR_READ = _header.word()
H_THINK_QUANTILES = _header.word()  # quantile table of the think time, or 0: fixed
H_HOLD_QUANTILES = _header.word()  # quantile table of the hold time, or 0: fixed
H_INTERLEAVE = _header.word()  # 1: file pages alternate over nodes, 0: all on node 0
H_CPU = _header.word()  # base of the CPU records (U_*)
# tasks of the workload that are alive: actors and devices end with the last of them
H_LIVE = _header.word()
H_WORKERS = _header.word()  # tasks of the workload; actors and devices come after them
H_MAPPINGS = _header.word()  # number of mappings of the file
H_IO_HEAD = _header.word()  # first page that waits for the device + 1
H_IO_TAIL = _header.word()
H_IO_IDLE = _header.word()  # first idle device slot's task + 1
H_READAHEAD = _header.word()  # pages read ahead of a miss
H_PAGE_HAND_OVER = _header.word()  # HAND_OVER_*: what unlock_page does for who wants the lock
H_PAGE_RETRIES = _header.word()  # bounded: after so many lost races a waiter is handed the lock
H_SHARED_FIRST = _header.word()  # 1: who waits for a page's release queues at the head
H_SLICE = _header.word()  # ps of a time slice
H_TAS_WAITER = _header.word()  # ps of hand-over per waiter of a test-and-set lock
H_TLB = _header.word()  # base of the TLBs, or 0: translation costs nothing
H_TLB_WORDS = _header.word()  # words of one core's TLB
H_TLB_L1_SETS = _header.word()
H_TLB_L1_WAYS = _header.word()
H_TLB_L2_SETS = _header.word()
H_TLB_L2_WAYS = _header.word()
H_FLUSH_CEILING = _header.word()  # pages above which the whole TLB is flushed
H_BUG_AT = _header.word()  # time of the first BUG + 1, or 0
H_BUG_PAGE = _header.word()  # page of the fatal BUG
H_BUG_TASK = _header.word()  # task + 1 that met the fatal BUG, or 0
H_BUG_WHICH = _header.word()  # 0 or 1: BUG1 or BUG2
H_MEANINGLESS = _header.word()  # operation + 1 that no dispatch knows and that a task met, or 0
H_FILE = _header.word()  # base of the file's lock records: i_mmap_mutex, tree_lock
H_PCID = _header.word()  # 1: a switch to another mm does not flush the TLB
H_UNMAP_EVERY = _header.word()  # pages after which a thread unmaps what it touched
H_FOLIO = _header.word()  # pages of a folio of the file
# base of the pages on their way into each L3: FLIGHT_SLOTS of (page + 1, arrival)
H_FLIGHT = _header.word()
H_TRAIN = _header.word()  # sequential lines that miss before the prefetcher runs ahead
H_SAME_DRAWS = _header.word()  # 1: all threads draw the same random pages
# base, per L3: random words read so far by whoever is ahead, arrival of the last
H_DRAWN = _header.word()  # base, by task and purpose: draws made ahead, DRAWN_AHEAD at a time
H_LEAD = _header.word()
# interval of the creating thread: the part that is the same for all, the mean of the random one
H_CREATE = _header.word()
H_CREATE_RANDOM = _header.word()
H_ENDED = _header.word()  # tasks that have ended
H_FILE_TABLES = _header.word()  # page tables of one mapping of the whole file
H_WALK_MISS = _header.word()  # base, per L3: mean ps of a page walk for ptes that it could not keep
# page walks that a core can have in progress, or 0: as many as it has CPUs in use
H_WALKERS = _header.word()
H_WALKER = _header.word()  # base, H_WALKERS words per core: until when each of them is busy
# log2 of the ptes of a block that carry the contiguous bit where one folio has them all; 0: none do
H_CONTPTE = _header.word()
# --- frames of memory, where faults allocate any: all 0 elsewhere ---
H_FRAME = _header.word()  # base of the frame records (F_*), node by node; 0: there are none
H_FRAMES = _header.word()  # frames of each node
H_ZONE = _header.word()  # base of the node records: lines of zone and LRU lock, then Z_*
H_ZONE_WORDS = _header.word()  # words of one node record
H_FRAME_OF = _header.word()  # base, per page of all regions: frame + 1 that is mapped there, or 0
H_MEMCG = _header.word()  # base: a line for each page counter, then for each node's LRU sizes
H_LEVELS = _header.word()  # number of such counters
H_REGION = _header.word()  # pages of one task's own region or file, or 0: all share one
H_RUN = _header.word()  # pages of a page table that munmap of a written file flushes at once
H_PCP_BATCH = _header.word()  # pages moved between a CPU's list and its zone at once
H_PCP_HIGH = _header.word()  # pages of a CPU's list from which some are given back
H_PCP_MOST = _header.word()  # pages up to which that mark grows; no more than it: it does not
H_PCP_SCALE = _header.word()  # how often such a batch is doubled at most
# the same of lists of single pages, where folios and single pages go side by side: in this order
H_SINGLE_BATCH = _header.word()
H_SINGLE_HIGH = _header.word()
H_SINGLE_MOST = _header.word()
H_SINGLE_SCALE = _header.word()
H_LRU_BATCH = _header.word()  # pages that a CPU collects before it puts them on the LRU
H_RELEASE = _header.word()  # pages taken off the LRU under its lock at once
H_MEMCG_BATCH = _header.word()  # pages charged at once: what is not used is the CPU's stock
H_UNCHARGE = _header.word()  # pages freed before they are uncharged
H_GATHER = _header.word()  # frames that an unmap gathers before it flushes and frees them
H_RSS_BATCH = _header.word()  # pages that are counted apart before they are added to the mm's count
H_STRUCT_MISS = _header.word()  # base, per node: ps to read one of its struct pages, uncached
H_NODE_ZERO = _header.word()  # base, per node: ps of its bandwidth that zeroing a page takes
H_NODE_COPY = _header.word()  # base, per node: ps of its bandwidth that copying a page takes
H_ANON = _header.word()  # pages of a frame: of a folio of memory, or 1
H_CALLS = _header.word()  # system calls that a task makes after each sweep
H_BATCHED = _header.word()  # 1: the ptes of a folio are unmapped, or copied, in one go
H_BUDDY_MISS = _header.word()  # parts per million of a buddy's miss that its prefetch leaves
H_SWEEP = _header.word()  # pages of a region that a sweep touches
H_SWEEP_BITS = _header.word()  # bits of their numbers if it takes them in random order, or 0
H_MERGED = _header.word()  # 1: all mappings of an mm are one VMA
H_RWSEM = _header.word()  # 1: writers spin and steal (`rwsem`), 0: locks go in order
H_TRACE = _header.word()  # base of a trace's accesses (page, ps of think time or arrival), or 0
H_PARTS = _header.word()  # base of what folios have mapped (FP_*), one a frame; 0: all, always
H_SPLIT = _header.word()  # base of the deferred split queues (a lock record, then SPLIT_LENGTH)
H_MEMORY = _header.word()  # pages of all frames of all nodes, where some are of folios
H_SPLIT_QUEUES = _header.word()  # deferred split queues: one of the memory cgroup, or one a node
H_DROP = _header.word()  # pages that MADV_DONTNEED drops at once
H_DROP_EVERY = _header.word()  # pages from where it begins to where the next call does
H_OPEN = _header.word()  # 1: accesses arrive at times of their own
H_PAGING = _header.word()  # base of the record of a file larger than memory (G_*), or 0
H_OBJECT = _header.word()  # base of the files that execs map (a lock record, then O_*), or 0
H_OBJECT_WORDS = _header.word()  # words of one such file
H_OBJECTS = _header.word()  # number of files that an exec maps
H_LINKS = _header.word()  # how often an exec, or a fork, takes a file's i_mmap_rwsem to map it
H_FILE_VMAS = _header.word()  # mappings of a file that are left then
H_UNLINKS = _header.word()  # mappings that are unlinked at once
H_PROTOCOL = _header.word()  # base of a protocol, for the explorer (Q_*); 0 elsewhere
H_WORDS = _header.end(multiple=8)

# Words of the header that steps change. The others stay as setting up left them, and so do the
# instructions: a loop for one program may take them for numbers (``engines.specialise``), except
# for the key, so that runs that differ in their random draws alone share it.
H_CHANGING = (
    *(H_SERIES_SHIFT, H_STEADY_FROM, H_STEADY_TO, H_EVENTS, H_END, H_LIVE, H_ENDED),
    *(H_IO_HEAD, H_IO_TAIL, H_IO_IDLE),
    *(H_BUG_AT, H_BUG_PAGE, H_BUG_TASK, H_BUG_WHICH, H_MEANINGLESS),
)

# --- task ---------------------------------------------------------------------------------------
# In order of use: the first lines of a record are touched by every step.
_task = Record()
T_PC = _task.word()
T_AT = _task.word()  # time of the task's next event, or ASLEEP
T_CLOCK = _task.word()  # everything before this time is accounted
T_WAIT = _task.word()  # category of the time between T_CLOCK and the next event
T_COSTS = _task.word()  # base of its row of the cost table: by how many SMT siblings are busy
T_DUE = _task.word()  # DUE_*: what comes before its next shared step
T_QUEUED = _task.word()  # line for which it waits, or 0
T_GRANT = _task.word()  # service time granted by an arbiter, or -1
T_CORE = _task.word()
T_RUN = _task.word()  # what its current step asks of a line: 1 to keep it for a while
T_SMT = _task.word()  # 1: another task runs on the core: use the slower row of costs
T_WORK = _task.word()  # 32 bits: the upper ones choose the factor of its step's own work
T_ACCESS = _task.word()  # accesses done
T_NEXT = _task.word()  # next task + 1 in the queue in which it stands
T_LINE_OP = _task.word()  # operation of the request that waits for a line
T_FAULT_AT = _task.word()  # time at which the current fault began
T_L3 = _task.word()
T_SOCKET = _task.word()
T_PAGE = _task.word()  # page of the current access: the target of a fault
T_CURSOR = _task.word()  # page on which page steps act
T_STOP = _task.word()  # end of the window (exclusive)
T_LAST = _task.word()  # last page whose line was fetched: sequential transfers are prefetched
T_MAPPED = _task.word()  # pages mapped by the current fault
T_FAULT_END = _task.word()  # time at which the last fault ended
T_RIDER = _task.word()  # task + 1 on the SMT sibling that rides on this task's request
T_DRAW = _task.words(N_COUNTED_DRAWS)  # by purpose: number of the next draw
T_OWN_TABLES = _task.word()  # TABLES_SHARED, TABLES_OWN, PMDS_OWN
T_PTE = _task.word()  # base of its mapping's pte bits
T_TABLE = _task.word()  # base of its mapping's page-table records
T_MM = _task.word()  # base of its mm record
T_TOUCHED = _task.word()  # pages touched since the last munmap
T_MAPPING = _task.word()  # base of its mapping record
T_CPU = _task.word()  # its CPU record
T_SIBLING = _task.word()  # CPU record of its SMT sibling, or 0
T_ACCOUNT = _task.words(N_CATEGORIES)  # time by category
T_FOLIO_REFS = _task.word()  # ptes of the folio set by the current batch
T_START = _task.word()
T_FINISH = _task.word()  # time of the last access
T_WAIT_PAGE = _task.word()  # page in whose wait queue it stands, asleep or not yet, or -1
T_LOOKS = _task.word()  # LOOKS_*: how far it is on its way to sleep on a page
T_PAGE_NEXT = _task.word()  # next task + 1 in the hashed wait queue in which it stands
T_TRIED = _task.word()  # attempts at the current fault that waited for a page and gave up
T_VISITED = _task.word()  # mapping on which its steps act: an actor's visit, munmap, teardown
T_SHARED_WANT = _task.word()  # 1: it waits for a lock as a reader
T_READY = _task.word()  # since when it could run, if it had a CPU
T_TRIES = _task.word()  # races lost for a page lock; or since when a writer sleeps (`rwsem`)
T_EXCLUSIVE = _task.word()  # 1: it waits for the page lock itself, 0: only for its release
T_ACTOR = _task.word()  # 1: it is not part of the workload
T_EVERY = _task.word()  # actor: mean ps between two rounds; replay: base of its accesses
T_RANGE = _task.word()  # actor: pages of one round; replay: pages of its own region
T_HOME_MM = _task.word()  # the mm it runs in (an actor's T_MM moves from mapping to mapping)
T_FROM = _task.word()  # where the cursor was before it went to the head of the folio
T_SLICE_FROM = _task.word()  # when its time slice began
T_PENDING = _task.word()  # ps of interrupt handlers that it still has to run
T_IRQS_OFF = _task.word()  # since when its CPU's interrupts are off + 1, or 0: they are on
T_SENT = _task.word()  # when it asked other CPUs to flush
T_ASKED_BY = _task.word()  # first task + 1 that waits for its CPU's answer
T_ASKS_TO = _task.word()  # end of the tasks (exclusive) whose CPUs it waits for
T_NOTED = _task.word()  # what a step noted, or what litmus tests loaded: 2 bits a register
T_GANG = _task.word()  # base of its marks of the pages that a gang lookup holds
T_FLUSHED = _task.word()  # shootdowns of its mm that its CPU knows of
T_SLOTS_FROM = _task.word()  # first of the lines of radix-tree slots that are still at hand
T_SLOTS = _task.word()  # last line of radix-tree slots that it read, or -2
T_STREAM = _task.word()  # sequential lines up to T_LAST
T_FIRST = _task.word()  # first page of its own region or file
T_FRAME = _task.word()  # frame + 1 that it has allocated and not yet mapped
T_GATHER = _task.word()  # first frame + 1 that it has unmapped and not yet freed
T_GATHERED = _task.word()  # how many frames there are
T_CLEARED = _task.word()  # ptes of folios and single pages cleared, and not yet flushed
T_PARTS = _task.word()  # first frame + 1 that it has unmapped in part, and not yet queued
T_DEFERRED = _task.word()  # first frame + 1 of its folios that are on a deferred split queue
T_SCAN = _task.word()  # how many of them it has still to split in this scan
T_MIGRATED = _task.word()  # ptes of the folio that it splits: migration entries meanwhile
T_LINKED = _task.word()  # frames of a batch of which it has changed the LRU's sizes so far
T_RELEASED = _task.word()  # first frame + 1 that it has taken off the LRU and not yet freed
T_UNCHARGED = _task.word()  # pages that it has freed and not yet uncharged
T_CALL_AT = _task.word()  # when its current system call began
T_CALLS = _task.word()  # calls made after the current sweep
T_RSS = _task.word()  # pages that it has mapped or unmapped and not yet added to its mm's count
T_FETCHED = _task.word()  # when the line of mmap_lock arrives that it has prefetched
T_OBJECTS = _task.word()  # base of the first of the files that its execs map
T_OBJECT = _task.word()  # base of the one that it maps or unmaps
T_SECTION = _task.word()  # how often it has taken that file's i_mmap_rwsem so far
T_WORDS = _task.end(multiple=8)

# --- cache line, and the objects that begin with one --------------------------------------------
_line = Record()
L_OWN = _line.word()  # core << 2 | state
L_FREE = _line.word()  # time from which another core may take the line
L_QUEUE = _line.word()  # first waiting task + 1 | (last waiting task + 1) << 20
L_HOME = _line.word()  # memory node
_OBJECT = _line.words(4)  # of the object on the line: A_STATE
L_ARRIVE = _line.word()  # when the last transfer arrives: an SMT sibling cannot use it before
L_MASK = _line.end()  # sharers, MASK_BITS cores a word: as many words as a machine needs

_page = Record(_OBJECT)
P_FLAGS = _page.word()
P_MAPCOUNT = _page.word()  # number of mappings: the kernel's _mapcount + 1
P_REFCOUNT = _page.word()
P_NEXT = _page.word()  # next page + 1 in the device's queue

_lock = Record(_OBJECT)
K_HOLD = _lock.word()  # 0 free, -1 held exclusively, n > 0 readers
K_HEAD = _lock.word()  # first waiter + 1
K_TAIL = _lock.word()
K_WAITERS = _lock.word()

_counter = Record(_OBJECT)
COUNTED_PAGES = _counter.word()  # of a page counter, or of an mm's count: pages

_vma_cache = Record(_OBJECT)
V_FOUND = _vma_cache.word()  # number of the mapping found last + 1

# a page-table record: the lock record of its PTL, then the line record of its ptes
_ptes = Record(_OBJECT)
D_POPULATED = _ptes.word()  # in the line of the ptes: 1 when the table exists

UNCACHED, SHARED, MODIFIED = 0, 1, 2

# --- others -------------------------------------------------------------------------------------
_mapping = Record()
M_PTE = _mapping.word()  # base of the pte bits
M_TABLE = _mapping.word()  # base of the page-table records
M_MM = _mapping.word()  # base of its mm record
M_INDEX = _mapping.word()  # its number
M_VMA_LOCK = _mapping.word()  # base of its per-VMA lock's record
M_PMD = _mapping.word()  # base of the lock of its first PMD page, if they are split
M_PMD_FIRST = _mapping.word()  # place of its first page table in that PMD page
M_SEQ = _mapping.word()  # vm_lock_seq: that of the mm while the mapping is being written
M_WORDS = _mapping.end(multiple=8)

# --- instruction --------------------------------------------------------------------------------
_instruction = Record()
I_OP = _instruction.word()
I_A = _instruction.word()
I_B = _instruction.word()
I_COST = _instruction.word()  # cost index of the step's own work
I_CATEGORY = _instruction.word()
I_TARGET = _instruction.word()  # where to go when the condition fails
I_PRIVATE = _instruction.word()  # PRIVATE_*
I_COST_CATEGORY = _instruction.word()  # category of the step's own work
I_NEXT = _instruction.word()  # the instruction that follows
I_TIMED = _instruction.word()  # what its duration is besides its own work: *_LINE | OWN_RULE, or 0
# 1: the task comes back to the same page's line: the core tries to keep it
I_RUN = _instruction.word()
I_ACCESS = _instruction.word()  # how it asks for its line: LINE_*
I_VARIES = _instruction.word()  # 1: its own work varies; 0 everywhere if the machine has no work_cv
I_WORDS = _instruction.end(multiple=8)

# OWN_TABLES: private if every page table has one user; a World knows, and holds the answer
PRIVATE_NEVER, PRIVATE_ALWAYS, PRIVATE_OWN_TABLES = 0, 1, 2
PRIVATE_BEHIND_STORES = 3  # in the explorer: nobody sees it, and it waits for the task's stores

NO_LOCKING, TAKES_LOCK, DROPS_LOCK, TAKES_PAGE, DROPS_PAGE = 0, 1, 2, 3, 4
MAY_LOCK_PAGE = 5  # it changes the page's flags
LOCKS_PAGE_FOR_DEVICE, LOCKS_NEXT_FOR_DEVICE, LOCKED_BY_DEVICE = 6, 7, 8
DOWNGRADES_LOCK = 9  # a writer becomes a reader
# What a task waits for that does not go on behind a step.
WAITS_NEVER, WAITS_FOR_LOCK, WAITS_FOR_PAGE, WAITS_FOR_CPU, WAITS_FOR_DEVICE = 0, 1, 2, 3, 4

NEVER_PS = 1 << 62  # a time that does not come

ASLEEP = -1  # no event of its own: somebody will wake it
ENDED = -2
HALTED = -3  # nothing goes on: a BUG_ON that the run does not survive, or a step without meaning

FLAG_LOCKED, FLAG_UPTODATE, FLAG_OURS, FLAG_READAHEAD = 1, 2, 4, 8
FLAG_REFERENCED, FLAG_ACTIVE, FLAG_WORKINGSET = 16, 32, 64

LOOKS_FIRST, LOOKS_AGAIN, SLEEPS_ON_PAGE = 0, 1, 2
DUE_LATENCY, DUE_INTERRUPT = 1, 2  # a latency to record; handlers to run
