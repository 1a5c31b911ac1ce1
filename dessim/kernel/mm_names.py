"""Record of an mm: its tasks, its mappings, and who wants its mmap_lock."""

from dessim.kernel.record import Record

_mm = Record()
MM_LIVE = _mm.word()  # tasks alive
MM_MAPPINGS = _mm.word()  # number of mappings
MM_FIRST = _mm.word()  # base of the first mapping record
MM_TASK = _mm.word()  # its first task
MM_TASKS = _mm.word()  # number of its tasks
MM_FLUSHES = _mm.word()  # shootdowns of its translations
MM_SEQ = _mm.word()  # mm_lock_seq: changes when the writer of its mappings is through
MM_WRITER = _mm.word()  # core + 1 that changed its tree of mappings last
MM_SPINS = _mm.word()  # mmap_lock as an rwsem: first writer + 1 that spins on its owner
MM_LAST_SPIN = _mm.word()  # and the last
MM_TRIES = _mm.word()  # writer + 1 that spun, and tries now
MM_SPIN_UNTIL = _mm.word()  # when writers stop spinning on readers
MM_NO_SPIN = _mm.word()  # 1: they have, and nobody spins until the readers are gone
MM_AWAKE = _mm.word()  # writer + 1 that slept, and was woken to try
MM_HANDOFF = _mm.word()  # 1: that writer, or the first sleeper, must not be overtaken
# its lock records: LOCK_MMAP, then LOCK_PAGE_TABLE and LOCK_PTL if they are not split
MM_LOCKS = _mm.end(multiple=8)
MM_VMA_CACHE = 3  # after them the line that holds the mapping found last
MM_RSS_LINE = 4  # and that of the count of its pages
MM_OWNER_LINE = 5  # and the line behind that of mmap_lock: mm_lock_seq, and maybe the owner
MM_LINES = 6
