"""The one error that commands turn into a message: what its reader can put right."""


class UserError(ValueError):
    """Something that whoever uses dessim can do something about: a name, a file, a setting.

    Its message says what is wrong and, where it can, what to do. Any other exception that reaches
    the command line is a bug of dessim and shows its traceback.
    """

    def message(self) -> str:
        """Return the text that a command prints."""
        return f"error: {self}"
