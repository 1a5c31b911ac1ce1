"""Values in litmus tests: expressions, what they load, and the primitives that they call."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dessim.kernel import protocol as p
from dessim.kernel.protocol_expressions import (
    Binary,
    Element,
    Expression,
    Local,
    PlainNumber,
    Variable,
)
from dessim.study.check.litmus_calls import CALLS, VOID, Call
from dessim.study.check.litmus_text import Text, Word

MOST, MOST_NUMBER = 63, 15
FIRST_ADDRESS = 16  # of variables: numbers below it are numbers
TYPES = {"int", "long", "unsigned", "char", "short", "bool", "atomic_t", "intptr_t", "uintptr_t"}
TYPES |= {"signed", "volatile", "const", "struct", "spinlock_t", "atomic_long_t", "u32", "u64"}
LEVELS = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<", ">", "<=", ">="),
    ("+", "-"),
    ("*",),
)
"""Signs between two expressions, weakest first."""


@dataclass
class Process:
    """One process while it is read: its parameters, its locals, its statements."""

    name: str
    pointers: dict[str, p.ProtocolLock | Variable] = field(default_factory=dict)
    locals: dict[str, Local] = field(default_factory=dict)
    declared: set[str] = field(default_factory=set)
    temps: int = 0

    def temp(self) -> Local:
        """Return a new local."""
        self.temps += 1
        return Local(f"tmp{self.temps}", MOST)


class ValueReader:
    """Reads expressions of a process."""

    def __init__(self, path: Path) -> None:
        self.text = Text(path)
        self.values: dict[str, int | str] = {}
        self.starts: dict[tuple[int, str], int | str] = {}
        self.globals: dict[str, Variable] = {}
        self.locks: dict[str, p.ProtocolLock | Variable] = {}
        self.looked_at = self.text.arguments_of("spin_is_locked")
        self.process = Process("")
        self.out: list[Any] = []
        self.names: list[str] = []

    def number(self, word: Word) -> int:
        """Return the value of a number, which must be small."""
        if word.kind != "number":
            raise self.text.error(word, f"expected a number, found '{word.text}'")
        octal = word.text[:1] == "0" and word.text.isdecimal()
        try:
            value = int(word.text, 8 if octal else 0)
        except ValueError:  # an 8 in an octal number, or thousands of digits
            value = MOST_NUMBER + 1
        if value > MOST_NUMBER:
            found = word.text if len(word.text) < 30 else f"one of {len(word.text)} digits"
            text = f"numbers are 0 to {MOST_NUMBER} here (octal behind a 0), found {found}"
            raise self.text.error(word, text)
        return value

    def address(self, name: str) -> PlainNumber:
        """Return the address of a variable."""
        return PlainNumber(FIRST_ADDRESS + self.names.index(name))

    def local(self, name: str) -> Local:
        """Return a local of the present process."""
        return self.process.locals.setdefault(name, Local(name, MOST))

    # --- expressions ----------------------------------------------------------------------------

    def expression(self, level: int = 0) -> Expression:
        """Return an expression; what it loads is loaded before."""
        if level == len(LEVELS):
            return self.unary()
        left = self.expression(level + 1)
        while self.text.next.text in LEVELS[level]:
            sign = self.text.take().text
            right = self.expression(level + 1)
            if sign in (">", ">="):
                left = Binary({">": "<", ">=": "<="}[sign], right, left)
            else:
                left = Binary(sign, left, right)
        return left

    def unary(self) -> Expression:
        """Return a number, a local, an address, a call, or something in brackets."""
        text = self.text
        word = text.take()
        if word.text == "!":
            return ~self.unary()
        if word.text == "(":
            if text.next.text in TYPES:  # a cast
                while not text.takes(")"):
                    text.take()
                return self.unary()
            inner = self.expression()
            text.need(")")
            return inner
        if word.kind == "number":
            return PlainNumber(self.number(word))
        if word.text == "&":
            return self.address_of(text.need_name("a variable"))
        if word.text == "*":
            raise text.error(word, "a plain load: write READ_ONCE(), as compilers may do anything")
        if word.kind != "name":
            raise text.error(word, f"expected an expression, found '{word.text}'")
        if text.next.text == "(":
            return self.call(word, used=True)
        if word.text in ("true", "false", "NULL"):
            return PlainNumber(int(word.text == "true"))
        if word.text in self.process.pointers:
            return self.address_of(word)
        if word.text in self.process.locals:
            return self.process.locals[word.text]
        raise text.error(word, f"'{word.text}' is neither a parameter nor a local of the process")

    def address_of(self, word: Word) -> PlainNumber:
        """Return the address of a variable."""
        if word.text not in self.globals:
            raise self.text.error(word, f"'{word.text}' is not a variable")
        return self.address(word.text)

    def place(self, *, pointed: bool) -> Variable | Element:
        """Return the variable that an argument is about: ``*x``, or a pointer to it."""
        text = self.text
        word = text.next
        if pointed:
            if text.takes("*"):
                pass
            else:
                name = text.need_name("a variable")
                if name.text in self.globals and name.text not in self.process.pointers:
                    return self.globals[name.text]
                raise text.error(word, f"expected *{name.text}, as in READ_ONCE(*{name.text})")
        elif text.takes("&"):
            return self.globals[self.named(text.need_name("a variable"))]
        name = text.need_name("a pointer")
        known = self.process.pointers.get(name.text)
        if isinstance(known, Variable):
            return known
        if name.text in self.process.locals:
            return Element(None, self.process.locals[name.text] - FIRST_ADDRESS)
        raise text.error(name, f"'{name.text}' is not a pointer to a variable")

    def named(self, word: Word) -> str:
        """Return the name of a variable."""
        if word.text not in self.globals:
            raise self.text.error(word, f"'{word.text}' is not a variable")
        return word.text

    def lock(self) -> p.ProtocolLock | Variable:
        """Return the lock that an argument names."""
        self.text.takes("&")
        word = self.text.need_name("a spinlock")
        found = self.locks.get(word.text)
        if found is None:
            raise self.text.error(word, f"'{word.text}' is not a spinlock_t")
        return found

    def call(self, name: Word, *, used: bool) -> Expression:
        """Append what a primitive does, and return its value."""
        text = self.text
        known = CALLS.get(name.text)
        if known is None:
            raise text.error(
                name, f"'{name.text}()' is not supported: docs/protocols.md lists what is"
            )
        if used and known.value is VOID:
            raise text.error(name, f"'{name.text}()' returns nothing")
        text.need("(")
        given: list[Any] = []
        for number, kind in enumerate(known.takes):
            if number:
                text.need(",")
            if kind == "lock":
                given.append(self.lock())
            elif kind in ("variable", "pointer"):
                given.append(self.place(pointed=kind == "variable"))
            else:
                given.append(self.expression())
        text.need(")")
        return self.made(known, given, name)

    def made(self, known: Call, given: list[Any], name: Word) -> Expression:
        """Append the statements of a call; return its value."""
        if known.value is None:
            self.out += known.make(None, *given)
            return PlainNumber(0)
        into = self.process.temp()
        self.out += known.make(into, *given)
        return known.value(into, *given)
