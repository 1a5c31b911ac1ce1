"""The one error that commands turn into a message, which the user can fix; words of messages."""

import errno

MAX_NAME = 200
"""Characters of a file's name that a message shows."""


class UserError(ValueError):
    """An error that the user of dessim can fix: a name, a file, a setting.

    The message says what is wrong and, where possible, what to do. Any other exception that reaches
    the command line is a bug of dessim and shows its traceback.
    """

    def message(self) -> str:
        """Return the text that a command prints."""
        return printable(f"error: {self}")


def told(error: OSError) -> str:
    """Return what an error of the operating system says, without its number."""
    what = error.strerror or str(error)
    name = error.filename2 or error.filename
    if error.errno == errno.ENAMETOOLONG:
        what = "this name is too long"
    if name is None:
        return what
    text = str(name)
    return f"{text if len(text) <= MAX_NAME else text[: MAX_NAME - 1] + '…'}: {what}"


def printable(text: str) -> str:
    """Return a text with escapes for all that does not print: it may quote what a file holds."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)


def plural(noun: str) -> str:
    """Return a noun in the plural: `runs`, `processes`, `categories`."""
    if noun.endswith("y") and noun[-2:-1] not in tuple("aeiou"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith("s") else f"{noun}s"


def counted(n: int, noun: str) -> str:
    """Return `1 run`, `8,000 runs`."""
    return f"{n:,} {noun if n == 1 else plural(noun)}"
