"""Records of memory itself: frames (what a struct page is to the allocator) and nodes."""

from dessim.kernel.record import Record

# --- frame of memory: what a struct page is to the allocator ---
_frame = Record()
F_NEXT = _frame.word()  # next frame + 1 in the list in which it is
F_PREV = _frame.word()  # frame + 1 before it in a CPU's list
F_WHERE = _frame.word()  # FRAME_*
F_ON_LRU = _frame.word()  # 1: it is on its node's LRU list; of a file's page: LRU_*
F_CORE = _frame.word()  # core that used its struct page last
F_AT = _frame.word()  # when
F_LRU_NEXT = _frame.word()  # next frame + 1 that waits to be put on the LRU
F_PAGE = _frame.word()  # page of a file that it holds + 1
F_WORDS = _frame.end(multiple=8)
FRAME_FREE, FRAME_ON_CPU, FRAME_IN_HAND, FRAME_MAPPED, FRAME_GATHERED = 0, 1, 2, 3, 4
FRAME_CACHED, FRAME_ISOLATED = 5, 6  # holds a page of a file; off its LRU list, being looked at
FRAME_SPARE = 7  # a page that is in a folio has no frame of its own

# --- what a folio has mapped, where that may be a part of it ---
_part = Record()
FP_PAGES = _part.word()  # pages of the frame: of a folio, or 1
FP_MAPPED = _part.word()  # those of its pages that are mapped
FP_DEFERRED = _part.word()  # 1: it is on a deferred split queue
FP_FIRST = _part.word()  # first page that it is mapped at
FP_WORDS = _part.end(multiple=4)

# which blocks of ptes that carry the contiguous bit a step changes: those of which its range has a
# part, those of the folio that is split, those that mremap moves pte by pte
# of the step that unmaps a page table: only folios of 2 MiB wait to be split; its time is over
ONLY_PMD, ZAP_TIMED = 1, 2
BLOCKS_AT_ENDS, BLOCKS_OF_FOLIO, BLOCKS_OF_TABLE = 0, 1, 2

SPLIT_LENGTH = 0  # of a deferred split queue, behind its lock record: folios
SPLIT_WORDS = 1

# --- node: two lock records (zone, LRU), then these ---
_zone = Record()
Z_HEAD = _zone.word()  # first free frame + 1
Z_TAIL = _zone.word()  # last free frame + 1
Z_FREE = _zone.word()
# the same of its single pages, where folios and single pages go side by side
Z_SINGLE_HEAD = _zone.word()
_zone.words(2)
Z_LISTS_APART = Z_SINGLE_HEAD - Z_HEAD
Z_SPARE = _zone.word()  # first record + 1 of a page that is in a folio: it has no frame of its own
Z_LRU = _zone.word()  # pages on its LRU list
Z_LIST = _zone.words(6)  # of pages of files, inactive and active: newest + 1, oldest + 1, number
Z_AGE = _zone.word()  # nonresident_age: evictions and activations so far
Z_KSWAPD = _zone.word()  # task + 1 of its kswapd while that sleeps
Z_WORDS = _zone.end(multiple=8)
LRU_NONE, LRU_INACTIVE, LRU_ACTIVE = 0, 1, 2
LIST_WORDS = 3
LIST_NEWEST, LIST_OLDEST, LIST_COUNT = 0, 1, 2
