"""Exit codes of the commands."""

OK, FAILED, USAGE, INTERRUPTED, NOBODY_READS = 0, 1, 2, 130, 141
