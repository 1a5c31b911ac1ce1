"""Operations of protocols, which only the explorer can use: variables, waiters, RCU, TLBs."""

from dessim.kernel import layout as lay
from dessim.kernel import operation as about
from dessim.kernel.operands import word_operand
from dessim.kernel.operation import SECTION, TRANSLATION, VARIABLE, WAITING
from dessim.kernel.ops.table import ALWAYS, TABLE, operation


def _order_of_word(_: int, how: int) -> about.Order:
    """Return how an access to a variable is ordered: as its step says."""
    found = word_operand(how)
    stores = lay.IN_DATA if found.kind not in about.LOADS else 0
    loads = 0 if found.kind in (lay.IS_STORE, lay.IS_STORE_RELEASE) else lay.IN_DATA
    both = bool(loads and stores)
    return about.Order(found.kind, loads, stores, conditional=both and found.condition > 0)


AS_FULL = about.Order(lay.IS_RMW_FULL)  # a full barrier on both sides
ORDERS_NOTHING = about.Order(lay.IS_UNSEEN)
TAKES = about.Order(lay.IS_LOCK, conditional=True, x86=lay.CLASS_FULL)
TLB_STORE = about.Order(lay.IS_STORE, stores=lay.IN_DATA)

# Variables. ``operands.WordOperand`` says what the second operand holds: order, local, value,
# condition; the first says which variable, and of an array the index and the size.
OP_READ_VARIABLE = operation(
    "read_variable", VARIABLE, "READ_ONCE()", order=_order_of_word, finds=True
)
OP_WRITE_VARIABLE = operation("write_variable", VARIABLE, "WRITE_ONCE()", order=_order_of_word)
OP_MODIFY_VARIABLE = operation(
    "modify_variable", VARIABLE, "xchg()", order=_order_of_word, finds=True
)
# goes on only when what it loads is as it must be
OP_AWAIT_VARIABLE = operation(
    "await_variable",
    VARIABLE,
    "smp_cond_load()",
    order=_order_of_word,
    waits_for=lay.WAITS_FOR_VALUE,
    finds=True,
)
OP_SET_LOCAL = operation("set_local", VARIABLE, "a local is set", private=ALWAYS)
OP_WHEN_LOCALS = operation("when_locals", VARIABLE, "is it so?", private=ALWAYS, branches=True)
OP_TRY_LOCK = operation("try_lock", VARIABLE, "trylock()?", order=TAKES, branches=True)
OP_REPORT_BUG = operation("report_bug", VARIABLE, "BUG()", order=ORDERS_NOTHING)
LAST_VARIABLE = TABLE.last(VARIABLE)

# Waiters. prepare_to_wait() has the smp_mb() of set_current_state(); wake_up() is a full barrier
# if it wakes (memory-barriers.txt, "Sleep and wake-up functions").
OP_QUEUE_UP = operation("queue_up", WAITING, "prepare_to_wait_exclusive()", order=AS_FULL)
OP_LEAVE_QUEUE = operation(
    "leave_queue", WAITING, "finish_wait()", order=ORDERS_NOTHING, finds=True
)
OP_WAKE_FIRST = operation("wake_first", WAITING, "wake_up()", order=AS_FULL, finds=True)
OP_WAKE_EVERY = operation("wake_every", WAITING, "wake_up_all()", order=AS_FULL, finds=True)
OP_WAKE_TASK = operation("wake_task", WAITING, "wake_up_process()", order=AS_FULL)
OP_PREPARE_SLEEP = operation("prepare_sleep", WAITING, "set_current_state()", order=AS_FULL)
OP_SLEEP = operation("sleep", WAITING, "schedule()", order=AS_FULL, waits_for=lay.WAITS_FOR_WAKE_UP)
OP_RUN = operation("run", WAITING, "__set_current_state(TASK_RUNNING)", order=ORDERS_NOTHING)
OP_SEND_SIGNAL = operation("send_signal", WAITING, "a fatal signal", order=AS_FULL)
OP_LOOK_FOR_SIGNAL = operation(
    "look_for_signal", WAITING, "fatal_signal_pending()", order=ORDERS_NOTHING, finds=True
)
LAST_WAITING = TABLE.last(WAITING)

OP_RCU_READ_LOCK = operation(
    "rcu_read_lock", SECTION, "rcu_read_lock()", order=about.Order(lay.IS_RCU_LOCK)
)
OP_RCU_READ_UNLOCK = operation(
    "rcu_read_unlock", SECTION, "rcu_read_unlock()", order=about.Order(lay.IS_RCU_UNLOCK)
)
OP_BEGIN_GRACE = operation(
    "begin_grace",
    SECTION,
    "synchronize_rcu() begins",
    order=about.Order(lay.IS_GRACE_BEGIN),
)
OP_END_GRACE = operation(
    "end_grace",
    SECTION,
    "synchronize_rcu() is over",
    order=about.Order(lay.IS_GRACE_END),
    waits_for=lay.WAITS_FOR_READERS,
)
OP_HOLD_CPU = operation("hold_cpu", SECTION, "preempt_disable()", order=ORDERS_NOTHING)
LAST_SECTION = TABLE.last(SECTION)

# TLBs, as x86 has them: a walk sets the dirty flag of the pte by a locked RMW.
OP_WALK_TLB = operation(
    "walk_tlb", TRANSLATION, "the CPU walks the page tables", order=AS_FULL, branches=True
)
OP_LOAD_TLB = operation(
    "load_tlb",
    TRANSLATION,
    "user load through the TLB",
    order=about.loading(lay.IN_DATA),
    branches=True,
    finds=True,
)
OP_STORE_TLB = operation(
    "store_tlb", TRANSLATION, "user store through the TLB", order=TLB_STORE, branches=True
)
OP_FLUSH_TLB = operation(
    "flush_tlb", TRANSLATION, "flush_tlb()", order=AS_FULL, waits_for=lay.WAITS_FOR_STORES
)
LAST_TRANSLATION = TABLE.last(TRANSLATION)
