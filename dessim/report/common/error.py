"""The error of stored results."""


class ReportError(ValueError):
    """Files that are no results as `dessim run` writes them."""
