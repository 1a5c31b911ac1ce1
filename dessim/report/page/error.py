"""The error of a report."""


class ReportError(ValueError):
    """Results of which no report can be made."""
