"""From a protocol in words to programs of the table's operations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from dessim.kernel import layout as lay
from dessim.kernel.alphabet import Step
from dessim.kernel.assembler import Program, assemble
from dessim.kernel.operands import WordOperand
from dessim.kernel.ops import NUMBERS, row_of
from dessim.kernel.protocol_compiled import Compiled
from dessim.kernel.protocol_expressions import (
    SIGNS,
    Binary,
    Element,
    Expression,
    Fact,
    Local,
    LocalOf,
    Negation,
    Old,
    PlainNumber,
    ProtocolError,
    Variable,
    depth,
    within,
)

MOST_VARIABLES, MOST_LOCALS, MOST_EXPRESSIONS = 56, 32, 1 << 16
ORDERS = {
    "load": {
        "once": lay.IS_LOAD,
        "acquire": lay.IS_LOAD_ACQUIRE,
        "dependent": lay.IS_LOAD_DEPENDENT,
    },
    "store": {"once": lay.IS_STORE, "release": lay.IS_STORE_RELEASE},
    "atomic": {
        "full": lay.IS_RMW_FULL,
        "void": lay.IS_RMW_VOID,
        "relaxed": lay.IS_RMW_VOID,
        "acquire": lay.IS_RMW_ACQUIRE,
        "release": lay.IS_RMW_RELEASE,
    },
}


@dataclass(frozen=True)
class Node:
    """A statement of a protocol: what it lets the compiler do, and the line that said so."""

    emit: Callable[[Compiler], None]


class Compiler:
    """Turns the statements of one actor after the other into steps."""

    def __init__(self) -> None:
        self.out = Compiled()
        self.steps: list[Step] = []
        self.own: dict[str, tuple[int, int]] = {}
        self.temps = 0
        self.most_temps = 0
        self.loops: list[tuple[str, str]] = []
        self.labels = 0
        self.tasks: dict[int, list[int]] = {}
        self.shares_cpu = False
        self.last_loaded: set[str] = set()  # locals that hold what the last load has found

    # --- names ------------------------------------------------------------------------------------

    def variable(self, one: Variable) -> int:
        """Return the number of a variable's first element."""
        known = self.out.variables.get(one.name)
        if known is not None:
            if known[1] is not one:
                raise ProtocolError(f"two variables are called {one.name!r}")
            return known[0]
        number = self.out.cells
        self.out.cells += one.size
        if self.out.cells > MOST_VARIABLES:
            raise ProtocolError(f"more than {MOST_VARIABLES} variables and elements of arrays")
        self.out.variables[one.name] = (number, one)
        return number

    def local(self, one: Local) -> int:
        """Return the number of a local of the present actor."""
        if one.name not in self.own:
            if len(self.own) == MOST_LOCALS:
                raise ProtocolError(f"an actor has more than {MOST_LOCALS} locals")
            self.own[one.name] = (len(self.own), one.most)
        return self.own[one.name][0]

    def lock_number(self, one: Any) -> int:
        """Return the operand of a lock."""
        if one.name not in self.out.locks:
            if len(self.out.locks) == lay.LOCKS_OF_A_KIND:
                raise ProtocolError(f"more than {lay.LOCKS_OF_A_KIND} locks")
            self.out.locks[one.name] = (len(self.out.locks), one)
        number, known = self.out.locks[one.name]
        if known is not one:
            raise ProtocolError(f"two locks are called {one.name!r}")
        return number + (lay.LOCK_SPINNING if one.spins else lay.LOCK_SLEEPING)

    def queue_number(self, one: Any) -> int:
        """Return the number of a queue."""
        return self.out.queues.setdefault(one.name, len(self.out.queues))

    def pte_number(self, one: Variable, index: int) -> int:
        """Return the number of the TLB entry of a pte."""
        name = f"{one.name}[{index}]" if one.size > 1 else one.name
        return self.out.ptes.setdefault(name, len(self.out.ptes))

    def task(self, actor: Any) -> int:
        """Return the task of an actor of which there is one."""
        numbers = self.tasks.get(id(actor))
        if numbers is None:
            raise ProtocolError(f"{actor.name!r} is not among the protocol's actors")
        return numbers[0]

    # --- expressions ------------------------------------------------------------------------------

    def coded(self, one: Expression, copies: dict[int, int] | None = None) -> int:
        """Return the place of an expression; ``copies``: which task an actor of properties is."""
        if depth(one) > lay.STACK_DEPTH:
            raise ProtocolError(f"'{one}' is nested too deeply")
        place = len(self.out.code)
        self.out.code += [*self._postfix(one, copies), (lay.E_END, 0)]
        if len(self.out.code) >= MOST_EXPRESSIONS:
            raise ProtocolError("the protocol has too many expressions")
        return place

    def _postfix(self, one: Expression, copies: dict[int, int] | None) -> list[tuple[int, int]]:
        if isinstance(one, PlainNumber):
            return [(lay.E_NUMBER, one.value)]
        if isinstance(one, Local):
            if copies is not None:
                raise ProtocolError(
                    f"a property mentions the local '{one}': name the actor, as in reader[{one}]"
                )
            return [(lay.E_LOCAL, self.local(one))]
        if isinstance(one, Old):
            return [(lay.E_OLD, 0)]
        if isinstance(one, Binary):
            sides = [*self._postfix(one.left, copies), *self._postfix(one.right, copies)]
            return [*sides, (SIGNS[one.sign], 0)]
        if isinstance(one, Negation):
            return [*self._postfix(one.inner, copies), (lay.E_NOT, 0)]
        if copies is None:
            raise ProtocolError(f"only properties can use '{one}'")
        return [self._seen(one, copies)]

    def _seen(self, one: Expression, copies: dict[int, int]) -> tuple[int, int]:
        """Return the code of what only properties may mention."""
        if isinstance(one, Variable):
            return (lay.E_VARIABLE, self.variable(one))
        if isinstance(one, Element):
            if one.array is None or not isinstance(one.index, PlainNumber):
                raise ProtocolError(f"properties take elements by number, not '{one}'")
            if not 0 <= one.index.value < one.array.size:
                raise ProtocolError(f"'{one}': the array has {one.array.size} elements")
            return (lay.E_VARIABLE, self.variable(one.array) + one.index.value)
        if isinstance(one, LocalOf):
            task = self._task_of(one.actor, copies)
            known = self.out.locals[task].get(one.local.name)
            if known is None:
                raise ProtocolError(f"actor {one.actor.name!r} has no local '{one.local}'")
            self.out.always_live[task] |= 1 << known[0]
            return (lay.E_LOCAL_OF, task << 8 | known[0])
        assert isinstance(one, Fact)
        if one.kind == "ended":
            return (lay.E_ENDED, self._task_of(one.about[0], copies) << 8)
        if one.kind == "holders":
            return (lay.E_LOCK, self.lock_number(one.about[0]))
        if one.kind == "queued":
            task = self._task_of(one.about[1], copies)
            return (lay.E_QUEUED, task << 8 | self.queue_number(one.about[0]))
        if one.kind == "tlb":
            cpu, pte, index = one.about
            entry = self.pte_number(pte, index)
            return (lay.E_TLB, cpu << 8 | entry)  # made an address when all ptes are known
        return (lay.E_BUG, 0)

    def _task_of(self, actor: Any, copies: dict[int, int]) -> int:
        if id(actor) not in self.tasks:
            raise ProtocolError(f"{actor.name!r} is not among the protocol's actors")
        return self.tasks[id(actor)][copies.get(id(actor), 0)]

    def loaded(self, one: Expression, order: str = "once") -> Expression:
        """Return an expression over locals: variables in it are loaded first, one after the other.

        Each variable is loaded as often as it is written, as READ_ONCE() is.
        """
        if isinstance(one, Variable | Element):
            place = Local(f".{self.temps}", self.most_of(one))
            self.temps += 1
            self.load(place, one, order)
            return place
        if isinstance(one, Binary):
            left = self.loaded(one.left)
            return Binary(one.sign, left, self.loaded(one.right))
        if isinstance(one, Negation):
            return Negation(self.loaded(one.inner))
        return one

    @staticmethod
    def most_of(one: Expression) -> int:
        """Return the highest value of a variable."""
        if isinstance(one, Element):
            return one.array.most if one.array is not None else 63
        return one.most if isinstance(one, Variable) else 15

    # --- statements -------------------------------------------------------------------------------

    def add(self, op: str, a: int = 0, b: int = 0, text: str = "", **more: Any) -> None:
        """Append a step."""
        if op == "label" or (op in NUMBERS and row_of(op).finds):
            self.last_loaded = set()
        self.steps.append(Step(op, a, b, text=text, **more))

    def run(self, statements: Iterable[Any]) -> None:
        """Append what some statements say."""
        for one in statements:
            if isinstance(one, Node):
                kept = self.temps
                one.emit(self)
                self.temps = kept
            elif isinstance(one, tuple | list):
                self.run(one)
            elif one is not None:
                raise ProtocolError(f"expected a statement, found {one!r}")

    def block(self, statements: Iterable[Any]) -> tuple[Step, ...]:
        """Return the steps of some statements, without appending them."""
        kept, self.steps = self.steps, []
        self.run(statements)
        made, self.steps = self.steps, kept
        return tuple(made)

    def fresh(self) -> str:
        """Return a new name for a place."""
        self.labels += 1
        return f"at {self.labels}"

    def where(self, what: Variable | Element) -> int:
        """Return the first operand of an access: which variable, which element."""
        if isinstance(what, Variable):
            if what.size > 1:
                raise ProtocolError(f"{what.name!r} is an array: name an element, {what}[...]")
            return self.variable(what)
        if not isinstance(what, Element):
            raise ProtocolError(f"expected a variable, found '{what}'")
        if what.array is None:
            return self.coded(self.loaded(what.index)) << 8 | MOST_VARIABLES << 24
        if isinstance(what.index, PlainNumber):
            if not 0 <= what.index.value < what.array.size:
                raise ProtocolError(f"'{what}': the array has {what.array.size} elements")
            return self.variable(what.array) + what.index.value
        index = self.coded(self.loaded(what.index))
        return self.variable(what.array) | index << 8 | what.array.size << 24

    def order(self, kind: str, name: str) -> int:
        """Return a kind of order by its name."""
        if name not in ORDERS[kind]:
            raise ProtocolError(f"unknown order {name!r} of a {kind}: {', '.join(ORDERS[kind])}")
        return ORDERS[kind][name]

    def load(self, into: Local, what: Variable | Element, order: str = "once") -> None:
        """Append a load; one whose index is what the load before it has found depends on that."""
        text = str(what)
        mentioned: list[str] = []
        if isinstance(what, Element):
            what = Element(what.array, self.loaded(what.index))
            mentioned = [one.name for one in within(what.index) if isinstance(one, Local)]
        a = self.where(what)
        if into.name in mentioned:
            raise ProtocolError(f"'{into} = {text}': load into another local than the index")
        if order == "once" and self.last_loaded & set(mentioned):
            order = "dependent"
        how = WordOperand(self.order("load", order), self.local(into))
        verb = "smp_load_acquire" if order == "acquire" else "READ_ONCE"
        self.add("read_variable", a, how.operand, f"{verb}({text})")
        self.last_loaded = {into.name}

    def store(self, what: Variable | Element, value: Expression, order: str = "once") -> None:
        """Append a store."""
        text = f"{value}"
        value = self.loaded(value)
        a = self.where(what)
        how = WordOperand(self.order("store", order), value=self.coded(value))
        verb = {"once": "WRITE_ONCE", "release": "smp_store_release"}[order]
        self.add("write_variable", a, how.operand, f"{verb}({what}, {text})")

    def modify(
        self,
        what: Variable | Element,
        value: Expression,
        into: Local | None,
        order: str,
        only_if: Expression | None,
        text: str,
    ) -> None:
        """Append an RMW."""
        value = self.loaded(value)
        only_if = self.loaded(only_if) if only_if is not None else None
        a = self.where(what)
        how = WordOperand(
            self.order("atomic", order),
            lay.NO_LOCAL if into is None else self.local(into),
            self.coded(value),
            self.coded(only_if) if only_if is not None else 0,
        )
        self.add("modify_variable", a, how.operand, text)

    def choose(self, condition: Expression, then: Iterable[Any], otherwise: Iterable[Any]) -> None:
        """Append a condition and what it governs."""
        wanted = self.loaded(condition)
        how = WordOperand(0, condition=self.coded(wanted))
        known = self.last_loaded
        body = self.block(then)
        self.last_loaded = known
        other = self.block(otherwise)
        self.add("when_locals", 0, how.operand, f"{condition}?", body=body, otherwise=other)

    def branch(
        self, op: str, a: int, b: int, text: str, then: Iterable[Any], otherwise: Iterable[Any]
    ) -> None:
        """Append another step that goes two ways."""
        body, other = self.block(then), self.block(otherwise)
        self.add(op, a, b, text, body=body, otherwise=other)

    def loop(self, body: Iterable[Any]) -> None:
        """Append a loop without an end of its own."""
        again, behind = self.fresh(), self.fresh()
        self.last_loaded = set()
        self.loops.append((again, behind))
        inside = self.block(body)
        self.loops.pop()
        self.add("label", label=again)
        self.steps += inside
        self.add("go_to", label=again)
        self.add("label", label=behind)

    def go(self, *, out: bool) -> None:
        """Append a jump out of the loop, or to its beginning."""
        if not self.loops:
            raise ProtocolError("leave() and again() belong in a loop")
        self.add("go_to", label=self.loops[-1][1 if out else 0])

    def bug(self, text: str) -> None:
        """Append a BUG."""
        self.out.bugs.append(text)
        self.add("report_bug", len(self.out.bugs), 0, f"BUG: {text}")

    # --- all of it --------------------------------------------------------------------------------

    def actor(self, statements: Sequence[Any]) -> tuple[Program, dict[str, tuple[int, int]]]:
        """Return the program of an actor, and its locals."""
        self.steps, self.own, self.temps, self.last_loaded = [], {}, 0, set()
        self.run(statements)
        self.add("label", label="the end")
        self.add("stop", text="ends")
        steps = (Step("set_local", 0, 0), *self.steps) if self._begins_with_jump() else self.steps
        if steps is not self.steps:
            self.local(Local(".0"))
        return assemble(tuple(steps), timed=False), self.own

    def _begins_with_jump(self) -> bool:
        first = next((step for step in self.steps if step.op != "label"), None)
        return first is not None and first.op == "go_to"

    def property(self, name: str, one: Expression, at_rest: bool) -> None:
        """Add a property: of each copy of an actor that it mentions."""
        about = {
            id(part.actor if isinstance(part, LocalOf) else actor): part
            for part in within(one)
            for actor in (part.about if isinstance(part, Fact) else (None,))
            if isinstance(part, LocalOf) or id(actor) in self.tasks
        }
        several = [key for key in about if len(self.tasks.get(key, ())) > 1]
        ranges = [range(len(self.tasks[key])) for key in several]
        for chosen in product(*ranges):
            place = self.coded(one, dict(zip(several, chosen, strict=True)))
            self.out.properties.append((name, place, at_rest))
