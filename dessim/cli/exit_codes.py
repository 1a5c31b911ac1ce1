"""What a command tells whoever called it."""

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
