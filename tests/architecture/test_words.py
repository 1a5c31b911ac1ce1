"""The prose that a reader meets has none of the words in docs/style/words.yaml, and short lines."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LIST = ROOT / "docs" / "style" / "words.yaml"
pytestmark = pytest.mark.skipif(not LIST.exists(), reason="only a checkout has the documentation")

PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "experiments/*.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
SOURCES = sorted(
    path
    for room in ("dessim", "docs", "experiments", "benchmarks")
    for path in (ROOT / room).rglob("*.py")
)
SETTINGS = sorted((ROOT / "configs").rglob("*.yaml"))
TEMPLATES = sorted((ROOT / "dessim").rglob("*.j2"))
HISTORY = "CHANGELOG.md"  # entries of what was, which stay as they are
WIDTH = 100


@cache
def words() -> dict[str, str]:
    """Return the list: patterns, and what to write instead."""
    return dict(yaml.safe_load(LIST.read_text()))


@cache
def any_word() -> re.Pattern[str]:
    """Return one expression for the whole list, a group per entry."""
    either = "|".join(f"({word})" for word in words()).replace(" ", r"\s+")
    return re.compile(rf"(?<![\w-])(?:{either})(?![\w-])", re.IGNORECASE)


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the prose of a file with the lines at which it begins: all of it, or its strings."""
    if path.suffix != ".py":
        yield 1, path.read_text()
        return
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def found(path: Path) -> list[str]:
    """Return places in a file at which a word of the list stands, with what to write instead."""
    places = []
    better = tuple(words().values())
    for start, text in texts(path):
        for match in any_word().finditer(text):
            line = start + text.count("\n", 0, match.start())
            instead = better[(match.lastindex or 1) - 1]
            places.append(f"{path.relative_to(ROOT)}:{line}: {match[0]!r}: {instead}")
    return places


@pytest.mark.parametrize(
    "path", [*PAGES, *SETTINGS, *TEMPLATES], ids=lambda p: str(p.relative_to(ROOT))
)
def test_pages_and_settings_have_plain_words(path: Path) -> None:
    """No page and no shipped file has a word of the list."""
    if path.name != HISTORY:
        assert found(path) == []


def test_strings_of_the_code_have_plain_words() -> None:
    """No message, help text, caption or docstring has a word of the list."""
    assert [place for path in SOURCES for place in found(path)] == []


def test_the_list_is_seen(tmp_path: Path) -> None:
    """A word of the list is found, in a page and in a string, over the end of a line too."""
    page = tmp_path / "page.md"
    page.write_text("A scheme of\none's own.\n")
    code = tmp_path / "code.py"
    code.write_text('x = 1  # beside\n"""What it tells."""\n')
    global ROOT  # noqa: PLW0603 - places are given below it
    before, ROOT = ROOT, tmp_path
    try:
        assert [place.split(": ")[0] for place in found(page)] == ["page.md:1"]
        assert found(code) == [f"code.py:2: 'tells': {words()['tells?']}"]
    finally:
        ROOT = before


def prose(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines of a page that are prose: no code, tables, comments, pictures or headings."""
    fenced = False
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not re.match(r"\s*([|#>]|<!--|!\[)", line):
            yield number, line


@pytest.mark.parametrize("path", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_lines_of_prose_are_short(path: Path) -> None:
    """A line of prose ends before column 100, unless it is one word."""
    if path.name == HISTORY:
        return
    long = [n for n, line in prose(path.read_text()) if len(line) > WIDTH and " " in line.strip()]
    assert long == [], "wrap the paragraph"
