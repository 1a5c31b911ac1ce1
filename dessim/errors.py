"""The one error that commands turn into a message: one that the user can fix."""


class UserError(ValueError):
    """An error that the user of dessim can fix: a name, a file, a setting.

    The message says what is wrong and, where possible, what to do. Any other exception that reaches
    the command line is a bug of dessim and shows its traceback.
    """

    def message(self) -> str:
        """Return the text that a command prints."""
        return f"error: {self}"
