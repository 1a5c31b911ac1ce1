"""What came of a search, and why not all was tried, in words."""

from dataclasses import dataclass
from typing import Any

from dessim.engines.explorer import layout as ex
from dessim.engines.explorer.moves import ENDLESS, NO_MEANING
from dessim.engines.explorer.states import TOO_NARROW
from dessim.engines.explorer.world import Small
from dessim.kernel.ops import name_of


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
    bounded : str
        Which bound was hit, in words; empty if none was.
    shortest : bool
        Whether no trace is shorter than those found.
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
    bounded: str = ""
    shortest: bool = True

    def path(self, state: int) -> list[int]:
        """Return the states from the first one to a state."""
        found = [state]
        while self.parents[found[-1]] >= 0:
            found.append(int(self.parents[found[-1]]) >> 8)
        return found[::-1]


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
        address = int(small.w[row])
        if address in small.crowded:
            return small.crowded[address]
        name = small.name_at(address)
        if not small.texts:
            return f"{name} gets a value that does not fit"
        return f"{name} gets a value outside that: give it most=, or look why it goes below 0"
    if error == ENDLESS:
        return "a task goes round for ever without a step that others can see"
    return f"error {error}"
