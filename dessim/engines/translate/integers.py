"""The numbers of the language: 64-bit integers, and what each operation makes of them.

Everything is as in CPython as long as operands and results fit in 64 bits, with a sign; division
and remainder round down, and a shift to the right keeps the sign. Beyond, and where CPython raises
an error, the language says:

* a result that does not fit wraps: its lowest 64 bits are kept;
* a division by zero gives zero, and so does its remainder;
* a shift by 64 bits or more pushes everything out: what is left is 0, or -1 of a negative number to
  the right; a negative number of bits counts as more than 64.

``compiled.check_costs`` refuses Worlds whose products could wrap where they must not.

A value is an ``int`` while it is known, else a value of LLVM: a word, or a bit where it answers a
question.
"""

import ast
import operator
from collections.abc import Callable
from typing import Any

from llvmlite import ir

WORD = ir.IntType(64)
BIT = ir.IntType(1)
Value = Any
"""``int``, or ``ir.Value`` of type WORD or BIT."""

BITS = 64
COMPARED: dict[type[ast.cmpop], tuple[str, Callable[[int, int], bool]]] = {
    ast.Eq: ("==", operator.eq),
    ast.NotEq: ("!=", operator.ne),
    ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le),
    ast.Gt: (">", operator.gt),
    ast.GtE: (">=", operator.ge),
}


def wrapped(number: int) -> int:
    """Return what is left of an integer in 64 bits."""
    number &= (1 << BITS) - 1
    return number - (1 << BITS) if number >> (BITS - 1) else number


def constant(number: int) -> ir.Constant:
    """Return a word."""
    return ir.Constant(WORD, wrapped(number))


def is_known(value: Value) -> bool:
    """Return whether a value is a number already."""
    return isinstance(value, int)


def _shifted(a: int, n: int, right: bool) -> int:
    if not 0 <= n < BITS:
        return -1 if right and a < 0 else 0
    return a >> n if right else a << n


FOLDED: dict[type[ast.operator], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
    ast.BitXor: operator.xor,
    ast.FloorDiv: lambda a, b: a // b if b else 0,
    ast.Mod: lambda a, b: a % b if b else 0,
    ast.LShift: lambda a, n: _shifted(a, n, right=False),
    ast.RShift: lambda a, n: _shifted(a, n, right=True),
}
SIMPLE: dict[type[ast.operator], str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.BitAnd: "and_",
    ast.BitOr: "or_",
    ast.BitXor: "xor",
}
ZERO_KEEPS = (ast.Add, ast.Sub, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift)


class Integers:
    """Writes operations, at the place where a builder stands.

    Parameters
    ----------
    builder : ir.IRBuilder
    """

    def __init__(self, builder: Any) -> None:
        self.builder = builder

    def word(self, value: Value) -> Any:
        """Return a value as a word."""
        if isinstance(value, int):
            return constant(value)
        return self.builder.zext(value, WORD) if value.type == BIT else value

    def bit(self, value: Value) -> Any:
        """Return whether a value is not zero, as a bit."""
        if isinstance(value, int):
            return ir.Constant(BIT, int(value != 0))
        return value if value.type == BIT else self.builder.icmp_signed("!=", value, constant(0))

    def kept(self, value: Value) -> Value:
        """Return a value as a name holds it: a number, or a word."""
        return wrapped(value) if isinstance(value, int) else self.word(value)

    def binary(self, op: ast.operator, a: Value, b: Value) -> Value:
        """Return ``a op b``."""
        kind = type(op)
        if isinstance(a, int) and isinstance(b, int):
            return wrapped(FOLDED[kind](a, b))
        if isinstance(b, int) and b == 0 and kind in ZERO_KEEPS:
            return self.word(a)
        if isinstance(a, int) and a == 0 and kind is ast.Add:
            return b if b.type == WORD else self.word(b)
        if kind in SIMPLE:
            return getattr(self.builder, SIMPLE[kind])(self.word(a), self.word(b))
        if kind in (ast.LShift, ast.RShift):
            return self.shift(self.word(a), b, right=kind is ast.RShift)
        return self.divided(self.word(a), b, rest=kind is ast.Mod)

    def shift(self, a: Any, n: Value, *, right: bool) -> Any:
        """Return ``a << n`` or ``a >> n``."""
        build = self.builder
        if isinstance(n, int):
            if 0 <= n < BITS:
                return build.ashr(a, constant(n)) if right else build.shl(a, constant(n))
            return build.ashr(a, constant(BITS - 1)) if right else constant(0)
        n = self.word(n)
        fits = build.icmp_unsigned("<", n, constant(BITS))
        if right:
            return build.ashr(a, build.select(fits, n, constant(BITS - 1)))
        shifted = build.shl(a, build.select(fits, n, constant(0)))
        return build.select(fits, shifted, constant(0))

    def divided(self, a: Any, b: Value, *, rest: bool) -> Any:
        """Return ``a // b`` or ``a % b``."""
        build = self.builder
        if isinstance(b, int) and b > 0 and b & (b - 1) == 0:
            if rest:
                return build.and_(a, constant(b - 1))
            return build.ashr(a, constant(b.bit_length() - 1))
        if isinstance(b, int) and b > 0:
            return self._rounded_down(a, constant(b), rest)
        b = self.word(b)
        # neither 0 nor -1 reaches the machine's division, which faults on -2**63 / -1
        unusual = build.icmp_unsigned("<=", build.add(b, constant(1)), constant(1))
        safe = build.select(unusual, constant(1), b)
        result = self._rounded_down(a, safe, rest)
        minus = build.icmp_signed("==", b, constant(-1))
        negated = constant(0) if rest else build.sub(constant(0), a)
        return build.select(unusual, build.select(minus, negated, constant(0)), result)

    def _rounded_down(self, a: Any, b: Any, rest: bool) -> Any:
        """Return quotient or remainder of a division that the machine can do."""
        build = self.builder
        remainder = build.srem(a, b)
        inexact = build.icmp_signed("!=", remainder, constant(0))
        apart = build.icmp_signed("<", build.xor(remainder, b), constant(0))
        low = build.and_(inexact, apart)
        if rest:
            return build.add(remainder, build.select(low, b, constant(0)))
        return build.sub(build.sdiv(a, b), build.zext(low, WORD))

    def unary(self, op: ast.unaryop, a: Value) -> Value:
        """Return ``op a``."""
        if isinstance(op, ast.Not):
            return int(not a) if isinstance(a, int) else self.builder.not_(self.bit(a))
        if isinstance(op, ast.UAdd):
            return self.kept(a)
        if isinstance(a, int):
            return wrapped(-a if isinstance(op, ast.USub) else ~a)
        if isinstance(op, ast.USub):
            return self.builder.sub(constant(0), self.word(a))
        return self.builder.xor(self.word(a), constant(-1))

    def compared(self, op: ast.cmpop, a: Value, b: Value) -> Value:
        """Return whether ``a op b``."""
        sign, holds = COMPARED[type(op)]
        if isinstance(a, int) and isinstance(b, int):
            return int(holds(a, b))
        return self.builder.icmp_signed(sign, self.word(a), self.word(b))
