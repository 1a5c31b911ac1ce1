"""Traces of the explorer, a step a line, in the width of the terminal.

People read them in files, too. So they are wrapped everywhere, to 80 columns in a pipe, other than
lists, whose lines programs read.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dessim.engines.explorer.story import StoryLine

GAP = "  "
INDENT = "  "  # of the second line of a step
MARGIN = 6  # of a story: numbers of up to four digits
NARROWEST = 20
"""Columns below which a step is wrapped too often: then names stand in front of the steps."""
ARROW, HARD = " -> ", "\N{NO-BREAK SPACE}"


def trace_text(lines: Sequence[StoryLine], names: Sequence[str], circle: int = 0) -> str:
    """Return a trace in columns, one for each task, a step a line.

    A step that is wider than its column goes on in the next line. Where a column would be too
    narrow, or break a word, the trace is that of `story_text`.

    Parameters
    ----------
    lines : sequence of StoryLine
    names : sequence of str
        Names of the tasks.
    circle : int
        How many of the last steps repeat for ever.
    """
    margin = len(str(len(lines))) + len(GAP)
    texts = [[name] for name in names]
    for line in lines:
        texts[line.task].append(line.text)
    widths = _widths(texts, columns_here() - margin - len(GAP) * (len(names) - 1))
    if not widths:
        return story_text(lines, names, circle)
    heads = (name.ljust(width) for name, width in zip(names, widths, strict=True))
    out = [" " * margin + GAP.join(heads).rstrip()]
    for number, line in enumerate(lines):
        out += _cycle(number, len(lines), circle, margin)
        left = margin + sum(widths[: line.task]) + len(GAP) * line.task
        out += _step(number, line, " " * (left - margin), widths[line.task], margin)
    return "\n".join(out) + "\n"


def story_text(lines: Sequence[StoryLine], names: Sequence[str], circle: int = 0) -> str:
    """Return a trace line by line, with the name of who acts in front of each.

    Parameters are those of `trace_text`.
    """
    widest = max(map(len, names))
    room = max(NARROWEST, columns_here() - MARGIN - widest - len(GAP))
    out: list[str] = []
    for number, line in enumerate(lines):
        out += _cycle(number, len(lines), circle, MARGIN)
        out += _step(number, line, names[line.task].ljust(widest) + GAP, room, MARGIN)
    return "\n".join(out) + "\n"


def wrapped(text: str) -> str:
    """Return a sentence in lines as wide as a trace."""
    return textwrap.fill(text, columns_here(), subsequent_indent=INDENT, break_on_hyphens=False)


def columns_here() -> int:
    """Columns of the terminal; of a pipe and a file 80, or what COLUMNS says."""
    return shutil.get_terminal_size().columns


def _widths(texts: Sequence[Sequence[str]], room: int) -> list[int]:
    """What each column of texts gets of the room; nothing if that breaks words or is too narrow."""
    needs = [max(map(len, some)) for some in texts]
    widths = [
        max(min(need, NARROWEST), *map(_longest, some))
        for need, some in zip(needs, texts, strict=True)
    ]
    spare = room - sum(widths)
    while spare > 0 and widths != needs:
        short = (task for task, need in enumerate(needs) if widths[task] < need)
        widths[min(short, key=lambda task: widths[task])] += 1
        spare -= 1
    return widths if spare >= 0 else []


def _longest(text: str) -> int:
    """Columns that no word of a text needs more of: all but the first may stand indented."""
    first, *others = map(len, _words(text))
    return max(first, *(len(INDENT) + other for other in others)) if others else first


def _words(text: str) -> list[str]:
    """What is not broken of a text: `0 -> 1` is one word."""
    return text.replace(ARROW, ARROW.replace(" ", HARD)).split(" ")


def _wrap(text: str, width: int) -> list[str]:
    """Lines of a text, with as few broken words as can be."""
    kept = " ".join(_words(text))
    lines = textwrap.wrap(kept, width, subsequent_indent=INDENT, break_on_hyphens=False)
    return [line.replace(HARD, " ") for line in lines] or [""]


def _cycle(number: int, steps: int, circle: int, margin: int) -> Iterator[str]:
    if circle and number == steps - circle:
        yield " " * margin + "-- and from here in a cycle:"


def _step(number: int, line: StoryLine, before: str, width: int, margin: int) -> Iterator[str]:
    """Lines of a step: its number, what stands before it, its text, and what it violates."""
    texts = _wrap(line.text, width)
    if line.wrong:
        mark = f"<- {', '.join(line.wrong)}"
        joined = f"{texts[-1]}   {mark}"
        if margin + len(before) + len(joined) <= columns_here():
            texts[-1] = joined
        else:
            texts.append(INDENT + mark)
    yield f"{number + 1:>{margin - len(GAP)}}{GAP}{before}{texts[0]}".rstrip()
    yield from (" " * (margin + len(before)) + text for text in texts[1:])
