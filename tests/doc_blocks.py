"""Pages of the documentation as lists of blocks, and what running them means.

* A block of ``sh`` is a script that ends well; so is one whose lines all begin with ``dessim``.
* What goes into ``head`` or ``tail`` is something.
* A block of ``text`` right after it is what it prints.
* A block after a line that ends with a name in back ticks and a colon is a file of that name.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
PIPED = re.compile(r"(\| (?:head|tail)\b[^#\n]*?)(?=\s*(?:#.*)?$)", re.MULTILINE)
NAMED = re.compile(r"`([\w./-]+\.\w+)`:\n+$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, the file that it is, where its text begins."""

    language: str
    text: str
    file: str
    start: int
    follows: bool  # nothing but space between it and the block before


def blocks_of(text: str) -> list[Block]:
    """Return the blocks of a page in their order."""
    found, end = [], 0
    for match in FENCE.finditer(text):
        named = NAMED.search(text, 0, match.start())
        language = match[1]
        if not language and all(line.startswith("dessim ") for line in match[2].splitlines()):
            language = "sh"
        between = text[end : match.start()]
        file = named[1] if named else ""
        found.append(Block(language, match[2], file, match.start(2), not between.strip()))
        end = match.end()
    return found


def run_page(
    page: Path, run: Callable, folder: Path, edit: Callable[[str], str], update: bool
) -> list[str]:
    """Write the files of a page and run its scripts; return the commands that were run.

    With `update` what the page shows is replaced by what was printed.
    """
    text = page.read_text()
    printed: dict[int, tuple[str, str]] = {}
    done = None
    commands: list[str] = []
    for block in blocks_of(text):
        if block.file:
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.text)
        elif block.language == "sh":
            script = edit(block.text)
            commands += script.splitlines()
            bites = PIPED.sub(r"\1 | grep .", script)
            done = run(f"set -euo pipefail\n{bites}", folder)
            assert done.returncode == 0, f"{page.name}: {script}\n{done.stderr}"
        elif block.language == "text" and block.follows and done is not None:
            printed[block.start] = (block.text, done.stdout)
    if update:
        for start, (shown, new) in sorted(printed.items(), reverse=True):
            text = text[:start] + new + text[start + len(shown) :]
        page.write_text(text)
    else:
        for shown, new in printed.values():
            assert shown == new, f"{page.name} shows something else: --update-golden, and say why"
    return commands
