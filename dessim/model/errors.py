"""Errors of configurations: every problem with its place, the source line, and a caret."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dessim.errors import UserError
from dessim.model.units import shorten

MAX_SHOWN = 50
"""Problems printed of one configuration; the rest are counted."""
_WINDOW = 100
"""Columns of a source line that are printed."""


@dataclass(frozen=True, slots=True)
class Source:
    """A text that a person wrote: a file, or the value of a `--set`."""

    name: str
    lines: tuple[str, ...] = ()
    rank: int = 0
    """Files are 0; the values of `--set` come after them, in their order."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands. Line and column count from 0; without a line, the whole source."""

    source: Source
    line: int | None = None
    column: int = 0

    def __str__(self) -> str:
        if self.line is None:
            return self.source.name
        return f"{self.source.name}:{self.line + 1}:{self.column + 1}"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, in one sentence."""

    place: Place
    message: str

    def render(self) -> str:
        """`file:line:col: error: …`, then the line with a caret below the column."""
        head = f"{self.place}: error: {self.message}"
        line = self.place.line
        if line is None or line >= len(self.place.source.lines):
            return head
        text, column = _window(self.place.source.lines[line], self.place.column)
        return f"{head}\n{line + 1:>5} | {text}\n      | {' ' * column}^"


class ConfigError(UserError):
    """A configuration that cannot be used. Its message lists all problems, in order of place.

    Attributes
    ----------
    problems : tuple of Problem
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(dict.fromkeys(problems))
        assert self.problems, "an error without a problem"
        shown = [problem.render() for problem in self.problems[:MAX_SHOWN]]
        if len(self.problems) > MAX_SHOWN:
            shown.append(f"... and {len(self.problems) - MAX_SHOWN} more errors")
        super().__init__("\n".join(shown))

    def message(self) -> str:
        """Return the problems as they are: each says by itself that it is an error."""
        return str(self)

    def __reduce__(self) -> tuple[type[ConfigError], tuple[tuple[Problem, ...]]]:
        return ConfigError, (self.problems,)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems in the order in which a reader meets them, file by file."""
    found = list(dict.fromkeys(problems))
    files = list(dict.fromkeys(problem.place.source.name for problem in found))
    return sorted(
        found,
        key=lambda p: (
            p.place.source.rank,
            files.index(p.place.source.name),
            -1 if p.place.line is None else p.place.line,
            p.place.column,
        ),
    )


MIN_PART, MAX_NEAR, MAX_LISTED = 3, 3, 25
"""Letters from which on a part of a name finds it; names suggested; names listed at most."""


def suggest(word: str, known: Iterable[str], *, plural: str) -> str:
    """Sentence part that helps after an unknown word: the nearest one, or what exists.

    Parameters
    ----------
    word : str
        What was written.
    known : iterable of str
    plural : str
        What the known words are, for the list: ``keys``, ``machines``.
    """
    import difflib  # here, because most runs have no error to report

    words, cut = sorted(known), word[:100]
    near = difflib.get_close_matches(cut, words, n=1, cutoff=0.6)
    if not near and len(cut) >= MIN_PART:
        near = [one for one in words if cut.lower() in one.lower()]
    if near:
        return f"did you mean {' or '.join(map(repr, near[:MAX_NEAR]))}?"
    if not words:
        return f"there are no {plural}"
    if len(words) > MAX_LISTED:
        nearest = difflib.get_close_matches(cut, words, n=MAX_NEAR, cutoff=0.0)
        return f"the nearest of {len(words)} {plural}: {', '.join(nearest)}"
    return f"{plural}: {', '.join(words)}"


def _window(line: str, column: int) -> tuple[str, int]:
    """Printable cut of a line around a column, and the column in the cut."""
    start = max(0, column - _WINDOW // 2) if len(line) > _WINDOW else 0
    cut = line[start : start + _WINDOW].replace("\t", " ")
    return shorten(cut.rstrip(), _WINDOW), min(column - start, len(cut))
