"""Mistakes of who writes a protocol: each is found, and named with what leads there."""

import re

import pytest

from dessim.engines.explorer.explore import explore
from dessim.engines.explorer.orders import Rules
from dessim.engines.explorer.protocol_world import _holds, protocol_world
from dessim.engines.explorer.readers import Readers
from dessim.engines.explorer.story import concrete, lines_of
from dessim.engines.explorer.world import ScopeError
from dessim.kernel import protocol as p

MODELS = ("sc", "tso", "pso", "lkmm")


def searched(*actors, memory="sc", **properties):
    """Return what is found of a protocol."""
    small = protocol_world(p.compiled(p.Protocol(actors, **properties)), Rules(memory=memory))
    return explore(small, (*small.own_properties, "deadlock"))


def verdict(made, name):
    """Return the verdict on a property."""
    return made.findings[name].verdict


def last_line(made, name):
    """Return the last line of a trace."""
    return lines_of(made.small, concrete(made, name)[0])[-1].text


LOCKS = {"spinlock": p.spinlock("l"), "mutex": p.mutex("l"), "rwsem": p.rwsem("l")}


@pytest.mark.parametrize("memory", MODELS)
@pytest.mark.parametrize("kind", LOCKS)
def test_a_lock_that_nobody_holds_cannot_be_dropped(kind, memory):
    """Not even by who held it before: that is a bug of the protocol."""
    lock, x = LOCKS[kind], p.variable("x")
    good = (p.lock(lock), p.store(x, 1), p.unlock(lock))
    assert verdict(searched(p.actor("a", *good), memory=memory), "bug_on") == "never"
    made = searched(p.actor("a", *good, p.unlock(lock)), memory=memory)
    assert verdict(made, "bug_on") == "sometimes"
    assert last_line(made, "bug_on").endswith("BUG: nobody holds it so")


@pytest.mark.parametrize(
    ("take", "drop", "bug"),
    [
        (p.down_read, p.up_read, "never"),
        (p.down_write, p.up_write, "never"),
        (p.down_read, p.up_write, "sometimes"),
        (p.down_write, p.up_read, "sometimes"),
        (p.down_read, p.downgrade_write, "sometimes"),
    ],
)
def test_a_lock_is_dropped_as_it_was_taken(take, drop, bug):
    """A reader is no writer."""
    r = p.rwsem("r")
    assert verdict(searched(p.actor("a", take(r), drop(r))), "bug_on") == bug


def test_another_actor_may_drop_a_lock():
    """The page lock of a page that is read is dropped by whoever ends the read."""
    m, x = p.mutex("m"), p.variable("x")
    made = searched(
        p.actor("submits", p.lock(m), p.store_release(x, 1)),
        p.actor("completes", p.wait_until(x == 1, order="acquire"), p.unlock(m)),
        p.actor("waits", p.lock(m), p.unlock(m)),
    )
    assert verdict(made, "bug_on") == verdict(made, "deadlock") == "never"


@pytest.mark.parametrize("by", ["itself", "another"])
def test_a_lock_that_another_drops_keeps_nothing_apart(by):
    """Load buffering is ruled out by a lock only as long as its owner has it (``lkmm``)."""
    m, x, y = p.mutex("m"), p.variable("x"), p.variable("y")
    first, second = p.local("first"), p.local("second")
    loads = p.actor("loads", p.lock(m), p.load(first, x), p.store(y, 1), p.unlock(m))
    answers = p.actor("answers", p.lock(m), p.load(second, y), p.store(x, second), p.unlock(m))
    others = [loads, answers]
    if by == "another":
        others.append(p.actor("drops", p.wait_until(y == 1), p.unlock(m)))
    made = searched(*others, memory="lkmm", never={"both": loads[first] == 1})
    assert bool(made.untried) == (by == "another")


@pytest.mark.parametrize("memory", MODELS)
def test_a_writer_that_becomes_a_reader_lets_readers_in_and_no_writer(memory):
    """What it stored before is seen by readers; what it loads behind is its own still."""
    r, x, y, seen, own = (
        *(p.rwsem("r"), p.variable("x"), p.variable("y")),
        *(p.local("seen"), p.local("own")),
    )
    downgrades = p.actor(
        "downgrades",
        *(p.down_write(r), p.store(x, 1), p.store(y, 1), p.downgrade_write(r)),
        *(p.load(own, x), p.up_read(r)),
    )
    reads = p.actor("reads", p.down_read(r), p.load(seen, x), p.load(own, y), p.up_read(r))
    writes = p.actor("writes", p.down_write(r), p.store(x, 2), p.up_write(r))
    half = p.ended(reads) & (reads[seen] == 0) & (reads[own] == 1)
    made = searched(
        *(downgrades, reads, writes),
        memory=memory,
        never={
            "half": half,
            "theirs": (p.holders(r) > 0) & p.ended(downgrades) & (downgrades[own] == 0),
            "both": p.holders(r) == 2,
        },
    )
    assert {name: verdict(made, name) for name in ("half", "theirs", "both", "deadlock")} == {
        "half": "never",
        "theirs": "never",
        "both": "sometimes",
        "deadlock": "never",
    }


def test_an_index_outside_its_array_is_found_without_a_word():
    """The trace says which step it was."""
    a, i = p.array("a", [0, 0]), p.local("i")
    made = searched(p.actor("a", p.let(i, 2), p.store(a[i], 1)))
    assert verdict(made, "bug_on") == "sometimes"
    assert last_line(made, "bug_on") == "WRITE_ONCE(a[i], 1): BUG: the index is outside the array"


def test_a_value_that_does_not_fit_is_named_with_the_way_there():
    """It can be replayed up to the step before."""
    x = p.variable("x", 14)
    said = "x (0 to 15) gets a value outside that: give it most=, or look why it goes below 0"
    with pytest.raises(ScopeError, match=f"^{re.escape(said)} .a step behind --replay 1.$"):
        searched(
            p.actor("a", p.atomic(x, p.OLD + 1), p.store(p.variable("y"), 1)),
            p.actor("b", p.atomic(x, p.OLD + 1)),
            p.actor("c", p.wait_until(x == 15)),
        )


@pytest.mark.parametrize("memory", MODELS)
def test_a_reader_may_take_its_lock_again(memory):
    """There is room for every level; with a writer in between it is a deadlock."""
    r, x = p.rwsem("r"), p.variable("x")
    nested = p.actor("a", *(p.down_read(r),) * 5, p.store(x, 1), *(p.up_read(r),) * 5)
    writer = p.actor("b", p.down_write(r), p.up_write(r))
    made = searched(nested, memory=memory)
    assert verdict(made, "bug_on") == verdict(made, "deadlock") == "never"
    made = searched(nested, writer, memory=memory)
    assert (verdict(made, "bug_on"), verdict(made, "deadlock")) == ("never", "sometimes")


@pytest.mark.parametrize("memory", MODELS)
def test_an_attempt_counts_as_a_reader_where_it_succeeds(memory):
    """All can have it at once, one of them twice; whoever fails and tries again holds nothing."""
    r, x = p.rwsem("r"), p.variable("x")
    twice = p.down_read_trylock(r, p.store(x, 1), p.up_read(r))
    actors = [
        p.actor("a", p.down_read_trylock(r, twice, p.up_read(r))),
        p.actor("b", p.loop(p.down_read_trylock(r, p.store(x, 2), p.up_read(r), p.leave()))),
    ]
    made = searched(*actors, memory=memory, never={"all": p.holders(r) == 3})
    assert (verdict(made, "all"), verdict(made, "deadlock")) == ("sometimes", "never")
    made = searched(*actors, memory=memory, never={"more": p.holders(r) > 3})
    assert (verdict(made, "more"), verdict(made, "bug_on")) == ("never", "never")


def test_readers_are_counted_on_the_way_on_which_the_attempt_succeeds():
    """Going round after a failure adds none, going round after a success does."""
    r, x = p.rwsem("r"), p.variable("x")
    fair = p.loop(p.down_read_trylock(r, p.up_read(r), p.leave(), busy=(p.store(x, 1),)))
    greedy = p.loop(p.down_read_trylock(r, p.store(x, 2), busy=(p.leave(),)))
    for actor, expected in ((fair, Readers(1, ())), (greedy, Readers(1, (0,)))):
        compiled = p.compiled(p.Protocol([p.actor("a", actor)]))
        small = protocol_world(compiled, Rules(memory="sc"))
        ((_, found),) = _holds(small.w, compiled).values()
        assert found == expected


def test_an_attempt_that_is_not_released_is_named():
    """Its successes add up, its failures do not."""
    r, x = p.rwsem("r"), p.variable("x")
    with pytest.raises(ScopeError, match="r: a can take it for reading again and again"):
        searched(p.actor("a", p.loop(p.down_read_trylock(r, p.store(x, 1)))))


def test_a_reader_that_never_releases_is_named():
    """As often as there are steps there is room; whoever goes round is named with the lock."""
    r, x, i = p.rwsem("r"), p.variable("x"), p.local("i")
    said = "r: a can take it for reading again and again, without up_read"
    rounds = p.loop(p.down_read(r), p.store(x, 1), p.when(i == 9, p.leave()), p.let(i, i + 1))
    with pytest.raises(ScopeError, match=f"^{said} .a step behind --replay [1-]+.$"):
        searched(p.actor("a", p.let(i, 0), rounds), p.actor("b", p.down_read(r), p.up_read(r)))
    fair = p.loop(p.down_read(r), p.store(x, 1), p.up_read(r))
    assert verdict(searched(p.actor("a", fair)), "bug_on") == "never"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (p.load, "load(into, variable): 'x' is no local"),
        (lambda x, i: p.load(i, i), "load(into, variable): 'i' is neither a variable nor"),
        (lambda x, i: p.store(i, 1), "store(variable, value): 'i' is neither a variable nor"),
        (lambda x, i: p.xchg(x, 1, x), "xchg(variable, value, into): 'x' is no local"),
        (lambda x, i: p.let(x, 1), "let(into, value): 'x' is no local"),
        (lambda x, i: p.variable("y", 20), "'y' holds 0 to 15, and begins with 20"),
        (lambda x, i: p.array("y", [0, -1]), "'y' holds 0 to 15, and begins with -1"),
    ],
)
def test_what_is_written_wrongly_is_refused_where_it_is_written(wrong, said):
    """While the protocol is built, so that the message has its line."""
    with pytest.raises(p.ProtocolError, match=re.escape(said)):
        wrong(p.variable("x"), p.local("i"))
