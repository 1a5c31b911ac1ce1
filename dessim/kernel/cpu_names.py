"""Records of a CPU, with its lists of free pages, and of a core."""

from dessim.kernel.record import Record

_cpu = Record()
U_RUNNING = _cpu.word()  # task + 1 that has the CPU
U_HEAD = _cpu.word()  # first task + 1 of the run queue
U_TAIL = _cpu.word()
U_MM = _cpu.word()  # mm whose translations its core may hold
U_FREE = _cpu.word()  # time at which the task that had it last has left it
U_PCP_HEAD = _cpu.word()  # first frame + 1 of its list of free pages: what was freed last
U_PCP_TAIL = _cpu.word()  # last frame + 1: what goes back to the zone first
U_PCP_COUNT = _cpu.word()
U_PCP_MARK = _cpu.word()  # length of the list from which some go back, if H_PCP_HIGH is less
U_PCP_FACTOR = _cpu.word()  # log2 of what the next batch is multiplied by
U_PCP_FREED = _cpu.word()  # frames freed in a row
U_PCP_SIZES = _cpu.word()  # from H_PCP_BATCH to the batch of this list
# the same of its list of single pages, where folios and single pages go side by side
U_SINGLE_HEAD = _cpu.word()
_cpu.words(6)
LISTS_APART = U_SINGLE_HEAD - U_PCP_HEAD  # from a word of the one list to that of the other
U_LRU_HEAD = _cpu.word()  # first frame + 1 that waits to be put on the LRU
U_LRU_COUNT = _cpu.word()
U_STOCK = _cpu.word()  # pages that are charged and not used
U_WORDS = _cpu.end(multiple=8)

_core = Record()
C_L3 = _core.word()
C_SOCKET = _core.word()
C_WORDS = _core.end()
