"""The primitives of litmus tests: what each takes, what steps it is, and what it returns.

Source
------
Linux ``tools/memory-model/linux-kernel.def`` and ``Documentation/atomic_t.txt``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dessim.kernel import protocol as p
from dessim.kernel.protocol_expressions import Expression, Local

VOID = None
OLD = p.OLD


@dataclass(frozen=True)
class Call:
    """A primitive.

    Attributes
    ----------
    takes : tuple of str
        ``variable`` (``*x``), ``pointer``, ``value`` or ``lock``.
    make : function
        Its statements, given the local for what it finds, and its arguments.
    value : function or None
        What it returns, given the same; None: nothing.
    """

    takes: tuple[str, ...]
    make: Callable[..., list[Any]]
    value: Callable[..., Expression] | None = VOID


def _found(into: Any, *_: Any) -> Expression:
    return into  # type: ignore[no-any-return]


def _fence(make: Callable[[], Any]) -> Call:
    return Call((), lambda _: [make()])


def _rmw(
    takes: tuple[str, ...],
    new: Callable[..., Any],
    value: Callable[..., Expression],
    order: str,
    only_if: Callable[..., Any] | None = None,
) -> Call:
    """Return an atomic that returns something; ``new`` and ``only_if`` get its other arguments."""
    at = takes.index("pointer")

    def make(into: Any, *given: Any) -> list[Any]:
        others = given[:at] + given[at + 1 :]
        condition = only_if(*others) if only_if else None
        return [p.atomic(given[at], new(*others), into, order=order, only_if=condition)]

    def returned(into: Any, *given: Any) -> Expression:
        return value(into, *(given[:at] + given[at + 1 :]))

    return Call(takes, make, returned)


ORDERS = {"": "full", "_relaxed": "relaxed", "_acquire": "acquire", "_release": "release"}
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "add": lambda i: OLD + i,
    "sub": lambda i: OLD - i,
    "and": lambda i: OLD & i,
    "or": lambda i: OLD | i,
    "xor": lambda i: OLD ^ i,
}
UNARY: dict[str, Any] = {"inc": OLD + 1, "dec": OLD - 1}


def _new_of(name: str, into: Any, *given: Any) -> Expression:
    """Return what an operation has stored, from what it found."""
    if name == "inc":
        return into + 1  # type: ignore[no-any-return]
    if name == "dec":
        return into - 1  # type: ignore[no-any-return]
    made = {"add": into + given[0], "sub": into - given[0]} if name in ("add", "sub") else {}
    if name in made:
        return made[name]  # type: ignore[no-any-return]
    return {"and": into & given[0], "or": into | given[0], "xor": into ^ given[0]}[name]  # type: ignore[no-any-return]


def _atomics() -> dict[str, Call]:
    """Return the calls of atomic_t."""
    two = ("value", "pointer")
    calls: dict[str, Call] = {}
    for name, new in OPERATIONS.items():

        def void(_: Any, i: Any, v: Any, new: Any = new) -> list[Any]:
            return [p.atomic(v, new(i), order="relaxed")]

        calls[f"atomic_{name}"] = Call(two, void)
        for suffix, order in ORDERS.items():
            calls[f"atomic_fetch_{name}{suffix}"] = _rmw(two, new, _found, order)

            def after(into: Any, *given: Any, name: str = name) -> Expression:
                return _new_of(name, into, *given)

            calls[f"atomic_{name}_return{suffix}"] = _rmw(two, new, after, order)
    for name, new in UNARY.items():

        def alone(_: Any, v: Any, new: Any = new) -> list[Any]:
            return [p.atomic(v, new, order="relaxed")]

        calls[f"atomic_{name}"] = Call(("pointer",), alone)

        def tested(into: Any, *_: Any, name: str = name) -> Expression:
            return _new_of(name, into) == 0

        def same(new: Any = new) -> Any:
            return new

        calls[f"atomic_{name}_and_test"] = _rmw(("pointer",), same, tested, "full")
        for suffix, order in ORDERS.items():

            def after_one(into: Any, *_: Any, name: str = name) -> Expression:
                return _new_of(name, into)

            calls[f"atomic_fetch_{name}{suffix}"] = _rmw(("pointer",), same, _found, order)
            calls[f"atomic_{name}_return{suffix}"] = _rmw(("pointer",), same, after_one, order)
    calls["atomic_sub_and_test"] = _rmw(
        two, OPERATIONS["sub"], lambda into, i: (into - i) == 0, "full"
    )
    calls["atomic_add_unless"] = _rmw(
        ("pointer", "value", "value"),
        lambda a, _: OLD + a,
        lambda into, _, u: into != u,
        "full",
        lambda _, u: p.made(u) != OLD,
    )
    calls["atomic_inc_not_zero"] = _rmw(
        ("pointer",), lambda: OLD + 1, lambda into: into != 0, "full", lambda: OLD != 0
    )
    return calls


def _exchanges() -> dict[str, Call]:
    """Return xchg() and cmpxchg(), of integers and of atomic_t."""
    calls = {}
    for prefix in ("", "atomic_"):
        for suffix, order in ORDERS.items():
            calls[f"{prefix}xchg{suffix}"] = _rmw(
                ("pointer", "value"), lambda new: new, _found, order
            )
            calls[f"{prefix}cmpxchg{suffix}"] = _rmw(
                ("pointer", "value", "value"),
                lambda _, new: new,
                _found,
                order,
                lambda old, _: p.made(old) == OLD,
            )
    return calls


def _loads_and_stores() -> dict[str, Call]:
    """Return what only loads or only stores."""
    load = Call(("variable",), lambda r, x: [p.load(r, x)], _found)
    load_at = Call(("pointer",), lambda r, x: [p.load(r, x)], _found)
    acquire = Call(("pointer",), lambda r, x: [p.load_acquire(r, x)], _found)
    store_at = Call(("pointer", "value"), lambda _, x, v: [p.store(x, v)])
    release_at = Call(("pointer", "value"), lambda _, x, v: [p.store_release(x, v)])
    return {
        "READ_ONCE": load,
        "rcu_dereference": load,
        "smp_load_acquire": acquire,
        "atomic_read": load_at,
        "atomic_read_acquire": acquire,
        "WRITE_ONCE": Call(("variable", "value"), lambda _, x, v: [p.store(x, v)]),
        "rcu_assign_pointer": Call(("variable", "value"), lambda _, x, v: [p.store_release(x, v)]),
        "smp_store_release": release_at,
        "smp_store_mb": Call(("variable", "value"), lambda _, x, v: [p.store(x, v), p.smp_mb()]),
        "atomic_set": store_at,
        "atomic_set_release": release_at,
    }


def _locks_and_rcu() -> dict[str, Call]:
    """Return spinlocks, RCU and fences."""
    one = ("lock",)

    def take(_: Any, lock: Any) -> list[Any]:
        if isinstance(lock, p.ProtocolLock):
            return [p.spin_lock(lock)]
        seen = Local("lock seen", 63)  # a lock that others look at is a variable
        taken = p.atomic(lock, 1, seen, order="acquire", only_if=OLD == 0)
        return [p.loop(taken, p.when(seen == 0, p.leave()))]

    def drop(_: Any, lock: Any) -> list[Any]:
        if isinstance(lock, p.ProtocolLock):
            return [p.spin_unlock(lock)]
        return [p.store_release(lock, 0)]

    def trylock(into: Any, lock: Any) -> list[Any]:
        if not isinstance(lock, p.ProtocolLock):
            taken = p.atomic(lock, 1, into, order="acquire", only_if=OLD == 0)
            return [taken, p.let(into, into == 0)]
        return [p.spin_trylock(lock, p.let(into, 1), busy=(p.let(into, 0),))]

    grace = _fence(p.synchronize_rcu)
    return {
        "spin_lock": Call(one, take),
        "spin_unlock": Call(one, drop),
        "spin_is_locked": Call(one, lambda r, lock: [p.load(r, lock)], _found),
        "spin_trylock": Call(one, trylock, _found),
        "rcu_read_lock": _fence(p.rcu_read_lock),
        "rcu_read_unlock": _fence(p.rcu_read_unlock),
        "synchronize_rcu": grace,
        "synchronize_rcu_expedited": grace,
        "smp_mb": _fence(p.smp_mb),
        "smp_rmb": _fence(p.smp_rmb),
        "smp_wmb": _fence(p.smp_wmb),
        "smp_mb__before_atomic": _fence(p.smp_mb),
        "smp_mb__after_atomic": _fence(p.smp_mb),
        "smp_mb__after_spinlock": _fence(p.smp_mb),
        "smp_mb__after_unlock_lock": _fence(p.smp_mb),
        "barrier": Call((), lambda _: []),
        "cpu_relax": Call((), lambda _: []),
    }


CALLS = {**_loads_and_stores(), **_exchanges(), **_atomics(), **_locks_and_rcu()}
"""All of them by name."""
