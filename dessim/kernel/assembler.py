"""From nested steps to a line of instructions."""

from collections.abc import Sequence
from dataclasses import dataclass

from dessim.kernel import cost_table
from dessim.kernel import layout as lay
from dessim.kernel.alphabet import LOCKS, ProgramError, Step, known
from dessim.kernel.flow import comes_back, share_latencies

__all__ = ["Program", "ProgramError", "assemble", "describe", "link"]

# Steps that no other task can see, whatever the workload; and those that nobody sees as long as the
# page tables have one user. Everything else is shared: its order among tasks matters.
ALWAYS_PRIVATE = frozenset(
    (
        "work",
        "think",
        "fence",
        "when_gang_holds",
        "when_not_target",
        "gang_remember",
        "gang_forget",
        "next_access",
        "fault_begin",
        "fault_end",
        "window",
        "next_page",
        "count",
        "to_head",
        "from_head",
        "next_in_folio",
        "next_folio",
        "when_table_covered",
        "when_noted",
        "when_touched",
        "note",
        "pick_touched",
        "next_in_table",
        "next_table",
        "read_slots",
    )
)
PRIVATE_WITH_OWN_TABLES = frozenset(
    (
        "when_pte_none",
        "when_window_open",
        "when_table_missing",
        "set_pte",
        "populate",
    )
)

TIMED = frozenset(
    (
        "add",
        "trylock_page",
        "unlock_page",
        "wait_on_page",
        "set_pte",
        "when_flags",
        "when_pte_none",
        "when_window_open",
        "lock",
        "unlock",
        "think",
        "touch",
        "teardown_table",
        "lock_page",
        "set_flags",
        "clear_pte",
        "read_ahead",
        "bug_on",
        "shootdown",
        "when_mapped",
        "pause",
        "flush_table",
        "when_frozen",
        "add_folio_refs",
        "when_vma_cached",
        "cache_vma",
        "load_pgd",
        "load_mmap_sem",
        "read_slots",
    )
)

LOOPS = {
    "each_in_range": ("", "next_in_range"),
    "each_table": ("", "next_table"),
    "each_in_table": ("", "next_in_table"),
    "each_folio": ("window", "next_folio"),
    "each_page_of_folio": ("", "next_in_folio"),
    "each_mapping": ("first_mapping", "next_mapping"),
}

THINKS = ("think", "hold", "read", "serve")
"""What the first operand of `think` says: `serve` is a hold time whose beginning is not noted."""
GO_TO = -1  # a jump while the program is being laid out; none is left in the result


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

    def emit(self, step: Step) -> int:
        """Append one instruction and return its place."""
        if step.op not in lay.OPS and step.op != "go_to":
            raise ProgramError(f"unknown step {step.op!r}; the alphabet is {', '.join(lay.OPS)}")
        category = lay.CATEGORIES.index(step.category)
        own = cost_table.CATEGORY.get(step.cost)
        self.rows.append(
            [
                lay.OPS.index(step.op) if step.op in lay.OPS else GO_TO,
                step.a,
                step.b,
                cost_table.index(known(step.cost, cost_table.COSTS, "cost")),
                category,
                0,
                self.privacy(step),
                lay.CATEGORIES.index(own) if own else category,
                0,
                int(step.op in TIMED),
                0,
                0,
            ]
        )
        self.listing.append(describe(step))
        return len(self.rows) - 1

    def privacy(self, step: Step) -> int:
        """Return whether an instruction can be fused with its neighbours by an engine."""
        if step.op in ALWAYS_PRIVATE:
            return lay.PRIVATE_ALWAYS
        ptl = step.op in ("lock", "unlock") and step.a == lay.LOCK_PTL
        if step.op in PRIVATE_WITH_OWN_TABLES or ptl:
            return lay.PRIVATE_OWN_TABLES
        return lay.PRIVATE_NEVER

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
            if step.op == "label":
                if step.label in self.labels:
                    raise ProgramError(f"two places are called {step.label!r}")
                self.labels[step.label] = len(self.rows)
            elif step.op == "option":
                self.lay_out(step.body if self.chosen(step.label) else step.otherwise)
            elif step.op == "each_page":
                again = self.fresh()
                self.emit(Step("window", step.a, category="lookup"))
                self.labels[again] = len(self.rows)
                self.lay_out(step.body)
                self.jump(Step("next_page", category="lookup"), again)
            elif step.op in LOOPS:
                first, following = LOOPS[step.op]
                again = self.fresh()
                if first:
                    self.emit(Step(first, category="page_cache"))
                self.labels[again] = len(self.rows)
                self.lay_out(step.body)
                self.jump(Step(following, category="page_cache"), again)
            elif step.op in ("trylock_page", "clear_pte") or step.op.startswith("when_"):
                self.choose(step)
            elif step.label:
                self.jump(step, step.label)
            else:
                self.emit(step)
                self.lay_out(step.body)

    def chosen(self, asked: str) -> bool:
        """Return whether an option is on, or, asked as ``name=value``, has a value."""
        name, _, value = asked.partition("=")
        if name not in self.options:
            raise ProgramError(f"the program asks for an unknown option {name!r}")
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
                raise ProgramError(f"no place is called {target!r}")
            self.rows[place][lay.I_TARGET] = self.labels[target]
        kept = [i for i, row in enumerate(self.rows) if row[lay.I_OP] != GO_TO]
        place_of = {old: new for new, old in enumerate(kept)}
        if self.lands_on(0) != 0:
            raise ProgramError("a program cannot begin with a jump")
        rows = []
        for old in kept:
            row = self.rows[old]
            if lay.OPS[row[lay.I_OP]] != "stop":
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
        raise ProgramError("jumps lead in a circle")


def describe(step: Step) -> str:
    """Return a readable form of one instruction."""
    if step.op in ("lock", "unlock"):
        names = {(which, shared): name for name, (which, shared, _) in LOCKS.items()}
        return f"{step.op} {names[step.a, step.b]}"
    if step.op == "add":
        word = {lay.P_MAPCOUNT: "mapcount", lay.P_REFCOUNT: "refcount"}[step.a]
        return f"page.{word} {'+' if step.b > 0 else '-'} 1"
    if step.op == "when_flags":
        return f"when flags & {step.a} == {step.b}"
    if step.op == "count":
        return f"count {lay.COUNTERS[step.a]}"
    if step.op in ("work", "think"):
        return f"{step.op} {step.cost if step.op == 'work' else THINKS[step.a]}"
    return step.op.replace("_", " ")


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
