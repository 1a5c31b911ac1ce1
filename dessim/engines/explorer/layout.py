"""Names of the explorer's own words, which follow the World's: nothing computes here.

The explorer appends a region to the World, at ``x``: what belongs to a state and where it is
packed, how each instruction is ordered, and the store buffers of the tasks. Outside compiled code
its names are written ``ex.NAME``.
"""

from dessim.kernel.property_names import PROPERTIES as PROPERTIES
from dessim.kernel.record import Record

# --- the explorer's header, offsets from x ------------------------------------------------------
_header = Record()
X_KEYS = _header.word()  # 64-bit words of one packed state
X_FIELDS = _header.word()  # number of fields of a state
X_FIELD = _header.word()  # base of the fields (F_*)
X_MODEL = _header.word()  # SC, TSO (pso, too), LKMM
X_CLASS = _header.word()  # base of the order class of each instruction
X_LOOKUP = (
    _header.word()
)  # base: 1 for an instruction that begins a lookup of a page in the page cache
X_NEEDS = _header.word()  # base: what each instruction needs in order to be carried out
X_BUFFER = _header.word()  # base of the store buffers (B_*), one a task
X_SHARED = _header.word()  # number of shared words
X_SHARE = _header.word()  # base of their addresses
X_LOADS = _header.word()  # base: what each instruction loads, IN_* (lkmm, as all up to X_PICK)
X_STORES = _header.word()  # base: what it stores to
X_ALIVE = _header.word()  # base: what its task may still load from there on
X_EXPOSED = _header.word()  # base: the same, before it comes to a full barrier
X_OPEN = _header.word()  # base: 1: it may look at a pte before it takes the page-table lock
X_USES = _header.word()  # base: 1: what its task knows is used before it comes to a full barrier
X_CARRIED = _header.word()  # base: 1: it stores before that, and what it stores carries a view
X_NUMBERS = _header.word()  # 1: litmus tests, with the numbers of pages and all kinds of order
X_WHERE = _header.word()  # base of the words with a history (W_*)
X_WHERES = _header.word()  # number of them
X_HISTORY = _header.word()  # base of their histories (G_*)
X_VIEWS = _header.word()  # base of the views: of full barriers, of tasks, of locks
X_VIEW_COUNT = _header.word()
X_LOCKS = _header.word()  # base of locks: all addresses, then two facts of each (``Plan.locks``)
X_LOCK_COUNT = _header.word()
X_PICK = _header.word()  # base of scratch: which value of each word a step loads
X_REFUSED = _header.word()  # 1: the last move was not possible after all
X_SAVED = _header.word()  # base of scratch: shared words as they are in memory
X_VIEW = _header.word()  # base of scratch: shared words as a task sees them
X_KEY = _header.word()  # base of scratch: a packed state
X_ATTEMPTS = _header.word()  # faults of each thread; 0: for ever
X_FRESH = _header.word()  # 1: each fault has a target of its own, which nobody else can see
X_PAGES = _header.word()  # pages on which threads and actors meet
X_THREADS = _header.word()  # faulting threads
X_BLOCK = _header.word()  # key words of one thread's part of a state: threads come first
X_SYMMETRIC = _header.word()  # 1: threads are interchangeable
X_FULL = _header.word()  # why not all was tried, if so: bits FULL_*
X_ERROR = _header.word()  # what went wrong in the explorer itself, or 0
X_STATES = _header.word()  # states found
X_DONE = _header.word()  # states whose moves have all been tried
X_MOVES = _header.word()  # moves tried
X_BOUND = _header.word()  # most states
X_WANTED = _header.word()  # properties that are asked for, one bit each
X_VIOLATED = _header.word()  # properties violated so far, one bit each
X_WITNESS = _header.word()  # base: the state (+ 1) and the move with which each was violated first
X_EDGES = _header.word()  # 1: note which state each move leads to
X_MUTE = _header.word()  # 1: do not note violations
X_REST = _header.word()  # program counter of a thread between two faults
X_PSO = _header.word()  # 1: stores to different words reach memory in any order, too
X_PROPERTIES = _header.word()  # expressions of a protocol's properties
# base, three words each: its place, whether it must hold at rest, which property it is
X_PROPERTY = _header.word()
X_LIVE = _header.word()  # base, per instruction: locals that matter from there on, a bit each
X_ENOUGH = _header.word()  # base of rows: when a task's next step is enough (reduction), or 0
X_ENOUGH_ROW = _header.word()  # words of one row, one row an instruction
X_PLACE = _header.word()  # where what a worker wrote down goes on
X_FACTS = _header.word()  # first of the locks that stand for RCU: what is known, in lkmm; or -1
EXPLORER_WORDS = _header.end(multiple=8)

# --- a field: bits of a word of the World, and where they are packed ----------------------------
_field = Record()
F_ADDRESS = _field.word()
F_KIND = _field.word()
F_LOW = _field.word()  # bias of the value, or position of the lowest bit
F_MASK = _field.word()
F_WORD = _field.word()  # key word
F_SHIFT = _field.word()
F_EXTRA = _field.word()  # cursor: where the task's target stands
FIELD_WORDS = _field.end(multiple=8)

FIELD_VALUE, FIELD_BITS, FIELD_CURSOR = 0, 1, 2

# --- store buffers ------------------------------------------------------------------------------
_entry = Record()
E_SHARED = _entry.word()  # number of the shared word
E_KIND = _entry.word()
E_VALUE = _entry.word()  # value to store, sum to add, or bit
E_WORDS = _entry.end()
CAPACITY = 6

_buffer = Record()
B_COUNT = _buffer.word()
B_ENTRY = _buffer.words(CAPACITY * E_WORDS)  # the entries, oldest first
B_WORDS = _buffer.end()

STORE, ADD, SET_BIT, CLEAR_BIT = 1, 2, 3, 4
# in pso: a store that waits for all before it; what later stores wait for
STORE_RELEASE, STORES_BEFORE = 5, 6

SC, TSO, LKMM = 0, 1, 2
FULL_BUFFER, FULL_CHOICES, FULL_HISTORY, FULL_RACE, FULL_WINDOW = 1, 2, 4, 8, 16
FULL_MERGED = 32  # more was tried than the memory model allows

# --- lkmm: words with a history, and views of them ----------------------------------------------
_where = Record()
W_ADDRESS = _where.word()
W_MASK = _where.word()
W_SHIFT = _where.word()
W_KIND = _where.word()  # IN_*
W_WORDS = _where.end()

DEEPEST = 6  # values that a word has at most: the last one, and older ones that somebody may load
USUAL = 4  # the same, of words that have few different values
VIEW_BITS = 3  # of a view: for each word the number of a value, oldest 1; 0: older than all
VIEW_MASK = 7
MOST_WHERES = 20  # in one view

_past = Record()
G_COUNT = _past.word()
G_VALUE = _past.words(DEEPEST + 1)  # [1] is the oldest
G_VIEW = _past.words(DEEPEST + 1)  # what is known to who loads it
G_GLUED = _past.words(DEEPEST + 1)  # 1: an RMW found the value before it: nothing comes between
HISTORY_WORDS = _past.end()

VIEWS_OF_TASK = 6
SEES, KNOWS, CARRIES, OWN, UNLOCKED, LAST = range(6)
VIEWS_OF_LOCK = 3
LOCK_KNOWS, LOCK_CARRIES, READERS_KNOW = range(3)

# --- what an instruction needs: a free lock, an unlocked page, its lock -------------------------
NEEDS_NOTHING, NEEDS_LOCK, NEEDS_UNLOCKED_PAGE, NEEDS_PAGE_LOCK = 0, 1, 2, 3
# of a protocol: a value, to be woken, no readers of before, no stores on their way
NEEDS_VALUE, NEEDS_WAKE_UP, NEEDS_NO_READERS, NEEDS_NO_STORES = 4, 5, 6, 7

# --- properties ---------------------------------------------------------------------------------
BUG1, BUG2, NEGATIVE, BELOW, AT_REST, STALE, FREED, LEAK, DEADLOCK, LIVELOCK = range(10)

# --- what a search can answer; moves are numbered task * MOVES_OF_TASK + which ------------------
# its next step, or one of its stores reaching memory; in lkmm: its next step, with older values
MOVES_OF_TASK = 16
FINISHED, GROW, BOUND, BROKEN, GO = 0, 1, 2, 3, 4
NO_MOVE = -1
TO_BUG = -2
MADE = 2  # a move; 0 and 1 are BUG_ONs
ROW_BITS = 62

# --- what a worker writes down of a state that it has expanded ----------------------------------
_record = Record()
R_STUCK = _record.word()
R_MOVES = _record.word()  # moves tried
R_FULL = _record.word()
R_ERROR = _record.word()
R_FOUND = _record.word()  # how many moves follow
R_WORDS = _record.end()
_found = Record()
C_ACTION = _found.word()
C_OUTCOME = _found.word()  # MADE, NO_MOVE, a BUG_ON
C_STATE = (
    _found.word()
)  # the state that it leads to, if known already; else -1, and its key follows
C_WRONG = _found.word()  # what that state violates
FOUND_WORDS = _found.end()

HASH_BITS = (1 << 62) - 1
KEY_BITS = 62
