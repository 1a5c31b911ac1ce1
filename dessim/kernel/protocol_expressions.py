"""Expressions of protocols as people write them: variables and locals with Python's operators."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dessim.errors import UserError
from dessim.kernel import layout as lay

if TYPE_CHECKING:
    from dessim.kernel.protocol import ProtocolActor

MOST = 15


class ProtocolError(UserError):
    """A protocol that makes no sense; the message says where and what can be done."""


class Expression:
    """Something with a value. Comparisons are 0 or 1; ``&``, ``|`` and ``~`` join them.

    ``~`` is *not*: ``~(pte == NONE)``. Both sides of ``&`` and ``|`` are looked at.
    """

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise ProtocolError(
            f"'{self}' has no value while the protocol is built: write when(...) for if, & for"
            " and, | for or, ~ for not, and put brackets around comparisons"
        )

    def __iter__(self) -> Iterator[Any]:
        raise ProtocolError(
            f"'{self}' is not a sequence: only Python's range(n) works in protocols"
        )

    def __add__(self, other: Any) -> Expression:
        return Binary("+", self, made(other))

    def __radd__(self, other: Any) -> Expression:
        return Binary("+", made(other), self)

    def __sub__(self, other: Any) -> Expression:
        return Binary("-", self, made(other))

    def __rsub__(self, other: Any) -> Expression:
        return Binary("-", made(other), self)

    def __mul__(self, other: Any) -> Expression:
        return Binary("*", self, made(other))

    def __and__(self, other: Any) -> Expression:
        return Binary("&", self, made(other))

    def __or__(self, other: Any) -> Expression:
        return Binary("|", self, made(other))

    def __xor__(self, other: Any) -> Expression:
        return Binary("^", self, made(other))

    def __lshift__(self, other: Any) -> Expression:
        return Binary("<<", self, made(other))

    def __rshift__(self, other: Any) -> Expression:
        return Binary(">>", self, made(other))

    def __eq__(self, other: object) -> Expression:  # type: ignore[override]
        return Binary("==", self, made(other))

    def __ne__(self, other: object) -> Expression:  # type: ignore[override]
        return Binary("!=", self, made(other))

    def __lt__(self, other: Any) -> Expression:
        return Binary("<", self, made(other))

    def __le__(self, other: Any) -> Expression:
        return Binary("<=", self, made(other))

    def __gt__(self, other: Any) -> Expression:
        return Binary("<", made(other), self)

    def __ge__(self, other: Any) -> Expression:
        return Binary("<=", made(other), self)

    def __invert__(self) -> Expression:
        return Negation(self)

    def parts(self) -> tuple[Expression, ...]:
        """Return what it is made of."""
        return ()


@dataclass(eq=False, frozen=True)
class PlainNumber(Expression):
    """A number."""

    value: int

    def __str__(self) -> str:
        return str(self.value)


@dataclass(eq=False, frozen=True)
class Variable(Expression):
    """A word that all actors see, or an array of them."""

    name: str
    start: int | tuple[int, ...] = 0
    size: int = 1
    most: int = MOST

    def __getitem__(self, index: Any) -> Element:
        return Element(self, made(index))

    def __str__(self) -> str:
        return self.name


@dataclass(eq=False, frozen=True)
class Element(Expression):
    """An element of an array, or what a pointer points to if it has no array."""

    array: Variable | None
    index: Expression

    def parts(self) -> tuple[Expression, ...]:
        """Return what it is made of."""
        return (self.index,)

    def __str__(self) -> str:
        return f"{self.array}[{self.index}]" if self.array is not None else f"*{self.index}"


@dataclass(eq=False, frozen=True)
class Local(Expression):
    """A local of the actor that uses it: nobody else sees it."""

    name: str
    most: int = MOST

    def __str__(self) -> str:
        return self.name.lstrip(".")  # those that no protocol names begin with a point


@dataclass(eq=False, frozen=True)
class Old(Expression):
    """What an atomic operation has found."""

    def __str__(self) -> str:
        return "old"


@dataclass(eq=False, frozen=True)
class Binary(Expression):
    """Two expressions and what joins them."""

    sign: str
    left: Expression
    right: Expression

    def parts(self) -> tuple[Expression, ...]:
        """Return what it is made of."""
        return (self.left, self.right)

    def __str__(self) -> str:
        return f"{bracketed(self.left)} {self.sign} {bracketed(self.right)}"


@dataclass(eq=False, frozen=True)
class Negation(Expression):
    """It is not so."""

    inner: Expression

    def parts(self) -> tuple[Expression, ...]:
        """Return what it is made of."""
        return (self.inner,)

    def __str__(self) -> str:
        return f"!{bracketed(self.inner)}"


@dataclass(eq=False, frozen=True)
class LocalOf(Expression):
    """A local of an actor, in properties."""

    actor: ProtocolActor
    local: Local

    def __str__(self) -> str:
        return f"{self.actor.name}.{self.local.name}"


@dataclass(eq=False, frozen=True)
class Fact(Expression):
    """Something else that properties may ask for."""

    kind: str
    about: tuple[Any, ...] = field(default=())

    def __str__(self) -> str:
        return f"{self.kind}({', '.join(getattr(one, 'name', str(one)) for one in self.about)})"


def bracketed(one: Expression) -> str:
    """Return an expression as text, in brackets if it has two sides."""
    return f"({one})" if isinstance(one, Binary) else str(one)


def made(value: Any) -> Expression:
    """Return a value as an expression.

    Raises
    ------
    ProtocolError
        If it is neither that nor a whole number.
    """
    if isinstance(value, Expression):
        return value
    if isinstance(value, int):  # True and False are 1 and 0
        return PlainNumber(int(value))
    raise ProtocolError(f"expected a variable, a local or a whole number, found {value!r}")


SIGNS = {
    "+": lay.E_ADD,
    "-": lay.E_SUBTRACT,
    "*": lay.E_TIMES,
    "&": lay.E_AND,
    "|": lay.E_OR,
    "^": lay.E_XOR,
    "<<": lay.E_LEFT,
    ">>": lay.E_RIGHT,
    "==": lay.E_EQUAL,
    "!=": lay.E_DIFFERS,
    "<": lay.E_LESS,
    "<=": lay.E_AT_MOST,
    "&&": lay.E_BOTH,
    "||": lay.E_EITHER,
}


def depth(one: Expression) -> int:
    """Return how many values an expression needs at once."""
    if isinstance(one, Binary):
        return max(depth(one.left), 1 + depth(one.right))
    return max([1, *map(depth, one.parts())])


def replaced(one: Expression, what: dict[int, Expression]) -> Expression:
    """Return an expression with others in place of some, by identity."""
    if id(one) in what:
        return what[id(one)]
    if isinstance(one, Binary):
        return Binary(one.sign, replaced(one.left, what), replaced(one.right, what))
    if isinstance(one, Negation):
        return Negation(replaced(one.inner, what))
    if isinstance(one, Element):
        return Element(one.array, replaced(one.index, what))
    return one


def within(one: Expression) -> Iterator[Expression]:
    """Yield an expression and all that it is made of."""
    yield one
    for part in one.parts():
        yield from within(part)
