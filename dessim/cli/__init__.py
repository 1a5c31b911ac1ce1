"""The command line. What a command needs is imported when it runs: `--help` answers at once."""

from dessim.cli.main import main

__all__ = ["main"]
