"""Linux' own catalogue of litmus tests, as programs of the explorer: every result is met.

Each row is a file of ``tools/memory-model/litmus-tests`` or ``Documentation/litmus-tests`` with the
result that stands in it; ``MORE`` has others. Where lkmm cannot answer, the row says ``unknown``
and why; it never says *never* where Linux says *Sometimes*.
"""

import pytest
from litmus import happens, world
from litmus_rows import CATALOGUE, MORE, NEVER, SOMETIMES, UNKNOWN

ALL = CATALOGUE + MORE


@pytest.mark.parametrize("test", ALL, ids=lambda test: test.name)
def test_each_result_of_the_catalogue_is_met(test):
    """The model says what the file says, or the row lists the difference."""
    found = happens(world(*test.tasks, start=test.start, memory="lkmm"), test.ending)
    assert found == (test.found or test.result)


def test_no_never_is_a_sometimes_of_linux():
    """Differences go one way only: what lkmm cannot decide, it calls unknown."""
    assert all(test.found in ("", UNKNOWN) or test.found == test.result for test in ALL)
    assert len(CATALOGUE) == 41
    assert len(ALL) == len({test.name for test in ALL})


NEEDED = [
    ("SB+fencembonceonces", "mb; ", ""),
    ("R+fencembonceonces", "mb; ", ""),
    ("IRIW+fencembonceonces+OnceOnce", "mb; ", ""),
    ("MP+fencewmbonceonce+fencermbonceonce", "wmb; ", ""),
    ("MP+fencewmbonceonce+fencermbonceonce", "rmb; ", ""),
    ("MP+pooncerelease+poacquireonce", "release ", ""),
    ("MP+pooncerelease+poacquireonce", "acquire ", ""),
    ("MP+onceassign+derefonce", "dependent ", ""),
    ("S+fencewmbonceonce+poacquireonce", "wmb; ", ""),
    ("ISA2+pooncerelease+poacquirerelease+poacquireonce", "release ", ""),
    ("ISA2+pooncerelease+poacquirerelease+poacquireonce", "acquire ", ""),
    ("WRC+pooncerelease+fencermbonceonce+Once", "release ", ""),
    ("WRC+pooncerelease+fencermbonceonce+Once", "rmb; ", ""),
    ("MP+polockmbonce+poacquiresilsil", "mb; ", ""),
    ("Z6.0+pooncelock+poonceLock+pombonce", "mb; ", ""),
    ("MP+polocks", "lock s; r0=y; unlock s; ", "r0=y; "),
    ("MP+porevlocks", "lock s; r1=x; unlock s", "r1=x"),
    ("cmpxchg-fail-ordered-1", "mb; ", ""),
    ("cmpxchg-fail-ordered-2", "mb; ", ""),
    ("Atomic-RMW+mb__after_atomic-is-stronger-than-acquire", "void; mb", "acquire"),
    ("SB+fullxchgsilentonce", "full", "acquire"),
    ("CoWR+silentonce", "x=1; r0", "y=1; r0"),
    ("MP+porel+rmwonce+poacq", "release ", ""),
    ("MP+porel+rmwonce+poacq", "acquire ", ""),
    ("ISA2+porel+rmwoncewmb+rmb", "r0=y:2 relaxed", "r0=y; y=2"),
    ("ISA2+porel+rmwoncewmb+rmb", "wmb; ", ""),
    ("WRC+porelwmb+rmb", "wmb; ", ""),
    ("WRC+porelwmb+rmb", "release ", ""),
    ("WRC+rmwonceporel+poacq", "z=release ", "z="),
]


@pytest.mark.parametrize(("name", "order", "less"), NEEDED)
def test_each_kind_of_order_is_needed(name, order, less):
    """A *never* of the catalogue is a *sometimes* once a fence, acquire or release is taken out."""
    (test,) = [test for test in ALL if test.name == name]
    tasks = [text.replace(order, less) for text in test.tasks]
    assert tuple(tasks) != test.tasks
    assert happens(world(*tasks, start=test.start, memory="lkmm"), test.ending) == SOMETIMES


@pytest.mark.parametrize("memory", ["sc", "tso"])
@pytest.mark.parametrize("test", ALL, ids=lambda test: test.name)
def test_stronger_models_forbid_no_less(test, memory):
    """What Linux forbids, sequential consistency and x86 forbid, too; x86 delays stores alone."""
    found = happens(world(*test.tasks, start=test.start, memory=memory), test.ending)
    assert found in ((NEVER,) if test.result == NEVER else (NEVER, SOMETIMES))
    delayed = ("SB+poonceonces", "SB+rfionceonce-poonceonces", "R+poonceonces")
    assert found == (SOMETIMES if memory == "tso" and test.name in delayed else NEVER)
