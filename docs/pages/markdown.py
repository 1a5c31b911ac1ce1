"""Markdown from plain text: tables, code, and letters that would mean something."""

import re
from collections.abc import Iterable, Sequence


def escape(text: object) -> str:
    """One line in which no letter means anything but `code` in back ticks."""
    parts = re.split(r"(`+[^`]+`+)", " ".join(str(text).split()))
    parts[::2] = [re.sub(r"([\\<>|*_\[\]$#~])", r"\\\1", part) for part in parts[::2]]
    parts[1::2] = [part.replace("|", "\\|") for part in parts[1::2]]
    return "".join(parts)


def code(text: object) -> str:
    """Text in code type, for a cell of a table; nothing stays nothing."""
    plain = str(text).replace("|", "\\|")
    return f"`{plain}`" if plain else ""


def block(text: str, language: str = "text") -> str:
    """A fenced block."""
    return f"```{language}\n{text.rstrip()}\n```\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of cells that are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + "\n"


def prose(docstring: str) -> str:
    """A docstring: paragraphs stay, underlined headings become bold, indented lines become code."""
    text = re.sub(r"^(\w[\w ]*)\n-{3,}$", r"**\1**\n", docstring.strip(), flags=re.MULTILINE)
    parts = []
    for part in re.split(r"\n{2,}", text):
        if all(line.startswith((" ", "\t")) for line in part.splitlines()):
            parts.append(block(part))
        elif re.match(r"\*\*\w", part):
            parts.append(part)
        else:
            parts.append("\n".join(_line(line) for line in part.splitlines()))
    return "\n\n".join(parts) + "\n"


def _line(line: str) -> str:
    item = re.match(r"\s*(?:[*-]|\d+\.) ", line)
    start = item.group() if item else ""
    return start + escape(line[len(start) :])
