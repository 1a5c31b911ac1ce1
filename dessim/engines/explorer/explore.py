"""A search from Python: memory for states, bounds, what was found."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dessim.engines import build
from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.compile import entries
from dessim.engines.explorer.moves import ENDLESS, NO_MEANING, quiet_steps
from dessim.engines.explorer.states import TOO_NARROW
from dessim.engines.explorer.world import ScopeError, Small
from dessim.kernel import layout as lay
from dessim.kernel.ops import name_of

FIRST_ROOM = 1 << 14
BUDGET = 1 << 17  # states between two looks at Ctrl-C
DEFAULT_BOUND = 5_000_000


@dataclass(frozen=True)
class Finding:
    """What was found about one property.

    Attributes
    ----------
    name : str
    verdict : str
        ``never`` (all states were seen), ``sometimes``, or ``unknown`` (a bound was hit).
    steps : int or None
        Length of a shortest witness; of a livelock, of the way there and once around.
    state, last : int
        Where the witness ends: a stored state, and the move out of it or -1. ``story.concrete``
        makes a schedule of it.
    """

    name: str
    verdict: str
    steps: int | None
    state: int
    last: int


@dataclass
class Exploration:
    """All states of a small World.

    Attributes
    ----------
    small : Small
    states, moves : int
    complete : bool
        Whether all reachable states were seen.
    findings : dict
        By property.
    keys : int64 array, shape (states, words)
        Packed states in the order in which they were found.
    parents : int64 array
        Where each was found from: state << 8 | move; -1 for the first.
    edges : int64 array or None, shape (states, moves)
        Where each move leads: a state, -1 not possible, -2 a BUG.
    symmetric : bool
        Whether a stored state stands for all that differ in which thread is which.
    untried : tuple of str
        What the memory model allows and was not tried: then nothing is called never.
    """

    small: Small
    states: int
    moves: int
    complete: bool
    findings: dict[str, Finding]
    keys: Any
    parents: Any
    edges: Any
    symmetric: bool
    untried: tuple[str, ...] = ()

    def path(self, state: int) -> list[int]:
        """Return the states from the first one to a state."""
        found = [state]
        while self.parents[found[-1]] >= 0:
            found.append(int(self.parents[found[-1]]) >> 8)
        return found[::-1]


def explore(
    small: Small,
    properties: tuple[str, ...] = ex.PROPERTIES,
    bound: int = DEFAULT_BOUND,
    *,
    symmetry: bool = True,
) -> Exploration:
    """Visit all states of a small World, breadth first.

    Parameters
    ----------
    small : Small
    properties : tuple of str
        What is asked for: the search ends early when all of it has been violated.
    bound : int
        Most states.
    symmetry : bool
        Whether of states that only differ in which thread is which one is enough. A search for
        livelock never uses that, since it must distinguish threads.

    Raises
    ------
    ScopeError
        If a state does not fit in its fields.
    """
    search = _Search(small, properties, bound, symmetry)
    outcome = search.run()
    return search.result(outcome)


class _Search:
    """The arrays of a search, growing."""

    def __init__(
        self, small: Small, properties: tuple[str, ...], bound: int, symmetry: bool
    ) -> None:
        self.small, self.x, self.properties = small, small.x, properties
        self.w = small.w.copy()
        self.plain = build.is_plain()
        self.code = entries()
        self.livelock = "livelock" in properties
        w, x = self.w, self.x
        w[x + ex.X_WANTED] = sum(1 << small.properties.index(name) for name in properties)
        w[x + ex.X_BOUND] = bound
        w[x + ex.X_EDGES] = int(self.livelock)
        if self.livelock or not symmetry:
            w[x + ex.X_SYMMETRIC] = 0
        each = 1 if small.rules.memory == "sc" else ex.MOVES_OF_TASK
        self.moves = int(w[lay.H_TASKS]) * each
        self.words = int(w[x + ex.X_KEYS])
        self.bound = bound
        self.most_new = int(w[lay.H_TASKS]) * ex.MOVES_OF_TASK  # states found out of one
        self.room = min(FIRST_ROOM, bound + 2 * self.most_new)
        self.size = 4 * FIRST_ROOM
        self.keys = self.zeros(self.room * self.words)
        self.parents = self.zeros(self.room)
        self.edges = self.zeros(self.room * self.moves if self.livelock else 1)
        self.table = self.zeros(self.size)
        if self.plain:
            self.w = self.w.tolist()

    def zeros(self, words: int) -> Any:
        """Return new words."""
        return [0] * words if self.plain else np.zeros(words, dtype=np.int64)

    def grown(self, words: Any, size: int) -> Any:
        """Return words with zeros behind them."""
        if self.plain:
            return words + [0] * (size - len(words))
        return np.concatenate([words, np.zeros(size - len(words), dtype=np.int64)])

    def grow(self) -> None:
        """Make room for twice as many states."""
        self.room *= 2
        self.keys = self.grown(self.keys, self.room * self.words)
        self.parents = self.grown(self.parents, self.room)
        if self.livelock:
            self.edges = self.grown(self.edges, self.room * self.moves)
        if 2 * self.room > self.size:
            self.size *= 2
            self.table = self.zeros(self.size)
            self.code["insert_again"](self.w, self.x, self.keys, self.table, self.size)

    def run(self) -> int:
        """Search to the end; return how it ended."""
        w, x = self.w, self.x
        settle_threads(w, x)
        self.code["first_state"](w, x, self.keys, self.parents, self.table, self.size)
        while True:
            outcome = int(
                self.code["search_some"](
                    w,
                    x,
                    self.keys,
                    self.parents,
                    self.edges,
                    self.table,
                    self.size,
                    self.room,
                    BUDGET,
                )
            )
            if outcome == ex.BROKEN:
                why = what_failed(self.small, int(w[x + ex.X_ERROR]))
                raise ScopeError(f"the explorer failed: {why}")
            if outcome != ex.GROW:
                return outcome
            if int(w[x + ex.X_STATES]) + self.most_new > self.room:
                self.grow()

    def find_livelock(self) -> int:
        """Return a state of a livelock, or -1."""
        states = int(self.w[self.x + ex.X_STATES])
        index, low, stack = (self.zeros(states) for _ in range(3))
        calls = self.zeros(2 * states + 2)
        return int(
            self.code["find_livelock"](
                self.w, self.x, self.edges, index, low, stack, calls, self.small.finite
            )
        )

    def result(self, outcome: int) -> Exploration:
        """Return what was found."""
        w, x = self.w, self.x
        states = int(w[x + ex.X_STATES])
        untried = untried_of(self.small, int(w[x + ex.X_FULL]))
        complete = int(w[x + ex.X_DONE]) == states and not untried
        if self.livelock and int(w[x + ex.X_DONE]) == states:
            state = self.find_livelock()
            if state >= 0:
                w[x + ex.X_VIOLATED] |= 1 << ex.LIVELOCK
                w[int(w[x + ex.X_WITNESS]) + 2 * ex.LIVELOCK] = state
                w[int(w[x + ex.X_WITNESS]) + 2 * ex.LIVELOCK + 1] = ex.NO_MOVE
        keys = np.asarray(self.keys[: states * self.words], dtype=np.int64)
        made = Exploration(
            self.small,
            states,
            int(w[x + ex.X_MOVES]),
            complete,
            {},
            keys.reshape(states, self.words),
            np.asarray(self.parents[:states], dtype=np.int64),
            np.asarray(self.edges[: states * self.moves]).reshape(states, -1)
            if self.livelock
            else None,
            bool(w[x + ex.X_SYMMETRIC]),
            untried,
        )
        for name in self.properties:
            made.findings[name] = self.finding(name, made)
        return made

    def finding(self, name: str, made: Exploration) -> Finding:
        """Return the verdict on a property."""
        w, x = self.w, self.x
        which = self.small.properties.index(name)
        if not (int(w[x + ex.X_VIOLATED]) >> which) & 1:
            return Finding(name, "never" if made.complete else "unknown", None, -1, -1)
        witness = int(w[x + ex.X_WITNESS]) + 2 * which
        state, last = int(w[witness]), int(w[witness + 1])
        steps = len(made.path(state)) - 1 + (last != ex.NO_MOVE)
        if int(w[x + ex.X_FULL]) & ex.FULL_MERGED and not self.is_real(made, state):
            return Finding(name, "unknown", None, -1, -1)
        return Finding(name, "sometimes", steps, state, last)

    def is_real(self, made: Exploration, state: int) -> bool:
        """Return whether no value was taken for another on the way to a state."""
        from dessim.engines.explorer.story import is_exact

        return is_exact(made, made.path(state))


UNTRIED = {
    ex.FULL_BUFFER: f"a store buffer held {ex.CAPACITY} stores",
    ex.FULL_CHOICES: f"a load had more than {ex.MOVES_OF_TASK} values to choose from",
    ex.FULL_HISTORY: "a word had more loadable values than a history holds",
    ex.FULL_RACE: "two tasks could store to a word at the same time: one order was tried",
    ex.FULL_WINDOW: "old ptes of a whole window could be read",
}


def untried_of(small: Small, bits: int) -> tuple[str, ...]:
    """Return what the memory model allows and was not tried, in words."""
    found = tuple(text for bit, text in UNTRIED.items() if bits & bit)
    late = tuple(f"a later store may overtake {words} (load buffering)" for words in small.late)
    return found + late


def what_failed(small: Small, error: int) -> str:
    """Return what an error of the explorer itself means."""
    if error >= NO_MEANING:
        return f"no branch of the kernel knows the operation {name_of(error - NO_MEANING)!r}"
    if error >= TOO_NARROW:
        row = int(small.w[small.x + ex.X_FIELD]) + (error - TOO_NARROW) * ex.FIELD_WORDS
        return f"{small.name_at(int(small.w[row]))} gets a value that does not fit"
    if error == ENDLESS:
        return "a task goes round for ever without a step that others can see"
    return f"error {error}"


def settle_threads(w: Any, x: int) -> None:
    """Carry out, for all tasks, the steps before the first one that others can see."""
    words = w if isinstance(w, list) else w.tolist()
    for task in range(int(words[lay.H_TASKS])):
        quiet_steps(words, x, task)
    words[x + ex.X_REST] = words[words[lay.H_TASK] + lay.T_PC]
    w[:] = words
