"""What a task has in hand on its way through a program, as far as ``balance`` follows it.

A pte owns a reference and a count: mapping a page hands both over, clearing a pte brings both back.
"""

from collections.abc import Callable
from typing import NamedTuple

from dessim.kernel import layout as lay
from dessim.kernel.operands import NAMES_OF_LOCKS
from dessim.kernel.ops import OP_ADD, OPERATIONS

MOST = 3  # references, or counts, of one page in a hand: who takes more takes them round for round

LOCK_NAMES = NAMES_OF_LOCKS


class Page(NamedTuple):
    """What a task has of one page, or of its folio."""

    references: int = 0
    raised: int = 0  # the mapcount, without a pte
    locked: str = ""  # "page" or "head": where the cursor was
    unpaid: bool = False  # mapped, with references that add_folio_refs has still to add
    remembered: bool = False  # put in the gang's array in this visit
    held: bool | None = None  # whether the gang's array holds it, where that was asked


class Visit(NamedTuple):
    """One time round a loop over pages, and what was done in it about pages of the gang's array."""

    end: int  # the step that ends the loop
    page: Page = Page()
    given: bool = False  # some were given back
    kept: bool = False  # some were not
    passed: bool = False  # it was asked, and a page was not in it
    left: int = 0  # references that pages have left of which some were given back
    left_raised: int = 0  # counts, likewise


class State(NamedTuple):
    """A place in the program, and what a task holds there."""

    place: int = 0
    locks: frozenset[tuple[int, int]] = frozenset()
    noted: bool = False
    at_head: bool = False
    gang: int | None = None  # references that come with each page in the array; None: it is empty
    gang_raised: int = 0  # counts that come with each page in the array
    gang_skips: bool = False  # the array was filled from the first unmapped page on
    target: Page = Page()
    visits: tuple[Visit, ...] = ()

    @property
    def page(self) -> Page:
        """What it has of the page at which it works."""
        return self.visits[-1].page if self.visits else self.target

    def having(self, **changes: object) -> "State":
        """Return the state with something else of the page at which it works."""
        page = self.page._replace(**changes)  # type: ignore[arg-type]
        if not self.visits:
            return self._replace(target=page)
        return self._replace(visits=(*self.visits[:-1], self.visits[-1]._replace(page=page)))


Began = Callable[[int, int, int], bool]
"""Whether a step, by its number and operands, is one with which something may have begun."""
LOCKS_PAGE = (lay.TAKES_PAGE, lay.LOCKS_PAGE_FOR_DEVICE)


class Wrong(Exception):  # noqa: N818 - it ends the walk, nobody else sees it
    """What is wrong at a step; ``{taken}`` in the text becomes the step with which it began."""

    def __init__(self, text: str, began: Began | None = None) -> None:
        super().__init__(text)
        self.began = began


def adds(word: int, by: int) -> Began:
    """Recognise a step that adds to a word of the page."""
    return lambda op, a, b: op == OP_ADD and (a, b) == (word, by)


def takes(*numbers: int) -> Began:
    """Recognise steps by their numbers."""
    return lambda op, _a, _b: op in numbers


def locks_page() -> Began:
    """Recognise a step that locks the page."""
    return lambda op, _a, _b: OPERATIONS[op].locking in LOCKS_PAGE


def takes_lock(which: int) -> Began:
    """Recognise a step that takes a lock."""
    return lambda op, a, _b: OPERATIONS[op].locking == lay.TAKES_LOCK and a == which


def lock(state: State, locking: int, which: int, shared: int) -> State:
    """Take or release a lock."""
    held = next((one for one in state.locks if one[0] == which), None)
    name = LOCK_NAMES[which, shared]
    if locking == lay.TAKES_LOCK:
        if held is not None:
            raise Wrong(
                f"takes {name} while it holds {LOCK_NAMES[held]}, taken{{taken}}",
                takes_lock(which),
            )
        return state._replace(locks=state.locks | {(which, shared)})
    if held is None:
        raise Wrong(f"releases {name}, which it does not hold")
    if held[1] != shared:
        raise Wrong(f"releases {name}, but what it holds is {LOCK_NAMES[held]}")
    return state._replace(locks=state.locks - {held})


def lock_page(state: State, tries: bool) -> State | None:
    """Lock the page at which a task works; None if a try would find it busy."""
    if state.page.locked:
        if tries:
            return None  # it is busy, for its owner as for others
        raise Wrong("locks a page that it has already locked{taken}", locks_page())
    return state.having(locked="head" if state.at_head else "page")


def unlock_page(state: State) -> State:
    """Unlock the page at which a task works, or leave that to the device."""
    locked = state.page.locked
    if not locked:
        raise Wrong("unlocks a page that it has not locked")
    if locked != ("head" if state.at_head else "page"):
        raise Wrong(f"unlocks another page of the folio than the {locked} that it locked")
    return state.having(locked="")


def refuse_surplus(state: State, references: int, raised: int) -> None:
    """Refuse to drop a reference, or to lower a count, that is not in hand.

    Raises
    ------
    Wrong
        If it is not.
    """
    if references < 0 and state.page.references <= 0:
        raise Wrong("drops a reference that it does not have")
    if raised < 0 and state.page.raised <= 0:
        raise Wrong("lowers a mapcount that it has not raised")


def counted(state: State, references: int, raised: int) -> State:
    """Return the state with more or fewer references and counts of its page in hand."""
    page = state.page
    references, raised = page.references + references, page.raised + raised
    if max(abs(references), abs(raised)) > MOST:
        what = "references" if abs(references) > MOST else "counts"
        raise Wrong(f"takes {what} of one page in every round, or drops them")
    return state.having(references=references, raised=raised)
