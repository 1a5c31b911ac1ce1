"""A name and its text: wrapped behind the name on a terminal, one line in a pipe or a file."""

import shutil
import sys
import textwrap

NARROWEST = 20
"""Columns below which text behind a name is not wrapped."""


def hanging(head: str, text: str) -> str:
    """Return a name and its text for standard output.

    Parameters
    ----------
    head : str
        The name, with its indent and the blanks that follow it.
    text : str
        One line. It is wrapped to the width of the terminal, where there is one.
    """
    columns = shutil.get_terminal_size().columns
    if not sys.stdout.isatty() or columns < len(head) + NARROWEST:
        return f"{head}{text}".rstrip()
    lines = textwrap.wrap(text, columns - len(head), break_on_hyphens=False)  # names have hyphens
    return head + ("\n" + " " * len(head)).join(lines)
