"""What there is to say of an operation, and what makes its row complete.

``ops`` holds the rows. A row that contradicts itself or leaves something out cannot be imported:
a step must not run half-declared, cost nothing and do nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any, ParamSpec

from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.order import FULL as FULL
from dessim.kernel.order import LOADS as LOADS
from dessim.kernel.order import UNSEEN as UNSEEN
from dessim.kernel.order import Order as Order
from dessim.kernel.order import loading as loading
from dessim.kernel.order import storing as storing

# --- groups: which function carries an operation out --------------------------------------------
PAGE, CONDITION, LOCK, CACHE, NOTHING = "page", "condition", "lock", "cache", "nothing"
TASK, FOLIO, RANGE, ACTOR = "task", "folio", "range", "actor"
ASK, FRAME, CHARGE, REGION, CALL = "ask", "frame", "charge", "region", "call"
EXEC, PART, SPLIT = "exec", "part", "split"
PRESSURE, READAHEAD, COMMAND, RECLAIM = "pressure", "readahead", "command", "reclaim"
REPLAY = "replay"
VARIABLE, WAITING, SECTION, TRANSLATION = "variable", "waiting", "section", "translation"
OF_PROTOCOLS = (VARIABLE, WAITING, SECTION, TRANSLATION)
"""Groups that only the explorer can use."""
GROUPS = (
    *(PAGE, CONDITION, LOCK, NOTHING, TASK, CACHE, FOLIO, RANGE, ACTOR),
    *(ASK, FRAME, CHARGE, REGION, CALL, EXEC, PART, SPLIT),
    *(PRESSURE, READAHEAD, COMMAND, RECLAIM, REPLAY),
    *OF_PROTOCOLS,
)

# --- what an operation changes, for the invariants: one bit each --------------------------------
CHANGES_PTE = 1  # the pte of the cursor's page
CHANGES_COUNTS = 2  # counts or flags of the cursor's page
CHANGES_ALL_PTES = 4  # those of a whole page table
FREES_TABLES = 8

# --- latencies ----------------------------------------------------------------------------------
NO_LATENCY, FAULT_BEGINS, FAULT_ENDS, WAIT_BEGINS, WAIT_ENDS = 0, 1, 2, 3, 4

# --- who sees it in the small World of the explorer, where page tables are never private ------
QUIET_IF_PRIVATE, QUIET_ALWAYS, QUIET_IF_TABLES_STAY = 0, 1, 2

Row = ParamSpec("Row")
Operands = Callable[[int, int], Any]


class OperationError(ValueError):
    """An operation that is declared in part, twice, or in contradiction to itself."""


@dataclass(frozen=True)
class Operation:
    """A row of the table of operations: all there is to say of one.

    What depends on the operands is given as a function of both.

    Attributes
    ----------
    name : str
        In programs; the number has the same name behind ``OP_``.
    group : str
        Which function carries it out.
    words : str
        In the explorer's stories, as kernel people say it; a question ends with its mark.
    line : int
        The cache line for which it asks, ``*_LINE``.
    access : int or function or None
        How: ``LINE_LOAD``, ``LINE_STORE``, ``LINE_RMW``.
    own_delay : bool
        Whether ``delays.own_delay_ps`` knows a rule for its duration, besides the line.
    takes_cost : bool
        Whether the program says which work it is.
    cost, category : str
        Its own work, and the category of its time, unless the program says others.
    drawn : str
        The cost around which its duration is drawn.
    private : int or function
        Who sees it while the timed engines run, ``PRIVATE_*``.
    quiet : int
        Who sees it in the explorer, ``QUIET_*``.
    order : Order or function or None
        Among the task's own steps; None if nobody sees it.
    begins_lookup : bool
        Whether it finds a page on which a reference may then be taken.
    leaves_page : bool
        Whether a core no longer tries to keep the page's line behind it.
    branches : bool
        Whether it governs steps, as a condition does: some if it succeeds, others if it fails.
    condition : str
        What ``when`` calls it.
    loop : str
        The loop that it closes.
    opened_by : str
        The operation before that loop.
    latency : int
        What it begins or ends, ``FAULT_*``, ``WAIT_*``.
    changes : int
        For the invariants, bits ``CHANGES_*``.
    in_hand : (int, int) or function or None
        References and counts of its page that a task has more of in hand behind it, for
        ``balance``. What changes counts or ptes must say so; ``own_rule`` there knows the others.
    new_page : bool
        Whether the loop that it closes goes to a page of its own each time round.
    picks : bool
        Whether it goes on to other pages: those before must have nothing left in hand.
    at_rest : bool
        Whether a task that comes to it must hold nothing.
    locking : int
        What it does with locks: ``TAKES_LOCK``, …
    waits_for : int
        On what a task that does not go on behind it is blamed: ``WAITS_FOR_*``.
    remembers : int
        The word of the task in which it leaves something for later steps.
    by_list : bool
        Whether its first operand says which list of free frames: of folios, or of single pages.
    finds : bool
        Whether it leaves the outcome in a local of a protocol.
    listing : function or None
        How a listing of the program shows it, given operands and cost.
    """

    name: str
    group: str
    words: str
    line: int = lay.NO_LINE
    access: int | Operands | None = None
    own_delay: bool = False
    takes_cost: bool = False
    cost: str = "none"
    category: str = "map"
    drawn: str = ""
    private: int | Operands = lay.PRIVATE_NEVER
    quiet: int = QUIET_IF_PRIVATE
    order: Order | Operands | None = None
    begins_lookup: bool = False
    leaves_page: bool = False
    branches: bool = False
    condition: str = ""
    loop: str = ""
    opened_by: str = ""
    latency: int = NO_LATENCY
    changes: int = 0
    in_hand: tuple[int, int] | Operands | None = None
    new_page: bool = False
    picks: bool = False
    at_rest: bool = False
    locking: int = lay.NO_LOCKING
    waits_for: int = lay.WAITS_NEVER
    remembers: int = 0
    by_list: bool = False
    finds: bool = False
    listing: Callable[[int, int, str], str] | None = None

    @property
    def timed(self) -> int:
        """What its duration is besides its own work, as an instruction holds it."""
        return self.line | (lay.OWN_RULE if self.own_delay else 0)

    @property
    def asks(self) -> bool:
        """Whether its words are a question, to be answered by yes or no."""
        return self.words.endswith("?")

    def access_with(self, a: int, b: int) -> int:
        """Return how it asks for its line with its operands, ``LINE_*``."""
        access = self.access(a, b) if callable(self.access) else self.access
        return int(access or 0)

    def private_to(self, a: int, b: int) -> int:
        """Return who sees it with its operands, ``PRIVATE_*``."""
        return int(self.private(a, b) if callable(self.private) else self.private)

    def ordered(self, a: int, b: int) -> Order:
        """Return how it is ordered with its operands."""
        found: Order = self.order(a, b) if callable(self.order) else self.order or UNSEEN
        return found

    @property
    def decides(self) -> bool:
        """Whether it governs steps: one sequence if it succeeds, another if it fails."""
        return self.branches or self.group == CONDITION

    def handed(self, a: int, b: int) -> tuple[int, int]:
        """Return references and counts that a task has more of in hand behind it."""
        found = self.in_hand(a, b) if callable(self.in_hand) else self.in_hand
        references, raised = found or (0, 0)
        return int(references), int(raised)

    def listed(self, a: int, b: int, cost: str) -> str:
        """Return its line in the listing of a program."""
        return self.listing(a, b, cost) if self.listing else self.name.replace("_", " ")

    def unseen(self) -> bool:
        """Whether no other task ever sees it."""
        return self.private == lay.PRIVATE_ALWAYS or self.quiet == QUIET_ALWAYS

    def mistakes(self) -> list[str]:
        """Return what is missing or contradicts itself in the row."""
        always = self.private == lay.PRIVATE_ALWAYS
        waits_for_time = self.own_delay or self.takes_cost or self.line != lay.NO_LINE
        locks = self.locking in (lay.TAKES_LOCK, lay.DROPS_LOCK)
        rules = {
            "its name is no identifier": not self.name.isidentifier(),
            "it has no words": not self.words,
            f"there is no group {self.group!r}": self.group not in GROUPS,
            f"there is no cost {self.cost!r}": self.cost not in cost_table.COSTS,
            f"there is no cost {self.drawn!r}": self.drawn not in ("", *cost_table.COSTS),
            f"there is no category {self.category!r}": self.category not in lay.CATEGORIES,
            "it asks for a line and does not say how": bool(self.line) and self.access is None,
            "it says how it asks for a line and not for which": (
                not self.line and self.access is not None
            ),
            "others see it, and it has no order": self.order is None and not self.unseen(),
            "it asks for a line that others take, and nobody sees it": (
                always and self.line in (lay.PAGE_LINE, lay.LOCK_LINE, lay.PTE_LINE)
            ),
            "it does nothing, and takes no time": (
                self.group == NOTHING and not waits_for_time and self.order is None
            ),
            "its time is drawn, and it has no rule for it": bool(self.drawn) and not self.own_delay,
            "it takes or drops a lock without asking for its line": (
                locks and self.line != lay.LOCK_LINE
            ),
            "it is a condition, and `when` has no name for it": (
                self.group == CONDITION and not self.condition
            ),
            "what opens its loop is named, and not the loop": bool(self.opened_by)
            and not self.loop,
            "it changes counts or ptes, and does not say what a task has in hand behind it": (
                bool(self.changes & (CHANGES_PTE | CHANGES_COUNTS)) and self.in_hand is None
            ),
        }
        return [text for text, holds in rules.items() if holds]


class OperationTable:
    """The operations, in the order in which they are declared: the position is the number."""

    def __init__(self) -> None:
        self.rows: list[Operation] = []

    def declaring(self, make: Callable[Row, Operation]) -> Callable[Row, int]:
        """Return a function that takes what makes a row, appends it, and returns its number."""

        def operation(*given: Row.args, **more: Row.kwargs) -> int:
            return self.add(make(*given, **more))

        return operation

    def add(self, row: Operation) -> int:
        """Append an operation and return its number.

        Raises
        ------
        OperationError
            If the row is not complete, or its group has been left before.
        """
        wrong = row.mistakes()
        if any(row.name == other.name for other in self.rows):
            wrong.append("there is another of this name")
        groups = [other.group for other in self.rows]
        if row.group in groups and groups[-1] != row.group:
            wrong.append(f"the group {row.group!r} was left before it")
        if wrong:
            raise OperationError(f"operation {row.name!r}: {'; '.join(wrong)}")
        self.rows.append(row)
        return len(self.rows) - 1

    def last(self, group: str) -> int:
        """Return the number of the last operation of a group.

        Raises
        ------
        OperationError
            If the group is empty.
        """
        numbers = [number for number, row in enumerate(self.rows) if row.group == group]
        if not numbers:
            raise OperationError(f"no operation is of the group {group!r}")
        return numbers[-1]

    def closed(self, names: Mapping[str, Any]) -> tuple[Operation, ...]:
        """Return all rows, once the names of their numbers are known.

        Raises
        ------
        OperationError
            If a number has another name than its operation, or a loop is opened by nothing.
        """
        for number, row in enumerate(self.rows):
            if names.get(static_name(row)) != number:
                raise OperationError(f"{static_name(row)} is not the operation {row.name!r}")
            if row.opened_by and row.opened_by not in {other.name for other in self.rows}:
                raise OperationError(f"operation {row.name!r}: no operation {row.opened_by!r}")
        return tuple(self.rows)


def static_name(row: Operation) -> str:
    """Return the name of an operation's number in the source."""
    return f"OP_{row.name.upper()}"


def check_effects(
    rows: Sequence[Operation],
    dispatch: tuple[Callable[..., int], ...],
    effects: Mapping[str, tuple[Callable[..., int], ...]],
) -> None:
    """Check that every operation has an effect: a branch in a function that is dispatched to.

    Parameters
    ----------
    rows : sequence of Operation
    dispatch : tuple of functions
        They distinguish groups by their last operations, ``LAST_*``.
    effects : dict
        Group -> functions that carry its operations out; none for those that change nothing.

    Raises
    ------
    OperationError
        With the operations that would do nothing.
    """
    called = names_in(*dispatch)
    for group in dict.fromkeys(row.group for row in rows):
        functions = effects.get(group)
        if functions is None or f"LAST_{group.upper()}" not in called:
            raise OperationError(f"no dispatch of the group {group!r}")
        if any(function.__name__ not in called for function in functions):
            raise OperationError(f"what carries out the group {group!r} is never called")
        own = [static_name(row) for row in rows if row.group == group and group != NOTHING]
        missing = [name for name in own if name not in names_in(*functions)]
        if missing:
            raise OperationError(f"no effect of {', '.join(missing)}")


def check_delays(
    rows: Sequence[Operation], own: tuple[Callable[..., int], ...], line: Callable[..., int]
) -> None:
    """Check that every operation that takes time has a branch that says how long.

    Parameters
    ----------
    rows : sequence of Operation
    own : tuple of functions
        What knows the rules of those that have one of their own.
    line : function
        What asks for lines.

    Raises
    ------
    OperationError
        With the operations whose time nobody knows.
    """
    lines = {getattr(lay, name) for name in names_in(line) if name.endswith("_LINE")}
    for row in rows:
        if row.own_delay and static_name(row) not in names_in(*own):
            raise OperationError(f"no delay of {static_name(row)}")
        if row.line not in lines:
            raise OperationError(f"nobody asks for the line of {static_name(row)}")


def names_in(*functions: Callable[..., Any]) -> set[str]:
    """Return the names that the code of some functions mentions."""
    code = (f.__code__ for f in functions if isinstance(f, FunctionType))
    return {name for each in code for name in each.co_names}
