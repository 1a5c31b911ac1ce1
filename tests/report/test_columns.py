"""Traces in columns: they fit the terminal, and say all that the steps say."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from dessim.cli import main
from dessim.engines.explorer.story import StoryLine
from dessim.report.text.columns import story_text, trace_text, wrapped

NAMES = ("thread 1", "thread 2", "invalidate")
STEPS = (
    StoryLine(0, "find_get_page(): found, count 1 -> 2"),
    StoryLine(1, "lock_page()"),
    StoryLine(0, "!PageLocked() && PageUptodate() && !PageReadahead()? no"),
    StoryLine(2, "mutex_unlock(i_mmap_mutex)"),
    StoryLine(2, "BUG_ON(page_mapped(page)) fires: BUG1", ("bug1", "stale_mapping")),
)


@pytest.mark.parametrize(("tasks", "columns"), [(2, 60), (2, 80), (2, 100), (3, 80), (3, 200)])
def test_a_trace_fits_and_leaves_nothing_out(
    tasks: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No line is wider than the terminal, no word is broken, and each step is there in order."""
    monkeypatch.setenv("COLUMNS", str(columns))
    steps = [StoryLine(min(line.task, tasks - 1), line.text, line.wrong) for line in STEPS]
    head, *lines = trace_text(steps, NAMES[-tasks:]).splitlines()
    assert head.split() == " ".join(NAMES[-tasks:]).split()
    assert max(map(len, lines)) <= columns
    said = [word for line in lines for word in line[3:].split()]
    told = " ".join(line.text for line in steps) + " <- bug1, stale_mapping"
    assert said == told.split()
    assert [line[0] for line in lines if line[0] != " "] == ["1", "2", "3", "4", "5"]


def test_columns_are_as_wide_as_their_steps_where_there_is_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A step a line, its mark behind it, and no blanks beyond the widest step of a column."""
    monkeypatch.setenv("COLUMNS", "200")
    steps = [STEPS[0], StoryLine(1, STEPS[4].text, STEPS[4].wrong)]
    assert trace_text(steps, NAMES[1:]) == (
        "   thread 2                              invalidate\n"
        "1  find_get_page(): found, count 1 -> 2\n"
        "2                                        BUG_ON(page_mapped(page)) fires: BUG1"
        "   <- bug1, stale_mapping\n"
    )


def test_a_cell_goes_on_below_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long step is wrapped in its column, indented; `1 -> 2` and words stay whole."""
    monkeypatch.setenv("COLUMNS", "60")
    steps = [STEPS[0], StoryLine(1, STEPS[4].text, ("bug1",))]
    assert trace_text(steps, NAMES[1:], circle=1) == (
        "   thread 2                      invalidate\n"
        "1  find_get_page(): found,\n"
        "     count 1 -> 2\n"
        "   -- and from here in a cycle:\n"
        "2                                BUG_ON(page_mapped(page))\n"
        "                                   fires: BUG1   <- bug1\n"
    )


def test_names_stand_in_front_where_columns_would_be_too_narrow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Three tasks in 60 columns: a line each, wrapped as well."""
    monkeypatch.setenv("COLUMNS", "60")
    text = trace_text(STEPS, NAMES)
    assert text == story_text(STEPS, NAMES)
    assert text.splitlines()[:3] == [
        "   1  thread 1    find_get_page(): found, count 1 -> 2",
        "   2  thread 2    lock_page()",
        "   3  thread 1    !PageLocked() && PageUptodate() &&",
    ]
    assert text.splitlines()[-1] == "                    <- bug1, stale_mapping"


def test_check_fits_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that it prints of one scope, its heading too; a schedule stays one word."""
    monkeypatch.setenv("COLUMNS", "80")
    done = CliRunner().invoke(main, ["check", "gang_lookup_mapcount"])
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\nreplay: 1-1-1-1-a-a-a-a-1-a\n" in done.stdout


def test_a_sentence_is_wrapped_behind_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Further lines are indented, and no hyphen is broken."""
    monkeypatch.setenv("COLUMNS", "20")
    assert wrapped("one two three use-after-free") == "one two three\n  use-after-free"
