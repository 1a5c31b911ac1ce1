"""The text of a litmus test in herd7's C form: words with their places, and what cannot be read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from dessim.errors import UserError
from dessim.files.reading import MIB, UnreadableError, read_file
from dessim.study.check.litmus_comments import Comments

WORD = re.compile(
    r"(?P<space>\s+)|(?P<number>0x[0-9a-fA-F]+|\d+)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>/\\|\\/|&&|\|\||==|!=|<=|>=|->|[-+*/&|^~!<>=(){}\[\],;:.?%])",
    re.DOTALL,
)
MOST_WORDS = 4_000
"""Of a test; the longest of the kernel's has a tenth of them."""
TOO_DEEP = "brackets, operators or statements are nested too deep; make the test simpler"
TITLE = re.compile(r'\s+|"[^"]*"')
BEHIND = ("exists", "forall", "locations", "filter")
"""Words with which the code of the processes ends."""
RESULT = re.compile(r"Result:\s*(Never|Sometimes|Always|DEADLOCK)")


class LitmusError(UserError):
    """A litmus test that cannot be read; the message names file, line and column."""


@dataclass(frozen=True)
class Word:
    """A word of the text.

    Attributes
    ----------
    kind : str
        ``number``, ``name``, ``sign`` or ``end``; ``space`` is left out.
    text : str
    at : int
        Where it begins.
    """

    kind: str
    text: str
    at: int


class Text:
    """A file's words, read one after the other."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.source = read_file(path, MIB).decode("utf-8")
        except UnreadableError as error:
            raise LitmusError(str(error)) from None
        except UnicodeDecodeError as error:
            raise LitmusError(f"{path}: not UTF-8 at byte {error.start}") from None
        first = self.source.lstrip().partition("\n")[0].split()
        if len(first) < 2 or first[0] != "C":
            raise LitmusError(
                f"{path}:1:1: a litmus test of C begins with 'C NAME'; other languages of herd7"
                " are not supported"
            )
        self.name = first[1]
        start = self.source.index("C") + 1
        start = self.source.index(first[1], start) + len(first[1])
        found = RESULT.search(self.source)
        self.result = found.group(1) if found else ""
        self.comments = Comments(self.source)
        self.words = self._split(self._behind_title(start))
        self.place = 0

    def _behind_title(self, start: int) -> int:
        """Return where the initial state begins: a title in quotes and comments come before it."""
        at = start
        while True:
            match = TITLE.match(self.source, at)
            end = match.end() if match else self._ended(self.comments.end(at), at)
            if end == at:
                return at
            at = end

    def _ended(self, end: int | None, at: int) -> int:
        """Return the end of what begins at a place, unless it is a comment without one."""
        if end is None:
            raise self.error(Word("sign", "", at), "this comment has no end")
        return end

    def _split(self, start: int) -> list[Word]:
        words: list[Word] = []
        at, depth, code = start, 0, False
        while at < len(self.source):
            before = words[-1].text if words else ""
            end = self.comments.end_in_code(at, before) if code else self.comments.end(at)
            if end != at:
                at = self._ended(end, at)
                continue
            word = self._word(at)
            at += len(word.text)
            if word.kind == "space":
                continue
            depth += (word.text == "{") - (word.text == "}")
            if depth == 0 and word.text in ("}", *BEHIND):
                code = word.text == "}"
            words.append(word)
            if len(words) > MOST_WORDS:
                raise self.error(word, f"a litmus test has at most {MOST_WORDS:,} words")
        return [*words, Word("end", "the end of the file", at)]

    def _word(self, at: int) -> Word:
        match = WORD.match(self.source, at)
        if match is None:
            raise self.error(
                Word("sign", self.source[at], at), "unknown character in C litmus tests"
            )
        return Word(str(match.lastgroup), match.group(), at)

    def behind(self, word: Word) -> str:
        """Return the text from a word on, without comments, in one line."""
        parts, at = [], word.at
        for one in self.words[:-1]:
            if one.at >= word.at:
                parts.append(" " * (one.at > at) + one.text)
                at = one.at + len(one.text)
        return "".join(parts)

    def error(self, word: Word, told: str) -> LitmusError:
        """Return an error at a word."""
        line = self.source.count("\n", 0, word.at) + 1
        column = word.at - (self.source.rfind("\n", 0, word.at) + 1) + 1
        return LitmusError(f"{self.path}:{line}:{column}: {told}")

    def arguments_of(self, name: str) -> set[str]:
        """Return the names with which a primitive is called anywhere."""
        return {
            self.words[k + 2].text
            for k, word in enumerate(self.words[:-2])
            if word.text == name and self.words[k + 1].text == "("
        }

    @property
    def next(self) -> Word:
        """The word that comes next."""
        return self.words[self.place]

    def ahead(self, by: int) -> Word:
        """Return a later word."""
        return self.words[min(self.place + by, len(self.words) - 1)]

    def take(self) -> Word:
        """Return the next word, which must not be the end, and go on behind it."""
        word = self.next
        if word.kind == "end":
            raise self.error(word, "the file ends too soon")
        self.place += 1
        return word

    def takes(self, *texts: str) -> bool:
        """Go on behind the next word if it is one of some; return whether it was."""
        if self.next.text in texts and self.next.kind != "end":
            self.take()
            return True
        return False

    def need(self, text: str) -> Word:
        """Return the next word, which must be this one."""
        if self.next.text != text:
            raise self.error(self.next, f"expected '{text}', found '{self.next.text}'")
        return self.take()

    def need_name(self, what: str) -> Word:
        """Return the next word, which must be a name."""
        if self.next.kind != "name":
            raise self.error(self.next, f"expected {what}, found '{self.next.text}'")
        return self.take()
