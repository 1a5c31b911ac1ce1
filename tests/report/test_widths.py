"""Text in consoles of many widths: nothing is cut off, no number and no key is broken."""

import io
import re
from typing import Any

import pytest
from test_comparison_text import a_document
from test_tables_text import a_point

from dessim.report.text.comparison import lines_of, summary_lines
from dessim.report.text.console import console_for, say
from dessim.report.text.table import new_table, print_fitting
from dessim.report.text.tables import print_table

WIDTHS = (60, 80, 100, 200)


class Terminal(io.StringIO):
    """What takes itself for a terminal."""

    def isatty(self) -> bool:
        """Whether it is one."""
        return True

    def lines(self) -> list[str]:
        """What was printed, without colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.getvalue()).splitlines()


@pytest.fixture(params=WIDTHS)
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The width of the terminal."""
    columns: int = request.param
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("TERM", "xterm")
    return columns


def words(lines: list[str]) -> set[str]:
    """All that stands between spaces."""
    return {word for line in lines for word in line.split()}


def test_a_table_is_never_wider_and_never_cut(width: int) -> None:
    """Twelve columns of numbers come in several tables, each with the keys."""
    heads = ("key", *(f"column {i}" for i in range(12)))
    rows = [
        [f"a_rather_long_key_{r}", *(f"{r}{i}.5M [1.25, 9.75]" for i in range(12))] for r in "ab"
    ]
    table = new_table(*heads)
    for row in rows:
        table.add_row(*row)
    out = Terminal()
    print_fitting(console_for(out), table)
    assert max(map(len, out.lines())) <= width
    text = "\n".join(out.lines())
    assert "…" not in text
    for row in rows:
        assert all(cell in text for cell in row)
    parts = sum(line.startswith("key ") for line in out.lines())
    for row in rows:
        assert text.count(row[0]) == parts
    assert sum(not line for line in out.lines()) == parts - 1, "a blank line between parts"


def test_a_key_that_is_wider_than_the_console_is_folded(width: int) -> None:
    """Even then all of it is there."""
    table = new_table("key", "n")
    table.add_row("k" * 150, "7")
    out = Terminal()
    print_fitting(console_for(out), table)
    assert max(map(len, out.lines())) <= width
    assert "".join(out.lines()).count("k") == 150 + 1
    assert "7" in words(out.lines())


def test_results_fit(width: int) -> None:
    """A table of results has the same numbers in every console."""
    document: dict[str, Any] = {"points": [a_point(), a_point(scheme="lock_each_page")]}
    narrow, wide = Terminal(), io.StringIO()
    print_table(document, narrow)
    print_table(document, wide)
    assert max(map(len, narrow.lines())) <= width
    assert words(wide.getvalue().splitlines()) <= words(narrow.lines())


def test_comparisons_fit(width: int) -> None:
    """Both layouts: that of a run, and that of the robot."""
    document = a_document(["mixture"], met=False)
    rows = [row for one in document["comparisons"] for row in one["rows"]]
    tables = [line for line in summary_lines(document, width) if line.startswith("  ")]
    robot = list(lines_of("a_scheme_with_a_long_name", "b", rows, [], width))
    robot = robot[: robot.index("")]
    assert max(map(len, (*tables, *robot))) <= width
    assert words([line for line in summary_lines(document) if line.startswith("  ")]) <= words(
        tables
    )
    assert "8t.pages_mapped_per_s" in {word.rstrip(":") for word in words(robot)}


def test_prose_breaks_between_words(width: int) -> None:
    """A file gets it as one line."""
    text = "all of these words " * 20
    out, file = Terminal(), io.StringIO()
    say(console_for(out), text.strip())
    say(console_for(file), text.strip())
    assert max(map(len, out.lines())) <= width
    assert words(out.lines()) == {"all", "of", "these", "words"}
    assert file.getvalue() == text.strip() + "\n"
