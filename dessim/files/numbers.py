"""Numbers in texts that others wrote: `int` and `float` take more than any tool writes."""

from __future__ import annotations

MOST_DIGITS = 18


def whole(text: str, most_digits: int = MOST_DIGITS) -> int | None:
    """Return a whole number that is not negative; None if a text is none, or has more digits.

    `int` also takes underscores and digits of other scripts, and fails at 4,300 digits.
    """
    digits = text.strip()
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= most_digits):
        return None
    return int(digits)


def real(text: str) -> float:
    """Return a number, which need not be finite; `float` also takes underscores, and other digits.

    Raises
    ------
    ValueError
        If it is none.
    """
    if not text.isascii() or "_" in text:
        raise ValueError("not a number")
    return float(text)
