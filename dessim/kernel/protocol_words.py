"""The words of a protocol for variables, for where to go on, and for locks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dessim.kernel import layout as lay
from dessim.kernel.operands import WordOperand
from dessim.kernel.protocol_compiler import Compiler, Node
from dessim.kernel.protocol_expressions import (
    Element,
    Local,
    ProtocolError,
    Variable,
    made,
    replaced,
    within,
)
from dessim.kernel.protocol_parts import OLD, Place, ProtocolLock

__all__ = [
    "again",
    "atomic",
    "bug_on",
    "cmpxchg",
    "down_read",
    "down_read_trylock",
    "down_write",
    "downgrade_write",
    "end",
    "leave",
    "let",
    "load",
    "load_acquire",
    "lock",
    "loop",
    "mutex_lock",
    "mutex_trylock",
    "mutex_unlock",
    "preempt_disable",
    "preempt_enable",
    "rcu_dereference",
    "repeat",
    "smp_mb",
    "smp_rmb",
    "smp_wmb",
    "spin_lock",
    "spin_trylock",
    "spin_unlock",
    "store",
    "store_release",
    "trylock",
    "unlock",
    "up_read",
    "up_write",
    "wait_until",
    "when",
    "xchg",
]

# --- variables ------------------------------------------------------------------------------------


def _checked(word: str, into: Any, what: Any = None) -> None:
    """Refuse what is no local, or no variable, where it is written: the message has the line."""
    if into is not None and not isinstance(into, Local):
        raise ProtocolError(f"{word}: '{into}' is no local, and what was found needs one")
    if what is not None and not isinstance(what, Variable | Element):
        raise ProtocolError(f"{word}: '{what}' is neither a variable nor an element of an array")


def load(into: Local, what: Place) -> Node:
    """READ_ONCE()."""
    _checked("load(into, variable)", into, what)
    return Node(lambda c: c.load(into, what))


def load_acquire(into: Local, what: Place) -> Node:
    """smp_load_acquire()."""
    _checked("load_acquire(into, variable)", into, what)
    return Node(lambda c: c.load(into, what, "acquire"))


def rcu_dereference(into: Local, what: Place) -> Node:
    """Load what the next loads, through ``into``, depend on."""
    _checked("rcu_dereference(into, variable)", into, what)
    return Node(lambda c: c.load(into, what))


def store(what: Place, value: Any) -> Node:
    """WRITE_ONCE()."""
    _checked("store(variable, value)", None, what)
    return Node(lambda c: c.store(what, made(value)))


def store_release(what: Place, value: Any) -> Node:
    """smp_store_release()."""
    _checked("store_release(variable, value)", None, what)
    return Node(lambda c: c.store(what, made(value), "release"))


def atomic(
    what: Place,
    value: Any,
    into: Local | None = None,
    *,
    order: str = "full",
    only_if: Any = None,
) -> Node:
    """Replace a value in one step: ``atomic(count, OLD + 1)``; ``into`` gets the old one.

    With ``only_if``, only if that holds of it: ``atomic(ref, OLD + 1, r, only_if=OLD != 0)``. If it
    does not, the step orders nothing. ``order`` is full, acquire, release or relaxed.
    """
    _checked("atomic(variable, value, into)", into, what)
    new, condition = made(value), made(only_if) if only_if is not None else None
    text = f"{what}: {new}" + (f" if {condition}" if condition is not None else "")
    return Node(lambda c: c.modify(what, new, into, order, condition, f"atomically {text}"))


def xchg(what: Place, value: Any, into: Local | None = None, *, order: str = "full") -> Node:
    """xchg(): store, and find what was there."""
    _checked("xchg(variable, value, into)", into, what)
    new = made(value)
    return Node(lambda c: c.modify(what, new, into, order, None, f"xchg({what}, {new})"))


def cmpxchg(
    what: Place, old: Any, value: Any, into: Local | None = None, *, order: str = "full"
) -> Node:
    """cmpxchg(): store if ``old`` is there; ``into`` gets what was there."""
    _checked("cmpxchg(variable, old, new, into)", into, what)
    new, condition = made(value), made(old) == OLD
    text = f"cmpxchg({what}, {made(old)}, {new})"
    return Node(lambda c: c.modify(what, new, into, order, condition, text))


def let(into: Local, value: Any) -> Node:
    """Set a local."""
    _checked("let(into, value)", into)
    what = made(value)

    def emit(c: Compiler) -> None:
        how = WordOperand(0, value=c.coded(c.loaded(what)))
        copied = str(what) in c.last_loaded
        c.last_loaded = c.last_loaded - {into.name} | ({into.name} if copied else set())
        c.add("set_local", c.local(into), how.operand, f"{into} = {what}")

    return Node(emit)


def smp_mb() -> Node:
    """Order everything."""
    return Node(lambda c: c.add("fence", lay.IS_MB, 0, "smp_mb()"))


def smp_rmb() -> Node:
    """Order loads."""
    return Node(lambda c: c.add("fence", lay.IS_RMB, 0, "smp_rmb()"))


def smp_wmb() -> Node:
    """Order stores."""
    return Node(lambda c: c.add("fence", lay.IS_WMB, 0, "smp_wmb()"))


# --- where to go on -------------------------------------------------------------------------------


def when(condition: Any, *then: Any, otherwise: Sequence[Any] = ()) -> Node:
    """Do some statements if a condition holds, others if not; variables in it are loaded first."""
    return Node(lambda c: c.choose(made(condition), then, otherwise))


def loop(*body: Any) -> Node:
    """Repeat for ever, or until ``leave()``."""
    return Node(lambda c: c.loop(body))


def leave() -> Node:
    """Leave the innermost loop."""
    return Node(lambda c: c.go(out=True))


def again() -> Node:
    """Go on at the beginning of the innermost loop."""
    return Node(lambda c: c.go(out=False))


def repeat(times: int, *body: Any) -> Node:
    """Do some statements several times: rounds of an actor."""
    return Node(lambda c: c.run(body * times))


def end() -> Node:
    """End the actor."""
    return Node(lambda c: c.add("go_to", label="the end"))


def wait_until(condition: Any, into: Local | None = None, *, order: str = "once") -> Node:
    """Wait until a condition on one variable holds: smp_cond_load_relaxed(), or _acquire()."""
    asked = made(condition)

    def emit(c: Compiler) -> None:
        places = [one for one in within(asked) if isinstance(one, Variable | Element)]
        if len(places) != 1:
            raise ProtocolError(f"wait_until('{asked}') needs a condition on one variable")
        a = c.where(places[0])
        wanted = c.coded(replaced(asked, {id(places[0]): OLD}))
        number = lay.NO_LOCAL if into is None else c.local(into)
        how = WordOperand(c.order("load", order), number, 0, wanted)
        c.add("await_variable", a, how.operand, f"waits until {asked}")

    return Node(emit)


def bug_on(condition: Any, text: str = "") -> Node:
    """Report a bug, as the property ``bug_on``, and end the actor, if a condition holds."""
    asked = made(condition)
    told = text or str(asked)
    return Node(lambda c: c.choose(asked, (Node(lambda d: d.bug(told)),), ()))


# --- locks ----------------------------------------------------------------------------------------


def _held(c: Compiler, by: int) -> None:
    """Switch preemption off or on, where others share the CPU."""
    if c.shares_cpu:
        c.add("hold_cpu", by, 0, "preempt_disable()" if by > 0 else "preempt_enable()")


def _take(one: ProtocolLock, shared: int, text: str) -> Node:
    def emit(c: Compiler) -> None:
        if one.spins:
            _held(c, 1)
        c.add("lock", c.lock_number(one), shared, f"{text}({one.name})")

    return Node(emit)


def _drop(one: ProtocolLock, shared: int, text: str) -> Node:
    def emit(c: Compiler) -> None:
        c.add("unlock", c.lock_number(one), shared, f"{text}({one.name})")
        if one.spins:
            _held(c, -1)

    return Node(emit)


def _try(
    one: ProtocolLock, shared: int, text: str, then: Sequence[Any], busy: Sequence[Any]
) -> Node:
    def emit(c: Compiler) -> None:
        failed: tuple[Any, ...] = tuple(busy)
        if one.spins:
            _held(c, 1)
            failed = (Node(lambda d: _held(d, -1)), *busy)
        c.branch("try_lock", c.lock_number(one), shared, f"{text}({one.name})?", then, failed)

    return Node(emit)


def lock(one: ProtocolLock) -> Node:
    """Take a lock alone: spin_lock(), mutex_lock(), down_write()."""
    return _take(one, 0, one.take)


def unlock(one: ProtocolLock) -> Node:
    """Drop it."""
    return _drop(one, 0, one.drop)


def trylock(one: ProtocolLock, *then: Any, busy: Sequence[Any] = ()) -> Node:
    """Do some statements with the lock if it is free, others if not."""
    names = {"spin_lock": "spin_trylock", "down_write": "down_write_trylock"}
    return _try(one, 0, names.get(one.take, "mutex_trylock"), then, busy)


def down_read(one: ProtocolLock) -> Node:
    """Take a lock together with other readers."""
    return _take(one, 1, "down_read")


def up_read(one: ProtocolLock) -> Node:
    """Drop it."""
    return _drop(one, 1, "up_read")


def downgrade_write(one: ProtocolLock) -> Node:
    """Turn the writer of a lock into a reader, in one step: no writer comes in between."""
    text = f"downgrade_write({one.name})"
    return Node(lambda c: c.add("downgrade", c.lock_number(one), 0, text))


def down_read_trylock(one: ProtocolLock, *then: Any, busy: Sequence[Any] = ()) -> Node:
    """Do some statements as a reader if no writer has the lock, others if one has."""
    return _try(one, 1, "down_read_trylock", then, busy)


down_write, up_write = lock, unlock
spin_lock, spin_unlock, spin_trylock = lock, unlock, trylock
mutex_lock, mutex_unlock, mutex_trylock = lock, unlock, trylock


def preempt_disable() -> Node:
    """Keep the CPU from others that share it."""
    return Node(lambda c: _held(c, 1))


def preempt_enable() -> Node:
    """Let them have it again."""
    return Node(lambda c: _held(c, -1))
