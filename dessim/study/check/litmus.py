"""Litmus tests of the kernel, in herd7's C form, as protocols.

Source
------
``tools/memory-model/Documentation/litmus-tests.txt`` (the form), ``linux-kernel.def`` (what each
primitive is), ``herd-representation.txt``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dessim.kernel import protocol as p
from dessim.kernel.protocol_expressions import (
    Binary,
    Local,
    PlainNumber,
    Variable,
)
from dessim.study.check.litmus_condition import ConditionReader
from dessim.study.check.litmus_text import TOO_DEEP, LitmusError
from dessim.study.check.litmus_values import FIRST_ADDRESS, MOST, TYPES, Process

PROCESS = re.compile(r"P[0-9]{1,4}")


@dataclass
class Litmus:
    """A litmus test that has been read.

    Attributes
    ----------
    name, result : str
        Of the file: its title, and the result that its comment says, if any.
    quantifier : str
        ``exists``, ``~exists`` or ``forall``.
    condition : str
        The text of the condition.
    protocol : Protocol
        With the properties ``met`` (the condition never holds at the end) and ``missed`` (always).
    """

    name: str
    result: str
    quantifier: str
    condition: str
    protocol: p.Protocol


class Reader(ConditionReader):
    """Reads a litmus test."""

    # --- the whole ----------------------------------------------------------------------------

    def read(self) -> Litmus:
        """Return the test.

        Raises
        ------
        LitmusError
            If something in it cannot be read; with line and column.
        """
        text = self.text
        self.initial_state()
        self.find_globals()
        actors: list[p.ProtocolActor] = []
        processes: list[Process] = []
        while text.next.kind == "name" and PROCESS.fullmatch(text.next.text):
            first = text.next
            actor, process = self.one_process()
            if process.name in [one.name for one in processes]:
                raise text.error(first, f"two processes are called {process.name}")
            actors.append(actor)
            processes.append(process)
        if not actors:
            raise text.error(text.next, f"expected a process, as P0(...), found '{text.next.text}'")
        if len(actors) > 6:
            raise text.error(text.next, f"{len(actors)} processes are too many: 6 at most")
        wanted = None
        while text.next.text in ("locations", "filter"):
            if text.take().text == "locations":
                while not text.takes("]"):
                    text.take()
            else:
                wanted = self.condition(actors, processes)
        start = text.next
        negated = text.takes("~")
        word = text.need_name("exists, ~exists or forall")
        if word.text not in ("exists", "forall") or (negated and word.text == "forall"):
            raise text.error(word, f"expected exists, ~exists or forall, found '{word.text}'")
        quantifier = ("~" if negated else "") + word.text
        holds = self.condition(actors, processes)
        if text.next.kind != "end":
            raise text.error(text.next, f"expected the end of the file, found '{text.next.text}'")
        told = text.behind(start)
        within = PlainNumber(1) if wanted is None else wanted
        protocol = p.Protocol(
            actors,
            at_rest={
                "met": ~Binary("&&", within, holds),
                "missed": ~Binary("&&", within, ~holds),
            },
        )
        return Litmus(text.name, text.result, quantifier, told, protocol)

    def initial_state(self) -> None:
        """Read what variables and registers hold at first."""
        text = self.text
        text.need("{")
        while not text.takes("}"):
            if text.takes(";"):
                continue
            types = []
            while text.next.text in TYPES:
                types.append(text.take().text)
            word = text.next
            if text.next.kind == "number" and text.ahead(1).text == ":":
                process = self.number(text.take())
                text.need(":")
                text.takes("*")
                name = text.need_name("a register").text
                text.need("=")
                if (process, name) in self.starts:
                    raise text.error(word, f"{process}:{name} has two initial values")
                self.starts[process, name] = self.initial_value()
                continue
            while text.takes("*"):
                pass
            bracketed = text.takes("[")
            word = text.need_name("a variable")
            if bracketed:
                text.need("]")
            elif text.next.text == "[":
                raise text.error(text.next, "arrays are not supported: give each element a name")
            if "spinlock_t" in types:
                self.locks[word.text] = self.new_lock(word.text)
            value: int | str = 0
            if text.takes("="):
                value = self.initial_value()
            if word.text in self.values:
                raise text.error(word, f"'{word.text}' has two initial values")
            self.values[word.text] = value

    def new_lock(self, name: str) -> p.ProtocolLock | Variable:
        """Return a spinlock; one that spin_is_locked() looks at is a variable."""
        return Variable(name, 0, 1, MOST) if name in self.looked_at else p.spinlock(name)

    def initial_value(self) -> int | str:
        """Return a number, or the name of the variable that is pointed to."""
        text = self.text
        if text.next.text == "ATOMIC_INIT":
            text.take()
            text.need("(")
            word = text.take()
            text.need(")")
            return self.number(word)
        text.takes("&")
        word = text.take()
        return word.text if word.kind == "name" else self.number(word)

    def find_globals(self) -> None:
        """Make a variable of each name that any process takes as a parameter, and of the others."""
        text = self.text
        place = text.place
        names, locks = list(self.values), set(self.locks)
        while text.next.kind != "end":
            word = text.take()
            is_process = word.text[0] == "P" and word.text[1:].isdigit() and text.next.text == "("
            if not is_process:
                continue
            text.need("(")
            kind = ""
            while text.next.text != ")" and text.next.kind != "end":
                one = text.take()
                if one.text in TYPES:
                    kind = one.text
                elif one.kind == "name":
                    names.append(one.text)
                    if kind == "spinlock_t":
                        locks.add(one.text)
                    kind = ""
        text.place = place
        for name in dict.fromkeys(names):
            if name in locks:
                self.locks.setdefault(name, self.new_lock(name))
            elif name not in self.globals:
                self.names.append(name)
        addresses = {name: FIRST_ADDRESS + k for k, name in enumerate(self.names)}
        for name in self.names:
            value = self.values.get(name, 0)
            if isinstance(value, str):
                if value not in addresses:
                    raise text.error(
                        text.next, f"{name} points to {value!r}, which is not a variable"
                    )
                value = addresses[value]
            self.globals[name] = Variable(name, value, 1, MOST)
        if len(self.names) > MOST - FIRST_ADDRESS:
            raise text.error(text.next, f"{len(self.names)} variables are too many")

    def one_process(self) -> tuple[p.ProtocolActor, Process]:
        """Return a process and what it is called."""
        text = self.text
        word = text.take()
        self.process = Process(word.text)
        text.need("(")
        while not text.takes(")"):
            while text.next.text in TYPES or text.next.text in ("*", ","):
                text.take()
            if text.next.text == ")":
                continue
            name = text.need_name("a parameter").text
            self.process.pointers[name] = (
                self.locks[name] if name in self.locks else self.globals[name]
            )
        number = int(word.text[1:])
        self.out = [
            *self.touch_all(),
            *(
                p.let(self.local(name), self.start_of(value))
                for (whose, name), value in self.starts.items()
                if whose == number
            ),
        ]
        body = self.block()
        return p.actor(self.process.name, *self.out, *body), self.process

    def touch_all(self) -> list[Any]:
        """Return a statement that numbers all variables in order: addresses are their numbers."""
        variables = [self.globals[name] for name in self.names]
        return [p.numbered(variables)]

    def start_of(self, value: int | str) -> PlainNumber:
        """Return what a register holds at first."""
        return self.address(value) if isinstance(value, str) else PlainNumber(value)

    # --- statements -----------------------------------------------------------------------------

    def block(self) -> list[Any]:
        """Return the statements in braces."""
        self.text.need("{")
        found: list[Any] = []
        while not self.text.takes("}"):
            found += self.statement()
        return found

    def collected(self, read: Any) -> tuple[list[Any], Any]:
        """Return what must be done before an expression has its value, and the expression."""
        kept, self.out = self.out, []
        value = read()
        done, self.out = self.out, kept
        return done, value

    def statement(self) -> list[Any]:
        """Return one statement."""
        text = self.text
        word = text.next
        if word.text == "{":
            return self.block()
        if text.takes(";"):
            return []
        if text.takes("if"):
            return self.branch()
        if text.takes("while"):
            text.need("(")
            before, condition = self.collected(self.expression)
            text.need(")")
            body = self.statement()
            return [p.loop(*before, p.when(condition, *body, otherwise=(p.leave(),)))]
        if text.takes("do"):
            body = self.statement()
            text.need("while")
            text.need("(")
            before, condition = self.collected(self.expression)
            text.need(")")
            text.need(";")
            return [p.loop(*body, *before, p.when(condition, otherwise=(p.leave(),)))]
        if word.text in ("for", "switch", "goto", "return", "break", "continue"):
            raise text.error(word, f"'{word.text}' is not supported: write if or while")
        if word.text in TYPES:
            return self.declaration()
        return self.simple()

    def branch(self) -> list[Any]:
        """Return an if."""
        text = self.text
        text.need("(")
        before, condition = self.collected(self.expression)
        text.need(")")
        then = self.statement()
        otherwise = self.statement() if text.takes("else") else []
        return [*before, p.when(condition, *then, otherwise=tuple(otherwise))]

    def declaration(self) -> list[Any]:
        """Return what a declaration sets."""
        text = self.text
        found: list[Any] = []
        while text.next.text in TYPES:
            text.take()
        while True:
            while text.takes("*"):
                pass
            word = text.need_name("a local")
            if word.text in self.process.declared:
                raise text.error(word, f"'{word.text}' is declared twice")
            self.process.declared.add(word.text)
            one = self.local(word.text)
            if text.takes("="):
                found += self.assigned(one)
            if text.takes(","):
                continue
            text.need(";")
            return found

    def assigned(self, one: Local) -> list[Any]:
        """Return an assignment to a local."""
        before, value = self.collected(self.expression)
        return [*before, p.let(one, value)]

    def simple(self) -> list[Any]:
        """Return an assignment, or a call whose value nobody uses."""
        text = self.text
        word = text.next
        if word.text == "*":
            raise text.error(
                word, "a plain store: write WRITE_ONCE(), as compilers may do anything"
            )
        name = text.need_name("a statement")
        if text.next.text == "=":
            text.take()
            if name.text in self.process.pointers:
                raise text.error(name, f"'{name.text}' is a pointer that came as a parameter")
            found = self.assigned(self.local(name.text))
            text.need(";")
            return found
        if text.next.text != "(":
            raise text.error(name, f"'{name.text}' is not a supported statement")
        before, _ = self.collected(lambda: self.call(name, used=False))
        text.need(";")
        return before


def read_litmus(path: Path) -> Litmus:
    """Return the litmus test of a file.

    Raises
    ------
    LitmusError
        If it cannot be read; the message names line and column.
    """
    try:
        return Reader(path).read()
    except p.ProtocolError as error:
        raise LitmusError(f"{path}: {error}") from error
    except RecursionError:
        raise LitmusError(f"{path}: {TOO_DEEP}") from None
