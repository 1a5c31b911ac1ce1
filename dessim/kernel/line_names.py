"""Names of what words of the World choose: accesses, locks, lines, distances."""

ACCESS_SEQUENTIAL, ACCESS_RANDOM, ACCESS_ONE_PER_TABLE, ACCESS_OWN_REGION = 0, 1, 2, 3
ACCESS_BLOCKS, ACCESS_TRACE = 4, 5
LOCK_TICKET, LOCK_MCS, LOCK_TEST_AND_SET = 0, 1, 2
HAND_OVER_RACING, HAND_OVER_FAIR, HAND_OVER_BOUNDED = 0, 1, 2
LOCK_MMAP, LOCK_PAGE_TABLE, LOCK_PTL, LOCK_FREE_STANDING = 0, 1, 2, 3
LOCK_I_MMAP, LOCK_TREE, LOCK_VMA = 4, 5, 6
LOCK_ZONE, LOCK_LRU = 7, 8  # of the task's own node
LOCK_FILE = 9  # i_mmap_rwsem of the file that the task's process maps or unmaps
LOCK_SPLIT = 10  # of the deferred split queue of the task's memory cgroup, or of its node

# who uses a task's page tables; PMDS_OWN: nor has anybody else the locks of the PMD pages above
TABLES_SHARED, TABLES_OWN, PMDS_OWN = 0, 1, 2
LINE_LOAD, LINE_STORE, LINE_RMW = 0, 1, 2
NO_LINE, PAGE_LINE, PTE_LINE, LOCK_LINE, MMAP_LINE, VMA_LINE = 0, 1, 2, 3, 4, 5
MEMCG_LINE, RSS_LINE, FILE_LINE, OWNER_LINE, LRU_SIZES_LINE = 6, 7, 8, 9, 10
OWN_RULE = 16  # with a line or without: a rule of its own says what comes after the line
# distances, nearest first; memory rows use SAME_SOCKET for local memory
SAME_CORE, SAME_L3, SAME_SOCKET, ONE_HOP, TWO_HOPS = 0, 1, 2, 3, 4
N_DISTANCES = 7  # two more words: the SMT sibling's share of a coalesced transfer, and
SIBLING = 5
AWAY = 6  # between L3 domains of a socket, where the line's home is another socket
