"""Records of an mm, of a file that an exec maps, and of who wants the rwsem of either."""

from dessim.kernel.record import Record

# --- rwsem: what it knows besides its lock record ---
_rwsem = Record()
R_SPINS = _rwsem.word()  # first writer + 1 that spins on its owner
R_LAST_SPIN = _rwsem.word()  # and the last
R_TRIES = _rwsem.word()  # writer + 1 that spun, and tries now
R_SPIN_UNTIL = _rwsem.word()  # when writers stop spinning on readers
R_NO_SPIN = _rwsem.word()  # 1: they have, and nobody spins until the readers are gone
R_AWAKE = _rwsem.word()  # writer + 1 that slept, and was woken to try
R_HANDOFF = _rwsem.word()  # 1: that writer, or the first sleeper, must not be overtaken
RWSEM_WORDS = _rwsem.end()

# --- file that an exec maps: a lock record (i_mmap_rwsem), then these ---
_file = Record()
O_RWSEM = _file.words(RWSEM_WORDS)
O_VMAS = _file.word()  # mappings in its tree
O_CHANGER = _file.word()  # core + 1 that changed the tree last
O_OTHER = _file.word()  # core + 1 that did so before that one's changes
O_WORDS = _file.end()

# --- mm ---
_mm = Record()
MM_LIVE = _mm.word()  # tasks alive
MM_MAPPINGS = _mm.word()  # number of mappings
MM_FIRST = _mm.word()  # base of the first mapping record
MM_TASK = _mm.word()  # its first task
MM_TASKS = _mm.word()  # number of its tasks
MM_FLUSHES = _mm.word()  # shootdowns of its translations
MM_SEQ = _mm.word()  # mm_lock_seq: changes when the writer of its mappings is through
MM_WRITER = _mm.word()  # core + 1 that changed its tree of mappings last
MM_RWSEM = _mm.words(RWSEM_WORDS)  # what mmap_lock knows besides its lock record
# its lock records: LOCK_MMAP, then LOCK_PAGE_TABLE and LOCK_PTL if they are not split
MM_LOCKS = _mm.end(multiple=8)
MM_VMA_CACHE = 3  # after them the line that holds the mapping found last
MM_RSS_LINE = 4  # and that of the count of its pages
MM_OWNER_LINE = 5  # and the line behind that of mmap_lock: mm_lock_seq, and maybe the owner
MM_LINES = 6
