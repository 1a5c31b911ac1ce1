"""Conditions of litmus tests: what registers and variables hold at the end."""

from __future__ import annotations

from typing import Any

from dessim.kernel.protocol_expressions import Binary, Expression, LocalOf, PlainNumber
from dessim.study.check.litmus_values import Process, ValueReader


class ConditionReader(ValueReader):
    """Reads the condition of a test."""

    def condition(self, actors: list[Any], processes: list[Process]) -> Expression:
        r"""Return a condition: what registers and variables hold, ``/\``, ``\/``, ``~``."""
        left = self.conjunction(actors, processes)
        while self.text.takes("\\/"):
            left = Binary("||", left, self.conjunction(actors, processes))
        return left

    def conjunction(self, actors: list[Any], processes: list[Process]) -> Expression:
        """Return what is joined by *and*."""
        left = self.claim(actors, processes)
        while self.text.takes("/\\"):
            left = Binary("&&", left, self.claim(actors, processes))
        return left

    def claim(self, actors: list[Any], processes: list[Process]) -> Expression:
        """Return one claim."""
        text = self.text
        if text.takes("~") or text.next.text == "not":
            text.takes("not")
            return ~self.claim(actors, processes)
        if text.takes("("):
            inner = self.condition(actors, processes)
            text.need(")")
            return inner
        if text.next.text in ("true", "false"):
            return PlainNumber(int(text.take().text == "true"))
        word = text.next
        if text.next.kind == "number":
            which = self.number(text.take())
            text.need(":")
            name = text.need_name("a register")
            numbers = [int(one.name[1:]) for one in processes]
            if which not in numbers:
                there = ", ".join(one.name for one in processes)
                raise text.error(word, f"there is no process P{which}, only {there}")
            if name.text not in processes[numbers.index(which)].locals:
                raise text.error(word, f"P{which} has no local '{name.text}'")
            index = numbers.index(which)
            left: Expression = LocalOf(actors[index], processes[index].locals[name.text])
        else:
            bracketed = text.takes("[")
            text.takes("*")
            left = self.globals[self.named(text.need_name("a variable"))]
            if bracketed:
                text.need("]")
        sign = text.take()
        if sign.text not in ("=", "==", "!="):
            raise text.error(sign, f"expected '=', found '{sign.text}'")
        text.takes("&")
        value = text.take()
        right = self.address_of(value) if value.kind == "name" else PlainNumber(self.number(value))
        return Binary("!=" if sign.text == "!=" else "==", left, right)
