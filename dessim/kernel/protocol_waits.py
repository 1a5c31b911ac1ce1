"""The words of a protocol for sequence counters, for sleeping, for RCU and for TLBs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dessim.kernel import layout as lay
from dessim.kernel.operands import WordOperand
from dessim.kernel.protocol_compiler import Compiler, Node
from dessim.kernel.protocol_expressions import Local, PlainNumber, Variable, made
from dessim.kernel.protocol_parts import Place, ProtocolActor, WaitQueue, translated
from dessim.kernel.protocol_words import load, smp_rmb, smp_wmb, store, wait_until, when

__all__ = [
    "fatal_signal_pending",
    "finish_wait",
    "flush_tlb",
    "prepare_to_wait",
    "rcu_read_lock",
    "rcu_read_unlock",
    "read_seqbegin",
    "read_seqretry",
    "schedule",
    "send_signal",
    "set_current_state",
    "set_running",
    "synchronize_rcu",
    "user_load",
    "user_store",
    "wake_up",
    "wake_up_all",
    "wake_up_process",
    "write_seqcount_begin",
    "write_seqcount_end",
]

# --- sequence counters ----------------------------------------------------------------------------


def read_seqbegin(into: Local, counter: Variable) -> Node:
    """Wait until a sequence counter is even; then smp_rmb()."""
    waits = wait_until((counter & 1) == 0, into)
    return Node(lambda c: c.run((waits, smp_rmb())))


def read_seqretry(seen: Local, counter: Variable, *then: Any) -> Node:
    """smp_rmb(); do some statements (mostly ``again()``) if the counter has moved on."""
    return Node(lambda c: c.run((smp_rmb(), when(counter != seen, *then))))


def write_seqcount_begin(counter: Variable) -> Node:
    """Make a sequence counter odd; then smp_wmb(). The writers' lock is the caller's."""
    scratch = Local(".seq", counter.most)
    steps = (load(scratch, counter), store(counter, scratch + 1), smp_wmb())
    return Node(lambda c: c.run(steps))


def write_seqcount_end(counter: Variable) -> Node:
    """smp_wmb(); make it even."""
    scratch = Local(".seq", counter.most)
    steps = (smp_wmb(), load(scratch, counter), store(counter, scratch + 1))
    return Node(lambda c: c.run(steps))


# --- sleeping and waking --------------------------------------------------------------------------


def prepare_to_wait(queue: WaitQueue, *, killable: bool = False) -> Node:
    """WaitQueue up as an exclusive waiter if not queued, and be about to sleep; then smp_mb().

    The queue's lock is the caller's. ``killable``: a fatal signal wakes, too.
    """
    text = f"prepare_to_wait_exclusive({queue.name})"
    return Node(lambda c: c.add("queue_up", c.queue_number(queue), int(killable), text))


def finish_wait(queue: WaitQueue, was_queued: Local | None = None) -> Node:
    """Run, and leave the queue, if still in it: ``was_queued`` gets whether it was.

    The queue's lock is the caller's. Who is no longer queued was woken, and owes that to somebody.
    """
    return _waiting("leave_queue", "finish_wait", queue, was_queued)


def set_current_state(*, killable: bool = False) -> Node:
    """Be about to sleep, to be woken by ``wake_up_process``; then smp_mb()."""
    return Node(lambda c: c.add("prepare_sleep", 0, int(killable), "set_current_state()"))


def set_running() -> Node:
    """Be about to sleep no more: __set_current_state(TASK_RUNNING)."""
    return Node(lambda c: c.add("run", 0, 0, "__set_current_state(TASK_RUNNING)"))


def schedule() -> Node:
    """Sleep until woken, if about to sleep; go on at once if woken since."""
    return Node(lambda c: c.add("sleep", 0, 0, "schedule(): goes on"))


def _waiting(op: str, text: str, queue: WaitQueue, found: Local | None) -> Node:
    def emit(c: Compiler) -> None:
        how = WordOperand(0, lay.NO_LOCAL if found is None else c.local(found))
        c.add(op, c.queue_number(queue), how.operand, f"{text}({queue.name})")

    return Node(emit)


def wake_up(queue: WaitQueue, left: Local | None = None) -> Node:
    """Wake the first waiter that sleeps, and take it off; ``left`` gets how many remain.

    The queue's lock is the caller's.
    """
    return _waiting("wake_first", "wake_up", queue, left)


def wake_up_all(queue: WaitQueue, left: Local | None = None) -> Node:
    """Wake all waiters that sleep, and take them off."""
    return _waiting("wake_every", "wake_up_all", queue, left)


def wake_up_process(who: ProtocolActor) -> Node:
    """Wake an actor."""
    return Node(lambda c: c.add("wake_task", c.task(who), 0, f"wake_up_process({who.name})"))


def send_signal(who: ProtocolActor) -> Node:
    """Send a fatal signal: who sleeps killably goes on."""
    return Node(lambda c: c.add("send_signal", c.task(who), 0, f"SIGKILL to {who.name}"))


def fatal_signal_pending(into: Local) -> Node:
    """Look whether there is a fatal signal for the actor."""

    def emit(c: Compiler) -> None:
        how = WordOperand(0, c.local(into))
        c.add("look_for_signal", 0, how.operand, "fatal_signal_pending()")

    return Node(emit)


# --- RCU ------------------------------------------------------------------------------------------


def rcu_read_lock() -> Node:
    """Begin a read section."""
    return Node(lambda c: c.add("rcu_read_lock", text="rcu_read_lock()"))


def rcu_read_unlock() -> Node:
    """End it."""
    return Node(lambda c: c.add("rcu_read_unlock", text="rcu_read_unlock()"))


def synchronize_rcu() -> Node:
    """Wait until all read sections that have begun are over."""

    def emit(c: Compiler) -> None:
        c.add("begin_grace", text="synchronize_rcu() begins")
        c.add("end_grace", text="synchronize_rcu() is over")

    return Node(emit)


# --- TLBs -----------------------------------------------------------------------------------------


def _user(pte: Place, content: Variable, c: Compiler) -> tuple[int, int]:
    one, index = translated(pte)
    entry = c.pte_number(one, index)
    return entry | (c.variable(one) + index) << 8, entry | c.variable(content) << 8


def user_store(pte: Place, content: Variable, value: Any, fault: Sequence[Any] = ()) -> Node:
    """Store as a user does: through the TLB entry of this CPU if it is writable and dirty.

    Else the CPU walks: a pte that allows it becomes dirty and is loaded into the TLB; if none does,
    ``fault``. ``content`` holds what is in each frame.
    """

    def emit(c: Compiler) -> None:
        walk, access = _user(pte, content, c)
        how = WordOperand(lay.IS_STORE, value=c.coded(c.loaded(made(value))))
        done = Node(lambda d: d.go(out=True))
        missed = Node(lambda d: d.branch("walk_tlb", walk, 1, f"walk: {pte}?", (), fault))
        told = f"user store {value} through the TLB?"
        c.loop(
            (Node(lambda d: d.branch("store_tlb", access, how.operand, told, (done,), (missed,))),)
        )

    return Node(emit)


def user_load(into: Local, pte: Place, content: Variable, fault: Sequence[Any] = ()) -> Node:
    """Load as a user does: through the TLB entry of this CPU, or behind a walk; else ``fault``."""

    def emit(c: Compiler) -> None:
        walk, access = _user(pte, content, c)
        how = WordOperand(lay.IS_LOAD, c.local(into))
        done = Node(lambda d: d.go(out=True))
        missed = Node(lambda d: d.branch("walk_tlb", walk, 0, f"walk: {pte}?", (), fault))
        told = "user load through the TLB?"
        c.loop(
            (Node(lambda d: d.branch("load_tlb", access, how.operand, told, (done,), (missed,))),)
        )

    return Node(emit)


def flush_tlb(pte: Place, cpus: int | None = None) -> Node:
    """Drop the entries of a pte in the TLBs of some CPUs (a bit each), or of all: one interrupt."""

    def emit(c: Compiler) -> None:
        one, index = translated(pte)
        entry = c.pte_number(one, index)
        how = WordOperand(0, value=c.coded(PlainNumber((1 << 8) - 1 if cpus is None else cpus)))
        c.add("flush_tlb", entry | 1 << 24, how.operand, f"flush_tlb({pte})")

    return Node(emit)
