"""A schedule of the explorer on the reference engine: the same steps at times far apart.

Each step of the schedule is an event of SimPy, a second after the one before. It goes through
``advance``, costs and accounts included; what it changes must be what the explorer says.
"""

from collections.abc import Sequence

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.moves import is_get, is_look_at_found, is_quiet, next_attempt
from dessim.engines.explorer.states import pack
from dessim.engines.explorer.story import Walk
from dessim.engines.explorer.world import ScopeError, Small
from dessim.engines.reference import Reference
from dessim.kernel import layout as lay
from dessim.kernel.layout import World
from dessim.kernel.ops import OP_NEXT_ACCESS
from dessim.kernel.steps import advance

STEP_PS = 10**12  # far longer than any transfer: no step waits for a line


class EnginesDisagree(AssertionError):  # noqa: N818 - it says what happened
    """The explorer and the reference engine see different states after the same steps."""


class _Clockwork:
    """Stands for ``advance``: who has the next turn of a schedule moves, at its time."""

    def __init__(self, small: Small, schedule: Sequence[int]) -> None:
        self.x = small.x
        self.turns: dict[int, list[int]] = {}
        for number, action in enumerate(schedule):
            task = action // ex.MOVES_OF_TASK
            self.turns.setdefault(task, []).append((number + 1) * STEP_PS)
        self.keys: list[tuple[int, ...]] = []

    def __call__(self, w: World, task: int, now: int) -> int:
        """Carry out one move of a task; return when its next one is."""
        turns = self.turns.get(task, [])
        if turns and turns[0] == now:
            turns.pop(0)
            self.move(w, task, now)
            self.keys.append(_key(w, self.x))
        w[w[lay.H_WOKEN]] = 0
        return turns[0] if turns else lay.ASLEEP

    def move(self, w: World, task: int, now: int) -> None:
        """Carry out a step that others can see and those that nobody sees, on the timed kernel."""
        t = w[lay.H_TASK] + task * lay.T_WORDS
        pc = w[t + lay.T_PC]
        looks = w[w[self.x + ex.X_LOOKUP] + pc]
        following = w[w[lay.H_PROG] + pc * lay.I_WORDS + lay.I_NEXT]
        now = self.one(w, task, now)
        looks = looks and w[t + lay.T_PC] == following
        while w[t + lay.T_AT] != lay.ENDED:
            i = w[lay.H_PROG] + w[t + lay.T_PC] * lay.I_WORDS
            in_lookup = looks and (is_get(w, i) or is_look_at_found(w, i))
            if not in_lookup and not is_quiet(w, self.x, task, i):
                return
            looks = looks and not is_get(w, i)
            now = self.one(w, task, now)

    def one(self, w: World, task: int, now: int) -> int:
        """Carry out one step; return when it is over."""
        t = w[lay.H_TASK] + task * lay.T_WORDS
        i = w[lay.H_PROG] + w[t + lay.T_PC] * lay.I_WORDS
        if w[i + lay.I_OP] == OP_NEXT_ACCESS:
            next_attempt(w, self.x, task, i)
            return now
        carried_out = w[lay.H_EVENTS] + 1
        while True:  # until the step's own cache line is there
            over = advance(w, task, now)
            if over == lay.ENDED:
                w[t + lay.T_AT] = lay.ENDED
                return now
            if over == lay.HALTED:
                return now
            if over < now:
                raise EnginesDisagree(f"task {task} must wait in the reference engine")
            now = over
            if w[lay.H_EVENTS] == carried_out:
                w[t + lay.T_AT] = 0  # alive: in a state there is no time
                return now


def _key(w: World, x: int) -> tuple[int, ...]:
    symmetric, w[x + ex.X_SYMMETRIC] = w[x + ex.X_SYMMETRIC], 0
    pack(w, x)
    w[x + ex.X_SYMMETRIC] = symmetric
    first = w[x + ex.X_KEY]
    return tuple(w[first + k] for k in range(w[x + ex.X_KEYS]))


def replay(small: Small, schedule: Sequence[int]) -> World:
    """Carry a schedule out on the reference engine, and compare each state with the explorer's.

    Returns
    -------
    World
        As it is after the schedule, counters and costs included.

    Raises
    ------
    ScopeError
        If the scope has store buffers: the timed engines have none.
    EnginesDisagree
        If a state differs.
    """
    if small.rules.memory != "sc":
        raise ScopeError("the reference engine replays --memory sc only: it has no store buffers")
    walk = Walk(small)
    w = list(walk.w)
    clockwork = _Clockwork(small, schedule)
    engine = Reference(w, advance=clockwork)
    engine.env.run()
    for number, action in enumerate(schedule):
        walk.make(action)
        if walk.key() != clockwork.keys[number]:
            raise EnginesDisagree(f"after step {number + 1} of the schedule the engines differ")
    return w
