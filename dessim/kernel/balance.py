"""Whether every path through a program gives back what it takes, before it runs.

The program's graph is walked with what a task holds in place of a World: locks, the lock of the
page at which it works, references to it, a raised mapcount. A pte owns a reference and a count:
mapping a page hands both over, clearing a pte brings both back. Where it matters, what a condition
said is remembered: ``noted``, and whether the gang lookup's array holds the page of a visit.

What the walk does not know is in ``docs/schemes.md``.
"""

from collections import deque
from collections.abc import Iterator

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import ProgramError
from dessim.kernel.answers import is_taken_with_irqs_off
from dessim.kernel.assembler import Program
from dessim.kernel.flags import flag_condition
from dessim.kernel.in_hand import (
    LOCK_NAMES,
    LOCKS_PAGE,
    Page,
    State,
    Visit,
    Wrong,
    adds,
    counted,
    lock,
    lock_page,
    locks_page,
    refuse_surplus,
    takes,
    takes_lock,
    unlock_page,
)
from dessim.kernel.operands import lock_of
from dessim.kernel.ops import (
    OP_ADD,
    OP_ADD_FOLIO_REFS,
    OP_FROM_HEAD,
    OP_GANG_FORGET,
    OP_GANG_REMEMBER,
    OP_IO_NEXT,
    OP_NOTE,
    OP_SET_PTE,
    OP_STOP,
    OP_SUBMIT_READ,
    OP_TO_HEAD,
    OP_TRYLOCK_PAGE,
    OP_WHEN_FLAGS,
    OP_WHEN_FROZEN,
    OP_WHEN_GANG_HOLDS,
    OP_WHEN_NOTED,
    OP_WINDOW,
    OPERATIONS,
)

SLEEPS = (lay.WAITS_FOR_PAGE, lay.WAITS_FOR_CPU, lay.WAITS_FOR_DEVICE)
FLUSHES = {number for number, row in enumerate(OPERATIONS) if row.category == "shootdown"}


def sleeps(number: int, a: int, b: int) -> bool:
    """Return whether a task may sleep at a step; ``lock`` says not of itself whether it spins."""
    waits_for = OPERATIONS[number].waits_for
    if waits_for == lay.WAITS_FOR_LOCK:
        return a != lay.LOCK_FREE_STANDING and not lock_of(a, b).spins
    return waits_for in SLEEPS


class UnbalancedError(ProgramError):
    """A program in which a path keeps a lock or a reference, or drops one that it has not."""


class _Walk:
    """The walk over one program."""

    def __init__(self, program: Program) -> None:
        words, size = program.words, lay.I_WORDS
        self.rows = [words[start : start + size] for start in range(0, len(words), size)]
        self.ops = [OPERATIONS[row[lay.I_OP]] for row in self.rows]
        self.listing = program.listing
        self.loops = {  # outer ones first
            end: self.rows[end][lay.I_TARGET]
            for end in reversed(range(len(self.rows)))
            if self.ops[end].new_page
        }
        self.numbers = {row[lay.I_OP] for row in self.rows}
        self.by_folio = OP_ADD_FOLIO_REFS in self.numbers

    def first_wrong(self) -> str:
        """Walk until something is wrong, along a shortest path; return what, or nothing."""
        start = self.arrive(State(), -1, 0)
        came: dict[State, tuple[State, str] | None] = {start: None}
        todo = deque([start])
        while todo:
            state = todo.popleft()
            try:
                for after, answer in self.onwards(state):
                    if after not in came:
                        came[after] = (state, answer)
                        todo.append(after)
            except Wrong as wrong:
                return self.report(state, wrong, came)
        return ""

    # --- one step -------------------------------------------------------------------------------

    def onwards(self, state: State) -> Iterator[tuple[State, str]]:
        """Yield the states after a step, each with what its condition said."""
        place = state.place
        op, row = self.ops[place], self.rows[place]
        if op.at_rest:
            self.check_rest(state)
        if row[lay.I_OP] in FLUSHES:
            self.check_irqs(state)
        if sleeps(row[lay.I_OP], row[lay.I_A], row[lay.I_B]):
            self.check_spinning(state)
        if row[lay.I_OP] == OP_STOP:
            return
        if op.new_page:
            yield from self.end_visit(state)
            return
        said = ("yes", "no") if op.decides else ("done", "again") if op.loop else ("", "")
        yes = self.yes(state, row)
        if yes is not None:
            yield self.arrive(yes, place, row[lay.I_NEXT]), said[0]
        no = self.no(state, row[lay.I_OP]) if row[lay.I_TARGET] or op.decides else None
        if no is not None:
            yield self.arrive(no, place, row[lay.I_TARGET]), said[1]

    def arrive(self, state: State, source: int, place: int) -> State:
        """Return the state at the next step: loops that it leaves are over, those it enters begin.

        Raises
        ------
        Wrong
            If a loop is left by a jump with something of its page in hand.
        """
        while state.visits and not self.is_inside(state.visits[-1], place):
            state = self.finish(state)
            state = state._replace(visits=state.visits[:-1])
        visits = state.visits
        inside = {visit.end for visit in visits}
        for end, head in self.loops.items():
            if head == place and end not in inside and not head <= source <= end:
                visits = (*visits, Visit(end))
        return state._replace(place=place, visits=visits)

    def is_inside(self, visit: Visit, place: int) -> bool:
        """Return whether a step belongs to the loop of a visit."""
        return self.loops[visit.end] <= place <= visit.end

    def yes(self, state: State, row: tuple[int, ...]) -> State | None:
        """Return what a task holds after a step that is done, or whose condition holds."""
        number, a, b = row[lay.I_OP], row[lay.I_A], row[lay.I_B]
        op = OPERATIONS[number]
        if number == OP_ADD_FOLIO_REFS:
            return state.having(unpaid=False)
        if op.locking in (lay.TAKES_LOCK, lay.DROPS_LOCK):
            return lock(state, op.locking, a, b)
        if op.locking == lay.DOWNGRADES_LOCK:
            return lock(lock(state, lay.DROPS_LOCK, a, 0), lay.TAKES_LOCK, a, 1)
        if op.locking in LOCKS_PAGE:
            locked = lock_page(state, number == OP_TRYLOCK_PAGE)
            return locked if locked is None else counted(locked, *op.handed(a, b))
        if op.locking == lay.DROPS_PAGE or number == OP_SUBMIT_READ:
            return counted(unlock_page(state), *op.handed(a, b))
        if op.in_hand is None:
            return self.own_rule(state, number, a)
        references, raised = op.handed(a, b)
        if number == OP_ADD:
            refuse_surplus(state, references, raised)
        if number == OP_SET_PTE and self.by_folio:  # add_folio_refs pays the references
            return counted(state, 0, raised).having(unpaid=True)
        return counted(state, references, raised)

    def own_rule(self, state: State, number: int, a: int) -> State | None:
        """Return what a task holds after a step that is about more than counts and locks."""
        if number == OP_WHEN_NOTED:
            return state if state.noted else None
        if number == OP_WHEN_GANG_HOLDS:
            return self.gang_holds(state)
        if number == OP_NOTE:
            return state._replace(noted=bool(a))
        if number in (OP_TO_HEAD, OP_FROM_HEAD):
            return state._replace(at_head=number == OP_TO_HEAD)
        if number == OP_IO_NEXT:  # the device's: whoever submitted the page has left it the lock
            return counted(state.having(locked="page"), 1, 0)
        if number == OP_GANG_REMEMBER:
            return state.having(remembered=True)
        if number == OP_GANG_FORGET:
            if state.gang or state.gang_raised:
                raise Wrong("forgets pages whose references it still holds")
            return state._replace(gang=None)
        if OPERATIONS[number].picks and state.page != Page():
            self.check_page(state)
        return state

    def no(self, state: State, number: int) -> State | None:
        """Return what a task holds after a step whose condition does not hold."""
        if number == OP_WHEN_NOTED:
            return None if state.noted else state
        if number == OP_WHEN_GANG_HOLDS:
            page = state.page
            return None if page.held or page.remembered else state.having(held=False)
        return state

    # --- the gang lookup's array ----------------------------------------------------------------

    def gang_holds(self, state: State) -> State | None:
        """Return what a task has of a page that is in the array: the references put there."""
        page = state.page
        if page.held or page.remembered:
            return state
        if page.held is False or state.gang is None or not state.visits:
            return None if page.held is False or state.gang is None else state
        return counted(state.having(held=True), state.gang, state.gang_raised)

    def finish(self, state: State) -> State:
        """Return the state after a visit: of its page nothing is left in hand.

        Raises
        ------
        Wrong
            If something is.
        """
        visit, gang = state.visits[-1], state.gang
        page = visit.page
        in_hand, raised = page.references, page.raised
        whole = (gang, state.gang_raised)
        if page.remembered:
            if gang is not None and whole != (in_hand, raised):
                raise Wrong(
                    "remembers a page with another number of references than those before it, so"
                    " it is unclear which to drop; forget() empties the array"
                )
            state = state._replace(
                gang=in_hand, gang_raised=raised, gang_skips=self.skips(visit.end)
            )
            visit, in_hand, raised = visit._replace(kept=True), 0, 0
        elif any(whole) and page.held and in_hand in (0, gang) and raised in (0, whole[1]):
            given = (in_hand, raised) != whole
            visit = visit._replace(given=visit.given or given, kept=visit.kept or not given)
            visit = visit._replace(left=in_hand, left_raised=raised) if given else visit
            in_hand = raised = 0
        elif any(whole):
            none_here = page.held is False
            visit = visit._replace(
                passed=visit.passed or none_here, kept=visit.kept or not none_here
            )
        self.check_page(state.having(references=in_hand, raised=raised))
        visit = visit._replace(page=Page())
        return state._replace(visits=(*state.visits[:-1], visit), at_head=False)

    def skips(self, end: int) -> bool:
        """Return whether a loop begins with the first unmapped page."""
        before = self.loops[end] - 1
        return self.rows[before][lay.I_OP] == OP_WINDOW and bool(self.rows[before][lay.I_A])

    def end_visit(self, state: State) -> Iterator[tuple[State, str]]:
        """Yield the states after a loop's end: another time round, and out of it."""
        row = self.rows[state.place]
        after = self.finish(state)
        yield self.arrive(after, state.place, row[lay.I_TARGET]), "again"
        visit = after.visits[-1]
        if after.gang or after.gang_raised:
            kept = visit.kept or (self.skips(visit.end) and not after.gang_skips)
            if visit.given and kept:
                raise Wrong(
                    "drops references of only some of the pages that the gang lookup remembered"
                )
            if visit.passed and not visit.given and not kept:
                return  # the array is not empty: some page was in it
            if visit.given:
                after = after._replace(gang=visit.left, gang_raised=visit.left_raised)
        done = after._replace(visits=after.visits[:-1])
        yield self.arrive(done, state.place, row[lay.I_NEXT]), "done"

    # --- what must be given back ----------------------------------------------------------------

    def check_page(self, state: State) -> None:
        """Refuse a page of which something is still in hand."""
        page = state.page
        if page.locked:
            took = locks_page()
            raise Wrong("does not unlock the page that it locks{taken}", took)
        if page.unpaid:
            text = "maps a page{taken} without adding the reference for it (add_folio_refs)"
            raise Wrong(text, takes(OP_SET_PTE))
        if page.raised > 0:
            text = "raises the mapcount{taken} and neither maps the page nor lowers it"
            raise Wrong(text, adds(lay.P_MAPCOUNT, 1))
        if page.raised < 0:
            raise Wrong("maps a page{taken} without raising its mapcount", takes(OP_SET_PTE))
        if page.references > 0:
            text = "does not drop the reference to the page that it takes{taken}"
            raise Wrong(text, adds(lay.P_REFCOUNT, 1))
        if page.references < 0:
            text = "maps a page{taken} without a reference for its pte"
            took = takes(OP_SET_PTE) if self.maps else takes(OP_WHEN_FROZEN)
            raise Wrong(text if self.maps else "freezes a page{taken} without a reference", took)

    @property
    def maps(self) -> bool:
        """Whether the program maps pages at all."""
        return OP_SET_PTE in self.numbers

    def check_irqs(self, state: State) -> None:
        """Refuse a flush by who answers none itself: two of them would wait for each other."""
        for which, shared in sorted(state.locks):
            if is_taken_with_irqs_off(which):
                name = LOCK_NAMES[which, shared]
                text = f"flushes translations under {name}, taken with interrupts off{{taken}}"
                raise Wrong(text, takes_lock(which))

    def check_spinning(self, state: State) -> None:
        """Refuse to sleep with a spinlock: those who spin for it would have no CPU to wait for."""
        for which, shared in sorted(state.locks):
            if lock_of(which, shared).spins:
                name = LOCK_NAMES[which, shared]
                text = f"may sleep with the spinlock {name}, taken{{taken}}; drop it before"
                raise Wrong(text, takes_lock(which))

    def check_rest(self, state: State) -> None:
        """Refuse a task that rests with something in hand."""
        for which, shared in sorted(state.locks):
            raise Wrong(
                f"does not release {LOCK_NAMES[which, shared]}, which it takes{{taken}}",
                takes_lock(which),
            )
        self.check_page(state)
        what = "drop the references to" if state.gang else "lower the mapcounts of"
        if state.gang or state.gang_raised:
            text = f"does not {what} pages that it remembers{{taken}}"
            raise Wrong(text, takes(OP_GANG_REMEMBER))

    # --- what to say of it ----------------------------------------------------------------------

    def report(
        self, state: State, wrong: Wrong, came: dict[State, tuple[State, str] | None]
    ) -> str:
        """Return the sentence: what is wrong, at which step, and on which way one comes there."""
        way: list[tuple[int, str]] = []
        here, link = state, came[state]
        while link is not None:
            before, answer = link
            if self.ops[here.place].at_rest and here is not state:
                break
            way.append((before.place, answer))
            here, link = before, came[before]
        taken = ""
        for place, _answer in way:
            row = self.rows[place]
            if wrong.began and wrong.began(row[lay.I_OP], row[lay.I_A], row[lay.I_B]):
                taken = f" at step {place} ({self.listing[place]})"
                break
        what = str(wrong).replace("{taken}", taken)
        asked = [f"{self.asked(at)}: {said}" for at, said in reversed(way) if said]
        path = f"on the way {', '.join(asked)}" if asked else "on every way"
        return f"{what}: at step {state.place} ({self.listing[state.place]}), {path}"

    def asked(self, place: int) -> str:
        """Return a condition as the listing has it, with the flags in words."""
        row = self.rows[place]
        text = f"{place} {self.listing[place]}"
        if row[lay.I_OP] == OP_WHEN_FLAGS:
            text += f" ({flag_condition(row[lay.I_A], row[lay.I_B])})"
        return text


def find_imbalance(program: Program) -> str:
    """Return what a path through a program keeps, or drops without having it.

    Parameters
    ----------
    program : Program
        Of a thread or an actor.

    Returns
    -------
    str
        What, at which step of the listing, and what the conditions on the way there say; empty if
        every path gives back what it takes.
    """
    return _Walk(program).first_wrong()
