"""The one error that commands turn into a message: one that the user can fix."""


class UserError(ValueError):
    """An error that the user of dessim can fix: a name, a file, a setting.

    The message says what is wrong and, where possible, what to do. Any other exception that reaches
    the command line is a bug of dessim and shows its traceback.
    """

    def message(self) -> str:
        """Return the text that a command prints."""
        return printable(f"error: {self}")


def printable(text: str) -> str:
    """Return a text with escapes for all that does not print: it may quote what a file holds."""
    return "".join(c if c.isprintable() or c == "\n" else ascii(c)[1:-1] for c in text)
