"""The words of a protocol: variables, locals, locks, queues, RCU sections, TLBs. Nothing computes.

They follow the World where there is a protocol to explore (``H_PROTOCOL``); no timed run has them.
"""

from dessim.kernel.record import Record

MOST_TASKS = 6  # of a protocol: three bits each in a queue
WAITER_BITS = 3
NO_LOCAL = 63  # an operand that names no local

_protocol = Record()
Q_VARIABLE = _protocol.word()  # base of the variables
Q_LOCAL = _protocol.word()  # base of the locals of all tasks
Q_LOCALS = _protocol.word()  # locals of one task
Q_CODE = _protocol.word()  # base of the expressions
Q_STACK = _protocol.word()  # base of scratch for them
Q_LOCK = _protocol.word()  # base of the lock records
Q_QUEUE = _protocol.word()  # base of the queues: task + 1, WAITER_BITS each, the first lowest
Q_WOKEN = _protocol.word()  # one bit a task: it runs: it was woken since it was about to sleep
Q_KILLABLE = _protocol.word()  # one bit a task: a fatal signal wakes it, too
Q_SIGNALS = _protocol.word()  # one bit a task: a fatal signal is pending
Q_SECTION = _protocol.word()  # base, per task: depth of RCU read sections
Q_GRACE = _protocol.word()  # base, per task: the tasks for which its grace period waits, a bit each
Q_TLB = _protocol.word()  # base of the TLB entries, a CPU's one after the other
Q_TLB_WORDS = _protocol.word()  # TLB entries of one CPU: one for each pte
Q_CPUS = _protocol.word()  # number of CPUs
Q_CPU = _protocol.word()  # base, per task: its CPU
Q_HELD = _protocol.word()  # base, per task: how many times it has switched preemption off
Q_BUG = _protocol.word()  # number of the bug_on() that fired, or 0
Q_WORDS = _protocol.end(multiple=8)
NO_SUCH_ELEMENT = 63  # Q_BUG: an index was outside its array
NOT_HELD = 62  # Q_BUG: a lock was dropped that nobody held so

# locks of a protocol, 16 of each kind: who waits for them sleeps, or spins
LOCK_SLEEPING, LOCK_SPINNING, LOCKS_OF_A_KIND = 16, 32, 16
# what a task of a protocol waits for (``layout.WAITS_*``)
WAITS_FOR_VALUE, WAITS_FOR_WAKE_UP, WAITS_FOR_READERS, WAITS_FOR_STORES = 5, 6, 7, 8

# a pte of a protocol: bits, and the frame above them
PTE_PRESENT, PTE_WRITE, PTE_DIRTY, PTE_FRAME_SHIFT = 1, 2, 4, 3

# --- expressions: pairs of what to do and with what, postfix -------------------------------------
E_END, E_NUMBER, E_LOCAL, E_OLD, E_NOT = 0, 1, 2, 3, 4
E_ADD, E_SUBTRACT, E_TIMES, E_AND, E_OR, E_XOR, E_LEFT, E_RIGHT = 5, 6, 7, 8, 9, 10, 11, 12
E_EQUAL, E_DIFFERS, E_LESS, E_AT_MOST, E_BOTH, E_EITHER = 13, 14, 15, 16, 17, 18
# what only properties may mention: 19 is the first
E_VARIABLE, E_LOCAL_OF, E_ENDED, E_LOCK, E_TLB, E_QUEUED, E_BUG = 19, 20, 21, 22, 23, 24, 25
STACK_DEPTH = 32
