"""Records of a file that may be larger than memory: readahead, commands of the device, reclaim.

All of it lies behind one word of the header (``H_PAGING``), and is there only for workloads that
name an ``advice``.
"""

from dessim.kernel.record import Record

# --- one record for the run ---
_paging = Record()
G_TASK = _paging.word()  # base of the task records (X_*)
G_DEVICE = _paging.word()  # base of the device records (Q_*)
G_COMMAND = _paging.word()  # base of the command records (J_*), by the frame of the first page
G_FILE = _paging.word()  # the line of the open file's readahead state (A_*)
G_SHADOW = _paging.word()  # base, per page: age of its node when the page was evicted + 1, or 0
G_YOUNG = _paging.word()  # words from a mapping's pte bits to the bits that say which were used
G_HIST = _paging.word()  # base of two latency records of major faults, as H_HIST
G_WINDOW = _paging.word()  # ra_pages
G_SPAN = _paging.word()  # pages of the device that commands of your own go to
G_BLOCK = _paging.word()  # pages that a thread takes at once (ACCESS_BLOCKS)
G_NEXT_BLOCK = _paging.word()  # next of them
G_DEVICES = _paging.word()  # devices side by side
G_STRIPE = _paging.word()  # pages on one device before the next one's turn
G_PACE = _paging.words(2)  # by direction: ps between two commands of one device at most
G_PAGE_PS = _paging.words(2)  # by direction: ps in which one device moves a page at most
G_FINITE = _paging.word()  # 1: memory may run out
G_MIN = _paging.word()  # watermarks of a node, in frames
G_LOW = _paging.word()
G_HIGH = _paging.word()
G_RATIO = _paging.word()  # active pages to an inactive one, above which active ones are looked at
G_SCAN = _paging.word()  # pages that a call of reclaim looks at, at least
G_SEQ_READ = _paging.word()  # 1: uses of the mapping keep no page (MADV_SEQUENTIAL)
G_WORDS = _paging.end(multiple=8)

# --- readahead state of the open file: on a line that its threads share ---
A_STATE = 4  # words of a line before its object: own, free, queue, home
A_START = 0  # the window read last
A_SIZE = 1
A_ASYNC = 2  # pages of it behind the marker
A_MISS = 3  # mmap_miss

# --- device: commands wait in order of arrival ---
_device = Record()
Q_HEAD = _device.word()  # first waiting command + 1
Q_TAIL = _device.word()
Q_IDLE = _device.word()  # first idle slot's task + 1
Q_FREE = _device.words(2)  # by direction: until when its ceilings are used up
Q_COMMANDS = _device.word()  # served so far
Q_WORDS = _device.end(multiple=8)
READS, WRITES = 0, 1

# --- command ---
_command = Record()
J_NEXT = _command.word()  # next command + 1 of its queue
J_FIRST = _command.word()  # first page
J_PAGES = _command.word()
J_DIRECTION = _command.word()
J_TASK = _command.word()  # who submitted it: the interrupt comes to its CPU
J_WAKES = _command.word()  # 1: the task sleeps until it ends, and no page is to be unlocked
J_WORDS = _command.end(multiple=8)

# --- task ---
_task = Record()
X_NEXT = _task.word()  # next page of the window that it reads
X_END = _task.word()
X_MARK = _task.word()  # page to be marked, or -1
X_RUN = _task.word()  # first page + 1 of a row of new pages not yet submitted
X_RUN_PAGES = _task.word()
X_MAJOR = _task.word()  # 1: the present fault is a major one
X_COUNTED = _task.word()  # pages that it has mapped and taken off mmap_miss
X_ISOLATED = _task.word()  # first frame + 1 that it has taken off an LRU list to look at
X_KEPT = _task.word()  # first frame + 1 that goes back
X_YOUNG = _task.word()  # ptes of the page at hand that were used
X_UNMAPPED = _task.word()  # ptes cleared and not yet flushed
X_FREED = _task.word()  # pages freed in the present call
X_SCAN = _task.word()  # pages that are still to be looked at in it
X_BLOCK_END = _task.word()  # accesses at which its block ends
X_DEVICE = _task.word()  # a slot's device
X_COMMAND = _task.word()  # a slot's command, or one's own that one waits for
X_WORDS = _task.end(multiple=8)

# rows of the time series behind those of all workloads
SERIES_TOUCHED, SERIES_READ, SERIES_EVICTED, SERIES_INTERRUPTED = 0, 1, 2, 3
N_PAGING_SERIES = 4
