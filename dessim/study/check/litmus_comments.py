"""Where comments of a litmus test end, and which `(*` opens none.

Source
------
herd7, ``lib/splitter.mll``, ``lib/LexUtils.mll``, ``lib/CLexer.mll``: ``(* *)`` is a comment before
the code of the processes and behind it, and may hold others; in the code it is a bracket and a
star. dessim takes it for a comment there, too, where C allows no such bracket.
"""

from __future__ import annotations

import re
from functools import cached_property

MARK = re.compile(r"(?<!\w)\(\*|\*\)")
"""Ends of comments. In a text that explains `READ_ONCE(*x)` the bracket opens no other."""
BRACKET = re.compile(r"[()]")
BEGINS = ("{", "}", ";", "")
"""Words behind which a statement or a process begins."""
BLANK = re.compile(r"\(\*[\s*]")


class Comments:
    """Comments of a text: ``(* *)``, ``/* */`` and ``//``."""

    def __init__(self, source: str) -> None:
        self.source = source

    @cached_property
    def _nested(self) -> dict[int, int]:
        """Where comments end, by where they begin."""
        return _pairs(self.source, MARK, "(*")

    @cached_property
    def _brackets(self) -> dict[int, int]:
        """Where brackets end, by where they begin."""
        return _pairs(self.source, BRACKET, "(")

    def end(self, at: int) -> int | None:
        """Return where the comment ends that begins here.

        Returns
        -------
        int or None
            The same place if none begins here, None if it has no end.
        """
        for opens, closes in (("//", "\n"), ("/*", "*/"), ("(*", "*)")):
            if self.source.startswith(opens, at):
                if opens == "(*" and at in self._nested:
                    return self._nested[at]
                found = self.source.find(closes, at + 2)
                if opens == "//":
                    return len(self.source) if found < 0 else found
                return None if found < 0 else found + 2
        return at

    def end_in_code(self, at: int, before: str) -> int | None:
        """Return the same in the code of processes, where `(*` may be a bracket and a star.

        It is a comment if its bracket closes with `*)`, as none of C does, or if a blank follows
        where a statement may begin.

        Parameters
        ----------
        at : int
        before : str
            The word in front; empty for none.
        """
        if not self.source.startswith("(*", at):
            return self.end(at)
        closes = self._brackets.get(at, at)
        if closes > at + 3 and self.source[closes - 2] == "*":
            return closes
        if before in BEGINS and BLANK.match(self.source, at):
            return self._nested.get(at, at)
        return at


def _pairs(source: str, mark: re.Pattern[str], opens: str) -> dict[int, int]:
    """Return where pairs end, by where they begin; in one pass, however deep they are nested."""
    pairs: dict[int, int] = {}
    waiting: list[int] = []
    for match in mark.finditer(source):
        if match.group() == opens:
            waiting.append(match.start())
        elif waiting:
            pairs[waiting.pop()] = match.end()
    return pairs
