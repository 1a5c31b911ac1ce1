"""Words and numbers of messages: one of a thing, several, and what `int` and `float` also take."""

from __future__ import annotations

import pytest

from dessim.errors import counted
from dessim.files.numbers import real, whole


@pytest.mark.parametrize(
    ("n", "noun", "text"),
    [
        (1, "run", "1 run"),
        (0, "run", "0 runs"),
        (2, "process", "2 processes"),
        (32, "category", "32 categories"),
        (2, "day", "2 days"),
        (8000, "whole run", "8,000 whole runs"),
    ],
)
def test_things_are_counted_in_words(n: int, noun: str, text: str) -> None:
    """Only one is one."""
    assert counted(n, noun) == text


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1_0", "\u0663", "\u00b2", "1.0", "0x1", "1" * 19]
)
def test_only_plain_digits_are_a_whole_number(text: str) -> None:
    """However long the text is."""
    assert whole(text) is None
    assert whole(" 0012 ") == 12
    assert whole("1" * 5000) is None


@pytest.mark.parametrize("text", ["", "x", "1_0", "\u0663"])
def test_a_number_is_written_in_plain_digits(text: str) -> None:
    """With sign, decimals and exponent."""
    with pytest.raises(ValueError, match=r"not a number|could not convert"):
        real(text)
    assert real(" -1.5e3 ") == -1500
