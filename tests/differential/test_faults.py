"""The comparison of engines bites: each fault put into a copy of the event loop is noticed."""

from functools import partial

import pytest
from hypothesis import given, reject, settings
from random_runs import FRAMES, runs
from stories import WITHOUT_END, RunawayError, by_loop, by_reference, difference

from dessim.engines.deadlock import Deadlock
from dessim.engines.loop import NEVER
from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.ops import NUMBERS
from dessim.kernel.world import build_world


class CaughtError(Exception):
    """A fault made a difference."""


def is_caught(change=lambda space, bits: None, word=None, examples=150, frames=FRAMES):
    """Return whether a fault makes a difference to any of the random runs of everyday.

    Parameters
    ----------
    change : callable
        Puts the fault into the namespace of loop and kernel.
    word : callable, optional
        From a World to the place of the one word in it that is one too high.
    examples : int
    frames : tuple of str
        In which runs to look, see ``runs``.
    """
    quick = settings(settings.get_profile("quick"), max_examples=examples)

    @quick
    @given(setup=runs(frames))
    def compare(setup):
        place = word(build_world(setup)) if word else None
        try:
            reference = by_reference(setup)
        except WITHOUT_END:
            reject()
        try:
            faulty = by_loop(setup, change, off_by_one=place)
        except (Deadlock, RunawayError, IndexError) as error:
            raise CaughtError from error
        if difference(setup, reference, faulty):
            raise CaughtError

    try:
        compare()
    except CaughtError:
        return True
    return False


def test_quick_no_fault():
    """Without a fault no difference is found: what follows finds faults, not noise."""
    assert not is_caught(examples=60)


# --- order --------------------------------------------------------------------------------------


def ties_the_other_way(space, bits):
    """Of simultaneous events the higher task is first."""

    def set_key(tree, leaf, key, bits):
        tree[leaf] = key
        node = leaf >> 1
        while node:
            left, right = tree[2 * node], tree[2 * node + 1]
            same_time = left >> bits == right >> bits
            tree[node] = max(left, right) if same_time else min(left, right)
            node >>= 1
        return tree[1]

    space["set_key"] = set_key


def fused_past(op):
    """Return a fault: a kind of step that others can see counts as private."""

    def change(space, bits):
        right = space["is_private"]

        def is_private(w, task):
            t = w[lay.H_TASK] + task * lay.T_WORDS
            i = w[lay.H_PROG] + w[t + lay.T_PC] * lay.I_WORDS
            return right(w, task) or w[i + lay.I_OP] == NUMBERS[op]

        space["is_private"] = is_private

    return change


def first_come_last_served(space, bits):
    """Of those that wait for a lock the last one is next."""
    right = space["take_lock"]

    def take_lock(w, task, lock, shared):
        head, tail = w[lock + lay.K_HEAD], w[lock + lay.K_TAIL]
        taken = right(w, task, lock, shared)
        if not taken and head:  # from the end of the queue to its head
            w[w[lay.H_TASK] + (tail - 1) * lay.T_WORDS + lay.T_NEXT] = 0
            w[w[lay.H_TASK] + task * lay.T_WORDS + lay.T_NEXT] = head
            w[lock + lay.K_HEAD], w[lock + lay.K_TAIL] = task + 1, tail
        return taken

    space["take_lock"] = take_lock


def one_event_late(space, bits):
    """A lock is handed over in the event that follows the unlock, whosesoever it is."""
    advance, drop_lock = space["advance"], space["drop_lock"]
    pending = []

    def advance_late(w, task, now):
        late = list(pending)
        pending.clear()
        at = advance(w, task, now)
        for hand_over in late:
            hand_over()
        return at

    space["drop_lock"] = lambda *given: pending.append(partial(drop_lock, *given))
    space["advance"] = advance_late


def one_ps_late(space, bits):
    """A lock's next holder goes on 1 ps late."""
    right = space["hand_over_ps"]
    space["hand_over_ps"] = lambda *given: right(*given) + 1


def first_asleep_last_woken(space, bits):
    """Who sleeps on a page is woken 1 ps after the unlock at the earliest."""
    right = space["unlock_page"]
    space["unlock_page"] = lambda w, task, done: right(w, task, done + 1)


def start_unsorted(space, bits):
    """The first event of task 0 is forgotten until somebody wakes it."""
    right = space["first_keys"]

    def first_keys(w, tree, leaves, bits):
        right(w, tree, leaves, bits)
        space["set_key"](tree, leaves, NEVER, bits)

    space["first_keys"] = first_keys


ORDER = {
    "ties broken the other way": ties_the_other_way,
    "hand-over one event late": one_event_late,
    "hand-over 1 ps late": one_ps_late,
    "last come, first served": first_come_last_served,
    "waking 1 ps late": first_asleep_last_woken,
    "a task that never starts": start_unsorted,
}


@pytest.mark.parametrize("fault", ORDER.values(), ids=ORDER.keys())
def test_quick_a_fault_of_order_is_noticed(fault):
    """An engine that orders events or hands locks over in another way tells another story."""
    assert is_caught(fault)


ANY, WILD, SHIPPED = FRAMES, ("wild loop",), ("scheme",)
SEEN_BY_OTHERS = {
    "add": ANY,
    "trylock_page": ANY,
    "unlock_page": ANY,
    "wait_on_page": ANY,
    "set_pte": ANY,
    "lock_page": WILD,
    "set_flags": WILD,
    "add_to_cache": WILD,
    "when_flags": ANY,
    "when_pte_none": ANY,
    "when_table_missing": ANY,
    "lock": ANY,
    "unlock": ANY,
    "touch": ANY,
    "finish": ANY,
    "submit_read": SHIPPED,
    "io_next": SHIPPED,
}

RARE = ("add_to_cache", "set_flags")  # in wild programs


@pytest.mark.parametrize(("op", "frames"), list(SEEN_BY_OTHERS.items()), ids=SEEN_BY_OTHERS.keys())
def test_quick_fusing_past_a_shared_step_is_noticed(op, frames):
    """Whichever kind of shared step an engine carries out before its turn, the stories differ."""
    assert is_caught(fused_past(op), frames=frames, examples=600 if op in RARE else 150)


@pytest.mark.slow
@pytest.mark.parametrize(
    "op", ["populate", "clear_pte", "remove", "when_cached", "when_mapped", "flush_table"]
)
def test_fusing_past_a_rarely_decisive_step_is_noticed(op):
    """The same for what seldom changes while somebody looks."""
    assert is_caught(fused_past(op), examples=3_000)


# --- costs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("cost", cost_table.COSTS[1:])
def test_quick_a_cost_off_by_1_ps_is_noticed(cost):
    """No cost of the table can be wrong by the smallest amount without a difference."""
    index = cost_table.COSTS.index(cost)
    assert is_caught(word=lambda w: int(w[lay.H_COST]) + index)


LINE_COSTS = [
    (op, state, distance)
    for op in (lay.LINE_LOAD, lay.LINE_STORE, lay.LINE_RMW)
    for state in (lay.SHARED, lay.MODIFIED)
    for distance in (lay.SAME_L3, lay.SAME_SOCKET, lay.ONE_HOP, lay.TWO_HOPS)
]


@pytest.mark.slow
@pytest.mark.parametrize(("op", "state", "distance"), LINE_COSTS)
def test_a_line_cost_off_by_1_ps_is_noticed(op, state, distance):
    """No cost of a line can be wrong by 1 ps: for any operation, state and distance."""
    place = (op * 3 + state) * lay.N_DISTANCES + distance
    assert is_caught(word=lambda w: int(w[lay.H_LINE_COST]) + place, examples=1_000)


@pytest.mark.parametrize("header", ["H_HOLD", "H_L3_HIT", "H_TICKET_WAITER", "H_NODE_PAGE"])
def test_quick_a_parameter_off_by_1_ps_is_noticed(header):
    """The same for what a line, a waiter or a page costs besides."""
    assert is_caught(word=lambda w: getattr(lay, header))
