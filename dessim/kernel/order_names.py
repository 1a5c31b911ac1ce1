"""What an instruction is to a memory model: to a store buffer, and to Linux."""

# How a store buffer orders an instruction (sc, tso, pso).
CLASS_LOAD = 0  # reads, and sees the task's own stores
CLASS_FULL = 1  # waits until the task's stores are in memory, then acts on memory
CLASS_DELAYED = 2  # its effect is on its way for a while
CLASS_DELAYED_RELEASE = 3  # the same, behind all before it (pso)
CLASS_WMB = 4  # stores behind it wait for those before it (pso)

# What an instruction is to Linux' memory model (lkmm).
IS_LOAD, IS_LOAD_ACQUIRE = 0, 1
IS_LOAD_DEPENDENT = 2  # its address comes from the task's last load
IS_LOAD_THEN_RMB = 3  # the barrier only if the condition holds
IS_STORE, IS_STORE_RELEASE = 4, 5
IS_RMW_VOID = 6  # returns nothing, or is relaxed
IS_RMW_ACQUIRE, IS_RMW_RELEASE = 7, 8
IS_RMW_RELEASE_MB = 9  # smp_mb() behind it
IS_RMW_FULL = 10
IS_MB, IS_RMB, IS_WMB = 11, 12, 13
IS_LOCK, IS_UNLOCK, IS_UNLOCK_SPIN = 14, 15, 16
IS_UNSEEN = 17
IS_RCU_LOCK, IS_RCU_UNLOCK, IS_GRACE_BEGIN, IS_GRACE_END = 18, 19, 20, 21
# Words of which others may load an old value: one bit each.
IN_FLAGS, IN_MAPPING, IN_MAPCOUNT, IN_REFCOUNT = 1, 2, 4, 8
IN_PTE, IN_TABLE, IN_DATA = 16, 32, 64
