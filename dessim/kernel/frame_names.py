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

# --- node: two lock records (zone, LRU), then these ---
_zone = Record()
Z_HEAD = _zone.word()  # first free frame + 1
Z_TAIL = _zone.word()  # last free frame + 1
Z_FREE = _zone.word()
Z_LRU = _zone.word()  # pages on its LRU list
Z_LIST = _zone.words(6)  # of pages of files, inactive and active: newest + 1, oldest + 1, number
Z_AGE = _zone.word()  # nonresident_age: evictions and activations so far
Z_KSWAPD = _zone.word()  # task + 1 of its kswapd while that sleeps
Z_WORDS = _zone.end(multiple=8)
LRU_NONE, LRU_INACTIVE, LRU_ACTIVE = 0, 1, 2
LIST_WORDS = 3
LIST_NEWEST, LIST_OLDEST, LIST_COUNT = 0, 1, 2
