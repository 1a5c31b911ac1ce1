"""From nested steps to a line of instructions."""

from collections.abc import Sequence
from dataclasses import dataclass

from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import ProgramError, Step, known
from dessim.kernel.flow import comes_back, share_latencies
from dessim.kernel.ops import NUMBERS, OP_STOP, OPERATIONS, OPS, row_of

__all__ = ["Program", "ProgramError", "assemble", "describe", "link"]

LOOPS = {row.loop: row for row in OPERATIONS if row.loop}
GO_BACK = ("each_page", "each_folio", "each_in_range", "each_table", "each_in_table")
"""Loops after which the cursor is on the target again, or on the first page of its range."""
MOST_STEPS = 20_000
GO_TO = -1  # a jump while the program is being laid out; none is left in the result


def never_ends(outer: str, inner: str) -> bool:
    """Return whether a loop goes on from where the one within it moves the cursor back to."""
    if (outer, inner) == ("each_table", "each_in_table"):
        return False  # the first page of the table is far enough
    return inner in GO_BACK and outer in (*GO_BACK, "each_page_of_folio")


@dataclass(frozen=True)
class Program:
    """A program ready to run.

    Attributes
    ----------
    words : tuple of int, shape (n_steps * I_WORDS,)
        The instructions.
    listing : tuple of str, shape (n_steps,)
        A readable line for each instruction.
    """

    words: tuple[int, ...]
    listing: tuple[str, ...]

    @property
    def steps(self) -> int:
        """Number of instructions."""
        return len(self.listing)


class _Assembler:
    """Lays steps out one behind the other and remembers which jumps still lack their target."""

    def __init__(self, options: dict[str, bool | int | str]) -> None:
        self.options = options
        self.rows: list[list[int]] = []
        self.listing: list[str] = []
        self.labels: dict[str, int] = {}
        self.open_jumps: list[tuple[int, str]] = []
        self.loops = 0
        self.inside: list[str] = []  # the loops around the step that is laid out
        self.laid_out = 0
        self.own_costs: dict[str, int] = {}

    def emit(self, step: Step) -> int:
        """Append one instruction and return its place."""
        if step.op == "own_work" and self.own_costs.setdefault(step.cost, step.a) != step.a:
            raise ProgramError(
                f"cost {step.cost!r} has two times, {self.own_costs[step.cost] / 1000:g} and"
                f" {step.a / 1000:g} ns: give one of them another name"
            )
        try:
            row, line = instruction(step), describe(step)
        except LookupError as unknown:
            raise ProgramError(f"step {step.op!r}: {unknown.args[0]}") from None
        self.rows.append(row)
        self.listing.append(line)
        return len(self.rows) - 1

    def jump(self, step: Step, target: str) -> None:
        """Append an instruction whose target is a named place."""
        self.open_jumps.append((self.emit(step), target))

    def fresh(self) -> str:
        """Return a new name for a place."""
        self.loops += 1
        return f".{self.loops}"

    def lay_out(self, steps: tuple[Step, ...]) -> None:
        """Append steps and all that they govern."""
        for step in steps:
            self.laid_out += 1
            if self.laid_out > MOST_STEPS:
                raise ProgramError(f"more than {MOST_STEPS:,} steps: use loops")
            if step.op == "label":
                if step.label in self.labels:
                    raise ProgramError(f"two labels are called {step.label!r}")
                self.labels[step.label] = len(self.rows)
            elif step.op == "option":
                self.lay_out(step.body if self.chosen(step.label) else step.otherwise)
            elif step.op in LOOPS:
                self.repeat(step)
            elif step.op in NUMBERS and row_of(step.op).decides:
                self.choose(step)
            elif step.label:
                self.jump(step, step.label)
            else:
                self.emit(step)
                self.lay_out(step.body)

    def repeat(self, step: Step) -> None:
        """Append a loop: its body, and the step that goes back to its beginning."""
        closing = LOOPS[step.op]
        for outer in self.inside:
            if never_ends(outer, step.op):
                raise ProgramError(
                    f"{step.op} within {outer} never ends: both move the same cursor, and the inner"
                    f" one moves it back each time; put the steps of both in one loop"
                )
        again = self.fresh()
        if closing.opened_by:
            self.emit(Step(closing.opened_by, step.a))
        self.labels[again] = len(self.rows)
        self.inside.append(step.op)
        self.lay_out(step.body)
        self.inside.pop()
        operands = (0, 0) if closing.opened_by else (step.a, step.b)
        self.jump(Step(closing.name, *operands), again)

    def chosen(self, asked: str) -> bool:
        """Return whether an option is on, or, asked as ``name=value``, has a value."""
        name, _, value = asked.partition("=")
        if name not in self.options:
            raise ProgramError(f"the program uses an unknown option {name!r}")
        return self.options[name] == value if value else bool(self.options[name])

    def choose(self, step: Step) -> None:
        """Append a conditional step, its body, and the steps for when it fails."""
        failed, joined = self.fresh(), self.fresh()
        self.jump(step, failed)
        self.lay_out(step.body)
        if step.otherwise:
            self.jump(Step("go_to"), joined)
        self.labels[failed] = len(self.rows)
        self.lay_out(step.otherwise)
        self.labels[joined] = len(self.rows)

    def finish(self, timed: bool) -> Program:
        """Resolve all jumps, and let the instructions before a plain jump lead to its target."""
        for place, target in self.open_jumps:
            if target not in self.labels:
                raise ProgramError(f"no label is called {target!r}")
            self.rows[place][lay.I_TARGET] = self.labels[target]
        kept = [i for i, row in enumerate(self.rows) if row[lay.I_OP] != GO_TO]
        place_of = {old: new for new, old in enumerate(kept)}
        if self.lands_on(0) != 0:
            raise ProgramError("a program cannot begin with a jump")
        rows = []
        for old in kept:
            row = self.rows[old]
            if row[lay.I_OP] != OP_STOP:
                row[lay.I_NEXT] = self.resolved(old + 1, place_of)
            if row[lay.I_TARGET]:
                row[lay.I_TARGET] = self.resolved(row[lay.I_TARGET], place_of)
            rows.append(row)
        for place in range(len(rows)):
            rows[place][lay.I_RUN] = comes_back(rows, place)
        if timed:
            share_latencies(rows)
        return Program(
            tuple(word for row in rows for word in row), tuple(self.listing[i] for i in kept)
        )

    def resolved(self, place: int, place_of: dict[int, int]) -> int:
        """Return where a step leads once plain jumps are gone: always to another step."""
        target = self.lands_on(place)
        if target not in place_of:
            raise ProgramError("the program runs off its end: it must stop or jump back")
        return place_of[target]

    def lands_on(self, place: int) -> int:
        """Return where a jump to a place ends: plain jumps there are followed."""
        for _ in range(len(self.rows) + 1):
            if place >= len(self.rows) or self.rows[place][lay.I_OP] != GO_TO:
                return place
            place = self.rows[place][lay.I_TARGET]
        raise ProgramError(
            "jumps lead in a circle: a go_to() comes to itself, with no step between"
        )


def instruction(step: Step) -> list[int]:
    """Return the words of a step's instruction, without what depends on those around it.

    Raises
    ------
    ProgramError
        If there is no such operation or cost, or the step leaves out what its operation needs.
    """
    words = [0] * lay.I_WORDS
    if step.op == "go_to":
        words[lay.I_OP] = GO_TO
        return words
    if step.op not in NUMBERS:
        raise ProgramError(f"unknown step {step.op!r}; the alphabet is {', '.join(OPS)}")
    row = row_of(step.op)
    if row.takes_cost and not step.cost:
        raise ProgramError(f"step {step.op!r} needs a cost")
    named_here = step.op != "own_work"  # whose cost has a time in place of a row of the table
    cost = known((named_here and step.cost) or row.cost, cost_table.COSTS, "cost")
    named = known(step.category or row.category, lay.CATEGORIES, "category")
    category = lay.CATEGORIES.index(named)
    own = cost_table.CATEGORY.get(cost)
    words[lay.I_OP] = NUMBERS[step.op]
    words[lay.I_A], words[lay.I_B] = step.a, step.b
    words[lay.I_COST] = cost_table.index(cost)
    words[lay.I_CATEGORY] = category
    words[lay.I_PRIVATE] = row.private_to(step.a, step.b)
    words[lay.I_COST_CATEGORY] = lay.CATEGORIES.index(own) if own else category
    words[lay.I_TIMED] = row.timed
    words[lay.I_ACCESS] = row.access_with(step.a, step.b)
    words[lay.I_VARIES] = int(cost_table.index(cost) in cost_table.VARIES)
    return words


def describe(step: Step) -> str:
    """Return a readable form of one instruction."""
    if step.text:
        return step.text
    if step.op not in NUMBERS:
        return step.op.replace("_", " ")
    row = row_of(step.op)
    return row.listed(step.a, step.b, step.cost or row.cost)


def link(programs: Sequence[Program]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Lay programs out one behind the other.

    Returns
    -------
    words : tuple of int, shape (n_steps * I_WORDS,)
    entries : tuple of int, shape (n_programs,)
        Where each program begins.
    """
    words: list[int] = []
    entries = []
    for program in programs:
        entry = len(words) // lay.I_WORDS
        entries.append(entry)
        for start in range(0, len(program.words), lay.I_WORDS):
            row = list(program.words[start : start + lay.I_WORDS])
            row[lay.I_NEXT] += entry
            row[lay.I_TARGET] += entry
            words += row
    return tuple(words), tuple(entries)


def assemble(
    steps: tuple[Step, ...],
    options: dict[str, bool | int | str] | None = None,
    *,
    timed: bool = True,
) -> Program:
    """Lay a nested program out as a line of instructions.

    Parameters
    ----------
    steps : tuple of Step
    options : dict, optional
        Values of the options that the program asks for.
    timed : bool
        Whether latencies are recorded; the explorer knows no time.

    Raises
    ------
    ProgramError
        If a word, an option or a place is unknown.
    """
    assembler = _Assembler(dict(options or {}))
    assembler.lay_out(steps)
    return assembler.finish(timed)
