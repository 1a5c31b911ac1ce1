"""Linux' catalogue of litmus tests in the short form of ``litmus``, with its results."""

from dataclasses import dataclass, field

NEVER, SOMETIMES, UNKNOWN = "never", "sometimes", "unknown"


@dataclass(frozen=True)
class Litmus:
    """A litmus test: its file, what its processes do, the ending asked for, and Linux' result.

    ``found`` is what lkmm says, if that is not the same.
    """

    name: str
    tasks: tuple[str, ...]
    ending: str
    result: str
    found: str = ""
    start: dict[str, int] = field(default_factory=dict)
    like: str = ""


CATALOGUE = (
    Litmus("CoRR+poonceonce+Once", ("x=1", "r0=x; r1=x"), "1:r0=1 1:r1=0", NEVER),
    Litmus("CoRW+poonceonce+Once", ("r0=x; x=1", "x=2"), "x=2 0:r0=2", NEVER),
    Litmus("CoWR+poonceonce+Once", ("x=1; r0=x", "x=2"), "x=1 0:r0=2", NEVER),
    Litmus("CoWW+poonceonce", ("x=1; x=2",), "x=1", NEVER),
    Litmus(
        "IRIW+fencembonceonces+OnceOnce",
        ("x=1", "r0=x; mb; r1=y", "y=1", "r0=y; mb; r1=x"),
        "1:r0=1 1:r1=0 3:r0=1 3:r1=0",
        NEVER,
    ),
    Litmus(
        "IRIW+poonceonces+OnceOnce",
        ("x=1", "r0=x; r1=y", "y=1", "r0=y; r1=x"),
        "1:r0=1 1:r1=0 3:r0=1 3:r1=0",
        SOMETIMES,
    ),
    Litmus(
        "ISA2+pooncelock+pooncelock+pombonce",
        ("lock s; x=1; y=1; unlock s", "lock s; r0=y; z=1; unlock s", "r1=z; mb; r2=x"),
        "1:r0=1 2:r1=1 2:r2=0",
        NEVER,
    ),
    Litmus(
        "ISA2+poonceonces",
        ("x=1; y=1", "r0=y; z=1", "r0=z; r1=x"),
        "1:r0=1 2:r0=1 2:r1=0",
        SOMETIMES,
    ),
    Litmus(
        "ISA2+pooncerelease+poacquirerelease+poacquireonce",
        ("x=1; y=release 1", "r0=acquire y; z=release 1", "r0=acquire z; r1=x"),
        "1:r0=1 2:r0=1 2:r1=0",
        NEVER,
    ),
    Litmus(
        "LB+fencembonceonce+ctrlonceonce",
        ("r0=x; if r0==1 {y=1}", "r0=y; mb; x=1"),
        "0:r0=1 1:r0=1",
        NEVER,
    ),
    Litmus(
        "LB+poacquireonce+pooncerelease",
        ("r0=x; y=release 1", "r0=acquire y; x=1"),
        "0:r0=1 1:r0=1",
        NEVER,
    ),
    Litmus("LB+poonceonces", ("r0=x; y=1", "r0=y; x=1"), "0:r0=1 1:r0=1", SOMETIMES, found=UNKNOWN),
    Litmus(
        "LB+unlocklockonceonce+poacquireonce",
        ("lock s; r0=x; unlock s; lock t; y=1; unlock t", "r0=acquire y; x=1"),
        "0:r0=1 1:r0=1",
        NEVER,
    ),
    Litmus(
        "MP+fencewmbonceonce+fencermbonceonce",
        ("x=1; wmb; y=1", "r0=y; rmb; r1=x"),
        "1:r0=1 1:r1=0",
        NEVER,
    ),
    Litmus(
        "MP+onceassign+derefonce",
        ("x=1; y=release 1", "r0=y; r1=dependent x"),
        "1:r0=1 1:r1=0",
        NEVER,
    ),
    Litmus(
        "MP+polockmbonce+poacquiresilsil",
        ("r0=y:0=1 acquire; mb; x=1; y=release 0", "r1=acquire x; r2=y; r3=y"),
        "1:r1=1 1:r2=0 1:r3=1",
        NEVER,
        like="the lock is a number that others look at",
    ),
    Litmus(
        "MP+polockonce+poacquiresilsil",
        ("r0=y:0=1 acquire; x=1; y=release 0", "r1=acquire x; r2=y; r3=y"),
        "1:r1=1 1:r2=0 1:r3=1",
        SOMETIMES,
        like="the lock is a number that others look at",
    ),
    Litmus(
        "MP+polocks",
        ("x=1; lock s; y=1; unlock s", "lock s; r0=y; unlock s; r1=x"),
        "1:r0=1 1:r1=0",
        NEVER,
    ),
    Litmus("MP+poonceonces", ("x=1; y=1", "r0=y; r1=x"), "1:r0=1 1:r1=0", SOMETIMES),
    Litmus(
        "MP+pooncerelease+poacquireonce",
        ("x=1; y=release 1", "r0=acquire y; r1=x"),
        "1:r0=1 1:r1=0",
        NEVER,
    ),
    Litmus(
        "MP+porevlocks",
        ("r0=y; lock s; r1=x; unlock s", "lock s; x=1; unlock s; y=1"),
        "0:r0=1 0:r1=0",
        NEVER,
    ),
    Litmus(
        "MP+unlocklockonceonce+fencermbonceonce",
        ("lock s; x=1; unlock s; lock t; y=1; unlock t", "r1=y; rmb; r2=x"),
        "1:r1=1 1:r2=0",
        NEVER,
    ),
    Litmus("R+fencembonceonces", ("x=1; mb; y=1", "y=2; mb; r0=x"), "y=2 1:r0=0", NEVER),
    Litmus("R+poonceonces", ("x=1; y=1", "y=2; r0=x"), "y=2 1:r0=0", SOMETIMES),
    Litmus(
        "S+fencewmbonceonce+poacquireonce",
        ("x=2; wmb; y=1", "r0=acquire y; x=1"),
        "x=2 1:r0=1",
        NEVER,
    ),
    Litmus("S+poonceonces", ("x=2; y=1", "r0=y; x=1"), "x=2 1:r0=1", SOMETIMES),
    Litmus("SB+fencembonceonces", ("x=1; mb; r0=y", "y=1; mb; r0=x"), "0:r0=0 1:r0=0", NEVER),
    Litmus("SB+poonceonces", ("x=1; r0=y", "y=1; r0=x"), "0:r0=0 1:r0=0", SOMETIMES),
    Litmus(
        "SB+rfionceonce-poonceonces",
        ("x=1; r1=x; r2=y", "y=1; r3=y; r0=x"),
        "0:r2=0 1:r0=0",
        SOMETIMES,
    ),
    Litmus(
        "WRC+poonceonces+Once",
        ("x=1", "r0=x; y=1", "r0=y; r1=x"),
        "1:r0=1 2:r0=1 2:r1=0",
        SOMETIMES,
    ),
    Litmus(
        "WRC+pooncerelease+fencermbonceonce+Once",
        ("x=1", "r0=x; y=release 1", "r0=y; rmb; r1=x"),
        "1:r0=1 2:r0=1 2:r1=0",
        NEVER,
    ),
    Litmus(
        "Z6.0+pooncelock+poonceLock+pombonce",
        ("lock s; x=1; y=1; unlock s", "lock s; mb; r0=y; z=1; unlock s", "z=2; mb; r1=x"),
        "1:r0=1 z=2 2:r1=0",
        NEVER,
    ),
    Litmus(
        "Z6.0+pooncelock+pooncelock+pombonce",
        ("lock s; x=1; y=1; unlock s", "lock s; r0=y; z=1; unlock s", "z=2; mb; r1=x"),
        "1:r0=1 z=2 2:r1=0",
        SOMETIMES,
    ),
    Litmus(
        "Z6.0+pooncerelease+poacquirerelease+fencembonceonce",
        ("x=1; y=release 1", "r0=acquire y; z=release 1", "z=2; mb; r1=x"),
        "1:r0=1 z=2 2:r1=0",
        SOMETIMES,
    ),
    Litmus(
        "dep+plain",
        ("r0=x; if r0==1 {y=1}", "r0=acquire y; if r0==1 {x=release 1}"),
        "x=1 y=1",
        NEVER,
        like="registers instead of plain accesses carry the dependency",
    ),
    Litmus(
        "Atomic-RMW-ops-are-atomic-WRT-atomic_set",
        ("r0=x:1=2 full", "x=0"),
        "x=2",
        NEVER,
        start={"x": 1},
    ),
    Litmus(
        "Atomic-RMW+mb__after_atomic-is-stronger-than-acquire",
        ("r0=x; rmb; r1=y", "r0=y:1 void; mb; x=1"),
        "0:r0=1 0:r1=0",
        NEVER,
    ),
    Litmus(
        "cmpxchg-fail-ordered-1",
        ("x=1; r1=z:1=2 full; mb; r0=y", "y=1; r1=z:1=2 full; mb; r0=x"),
        "0:r0=0 1:r0=0",
        NEVER,
    ),
    Litmus(
        "cmpxchg-fail-ordered-2",
        ("x=1; r1=y:0=1 full", "r1=y:0=1 full; mb; r2=x"),
        "0:r1=0 1:r1=1 1:r2=0",
        NEVER,
    ),
    Litmus(
        "cmpxchg-fail-unordered-1",
        ("x=1; r1=z:1=2 full; r0=y", "y=1; r1=z:1=2 full; r0=x"),
        "0:r0=0 1:r0=0",
        SOMETIMES,
    ),
    Litmus(
        "cmpxchg-fail-unordered-2",
        ("x=1; r1=y:0=1 full", "r1=y:0=1 full; r2=x"),
        "0:r1=0 1:r1=1 1:r2=0",
        SOMETIMES,
    ),
)

MORE = (
    Litmus(
        "SB+fullxchgsilentonce",
        ("x=1; r1=z:1 full; r0=y", "y=1; r1=z:1 full; r0=x"),
        "0:r0=0 1:r0=0",
        NEVER,
        like="the second xchg stores what is there: it is a full barrier all the same",
    ),
    Litmus("CoWR+silentonce", ("x=1", "x=1; r0=x"), "1:r0=0", NEVER),
    Litmus("CoWR+silentrelease", ("x=1", "x=release 1; r0=x"), "1:r0=0", NEVER),
    Litmus(
        "MP+porel+rmwonce+poacq",
        ("x=1; y=release 1", "r0=y:2 relaxed", "r0=acquire y; r1=x"),
        "1:r0=1 2:r0=2 2:r1=0",
        NEVER,
        like="rmw-sequence",
    ),
    Litmus(
        "MP+porel+onceonce+poacq",
        ("x=1; y=release 1", "r0=y; y=2", "r0=acquire y; r1=x"),
        "1:r0=1 2:r0=2 2:r1=0",
        SOMETIMES,
        like="no rmw-sequence: a load and a store are no RMW",
    ),
    Litmus(
        "ISA2+porel+rmwoncewmb+rmb",
        ("x=1; y=release 1", "r0=y:2 relaxed; wmb; z=1", "r0=z; rmb; r1=x"),
        "1:r0=1 2:r0=1 2:r1=0",
        NEVER,
        like="cumul-fence goes on behind an rmw-sequence",
    ),
    Litmus(
        "WRC+porelwmb+rmb",
        ("x=1", "r0=x; y=release 1; wmb; z=1", "r0=z; rmb; r1=x"),
        "1:r0=1 2:r0=1 2:r1=0",
        NEVER,
        like="cumul-fence behind cumul-fence",
    ),
    Litmus(
        "WRC+rmwonceporel+poacq",
        ("x=1; y=release 1", "r0=y:2 relaxed; z=release 1", "r0=acquire z; r1=x"),
        "1:r0=1 2:r0=1 2:r1=0",
        NEVER,
        like="A-cumul: what a relaxed RMW found is handed on by a release",
    ),
    Litmus(
        "LB+rmwonce+once",
        ("r0=x:2 relaxed; y=1", "r0=y; x=1"),
        "0:r0=1 1:r0=1",
        SOMETIMES,
        found=UNKNOWN,
    ),
    Litmus(
        "LB+cmpxchgfail+once",
        ("r0=x; r1=z:1=2 full; y=1", "r0=y; x=1"),
        "0:r0=1 1:r0=1",
        SOMETIMES,
        found=UNKNOWN,
    ),
    Litmus(
        "LB+fullxchg+poacq",
        ("r0=x; r1=z:2 full; y=1", "r0=acquire y; x=1"),
        "0:r0=1 1:r0=1",
        NEVER,
    ),
    Litmus(
        "LB+unlockmutex+poacq",
        ("lock s; r0=x; unlock s; lock m; y=1; unlock m", "r0=acquire y; x=1"),
        "0:r0=1 1:r0=1",
        SOMETIMES,
        found=UNKNOWN,
        like="po-unlock-lock-po is of spinlocks: a mutex is an acquire and a release",
    ),
    Litmus(
        "MP+unlockmutex+rmb",
        ("lock s; x=1; unlock s; lock m; y=1; unlock m", "r1=y; rmb; r2=x"),
        "1:r1=1 1:r2=0",
        SOMETIMES,
        like="po-unlock-lock-po is of spinlocks: a mutex is an acquire and a release",
    ),
)
"""Tests that no file has, with the result that follows from ``linux-kernel.cat`` since Linux 6.3
(``rmw-sequence``); of a mutex, which the model does not know, from ``memory-barriers.txt``."""
