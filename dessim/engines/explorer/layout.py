"""Names of the explorer's own words, which follow the World's: nothing computes here.

The explorer appends a region to the World, at ``x``: what belongs to a state and where it is
packed, how each instruction is ordered, and the store buffers of the tasks.
"""

# --- the explorer's header, offsets from x ------------------------------------------------------
X_KEYS = 0  # 64-bit words of one packed state
X_FIELDS = 1  # number of fields of a state
X_FIELD = 2  # base of the fields (F_*)
X_MODEL = 3  # SC, TSO, WEAK
X_CLASS = 4  # base of the order class of each instruction
X_LOOKUP = 5  # base: 1 for an instruction that begins a lookup of a page in the page cache
X_BUFFER = 6  # base of the store buffers (B_*), one a task
X_SHARED = 7  # number of shared words
X_SHARE = 8  # base of their addresses
X_SAVED = 9  # base of scratch: shared words as they are in memory
X_VIEW = 10  # base of scratch: shared words as a task sees them
X_KEY = 11  # base of scratch: a packed state
X_ATTEMPTS = 12  # faults of each thread; 0: for ever
X_FRESH = 13  # 1: each fault has a target of its own, which nobody else can see
X_PAGES = 14  # pages on which threads and actors meet
X_THREADS = 15  # faulting threads
X_BLOCK = 16  # key words of one thread's part of a state: threads come first
X_SYMMETRIC = 17  # 1: threads are interchangeable
X_FULL = 18  # 1: a store buffer was full at least once
X_ERROR = 19  # what went wrong in the explorer itself, or 0
X_STATES = 20  # states found
X_DONE = 21  # states whose moves have all been tried
X_MOVES = 22  # moves tried
X_BOUND = 23  # most states
X_WANTED = 24  # properties that are asked for, one bit each
X_VIOLATED = 25  # properties violated so far, one bit each
X_WITNESS = 26  # base: the state (+ 1) and the move with which each was violated first
X_EDGES = 27  # 1: note which state each move leads to
X_MUTE = 28  # 1: do not note violations
X_REST = 29  # program counter of a thread between two faults
X_WORDS = 32

# --- a field: bits of a word of the World, and where they are packed ----------------------------
F_ADDRESS = 0
F_KIND = 1
F_LOW = 2  # bias of the value, or position of the lowest bit
F_MASK = 3
F_WORD = 4  # key word
F_SHIFT = 5
F_EXTRA = 6  # cursor: where the task's target stands
F_WORDS = 8

FIELD_VALUE, FIELD_BITS, FIELD_CURSOR = 0, 1, 2

# --- store buffers ------------------------------------------------------------------------------
B_COUNT = 0
B_ENTRY = 1  # first entry
E_SHARED = 0  # number of the shared word
E_KIND = 1
E_VALUE = 2  # value to store, sum to add, or bit
E_WORDS = 3
CAPACITY = 6
B_WORDS = 1 + CAPACITY * E_WORDS

STORE, ADD, SET_BIT, CLEAR_BIT, RESERVE_BIT, RELEASE = 1, 2, 3, 4, 5, 6

SC, TSO, WEAK = 0, 1, 2

# --- how an instruction is ordered among the task's own -----------------------------------------
CLASS_LOAD = 0  # reads, and sees the task's own stores
CLASS_FULL = 1  # waits until the task's stores are in memory, then acts on memory
CLASS_ACQUIRE = 2  # acts on memory at once; the task's stores may still be on their way
CLASS_DELAYED = 3  # its effect is on its way for a while
CLASS_RELEASE = 4  # the same, but not before all that came before it
CLASS_RESERVE = 5  # acquire only: the lock is taken, but others see that later

# --- properties ---------------------------------------------------------------------------------
PROPERTIES = (
    "bug1",
    "bug2",
    "mapcount_negative",
    "mapcount_below_ptes",
    "mapcount_at_rest",
    "stale_mapping",
    "use_after_free",
    "leak_at_rest",
    "deadlock",
    "livelock",
)
BUG1, BUG2, NEGATIVE, BELOW, AT_REST, STALE, FREED, LEAK, DEADLOCK, LIVELOCK = range(10)

# --- what a search can answer; moves are numbered task * MOVES_OF_TASK + which ------------------
MOVES_OF_TASK = 1 + CAPACITY  # its next step, or one of its stores reaching memory
FINISHED, GROW, BOUND, BROKEN = 0, 1, 2, 3
NO_MOVE = -1
TO_BUG = -2

HASH_BITS = (1 << 62) - 1
KEY_BITS = 62
