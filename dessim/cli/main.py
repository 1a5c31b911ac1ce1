"""The `dessim` command and what all its commands share: errors and exit codes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any, NoReturn

import click
from click.exceptions import Exit

import dessim
from dessim.cli import streams
from dessim.cli.exit_codes import FAILED, INTERRUPTED, NOBODY_READS, USAGE
from dessim.errors import UserError, printable, told

NO_MEMORY = "not enough memory: free some, or raise its limit (`ulimit -v`)"


class Refused(click.ClickException):
    """A configuration that cannot be used: its message is complete already."""

    exit_code = USAGE

    def show(self, file: Any = None) -> None:
        """Print the message as it is."""
        click.echo(self.message, err=True)


class Failed(Refused):
    """What was asked for is right, but the disk has no room for it."""

    exit_code = FAILED


def _refused(error: OSError) -> Refused:
    from dessim.files.writing import NOT_TAKEN, remedy

    streams.give_up()
    if streams.was_printing(error):
        return Failed(f"error: standard output: {error.strerror}")
    if error.errno in NOT_TAKEN:
        how = f"{remedy(error)}, or choose another place, and repeat it"
        return Failed(f"error: {told(error)}; no file is half-written: {how}")
    if isinstance(error, FileNotFoundError) and not _is_somewhere():
        return Refused("error: the current folder is gone: go to one that exists")
    return Refused(printable(f"error: {told(error)}"))


def _is_somewhere() -> bool:
    try:
        return bool(os.getcwd())
    except FileNotFoundError:
        return False


@contextmanager
def _told() -> Iterator[None]:
    """Turn errors into one message and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        _stop()
    except Exception as error:
        if streams.is_of_interrupt(error):
            _stop()
        answer = _answer_to(error)
        if answer is None:
            raise
        raise answer from error


def _stop() -> NoReturn:
    click.echo("interrupted", err=True)
    raise Exit(INTERRUPTED) from None


def _answer_to(error: Exception) -> Exception | None:
    """What to end with because of an error; None if it is not to be explained here."""
    if isinstance(error, UserError):
        return Refused(error.message())
    if isinstance(error, OSError):
        if streams.is_broken_pipe(error):
            streams.give_up()
            return Exit(NOBODY_READS)
        return _refused(error)
    if isinstance(error, MemoryError | ImportError) and _lacks_memory(error):
        return Failed(f"error: {NO_MEMORY}")
    return None


def _lacks_memory(error: Exception) -> bool:
    """Whether memory is what an error is about; libraries that do not fit are not imported."""
    words = ("cannot allocate", "failed to map")
    return isinstance(error, MemoryError) or any(word in str(error).lower() for word in words)


COMMANDS = {
    "run": "run.run",
    "list": "show.list_command",
    "show": "show.show",
    "schema": "show.schema",
    "figure": "figure.figure",
    "report": "report.report",
    "compare": "compare.compare",
    "status": "store.status",
    "clean": "store.clean",
    "export": "store.export",
    "validate": "validate.validate",
    "calibrate": "calibrate.calibrate",
    "predict": "predict.predict",
    "explain": "explain.explain",
    "trace": "trace.trace",
    "check": "check.check",
    "machine": "machine.machine",
    "measure": "measure.measure",
    "import": "import_trace.import_trace",
}
"""Commands and where they are."""


class _Modules(Mapping[str, click.Command]):
    """The commands: the module of one is imported when it is asked for."""

    def __getitem__(self, name: str) -> click.Command:
        module, _, attribute = COMMANDS[name].partition(".")
        command: click.Command = getattr(import_module(f"dessim.cli.{module}"), attribute)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(COMMANDS)

    def __len__(self) -> int:
        return len(COMMANDS)


class Commands(click.Group):
    """A group that turns errors of the rooms below into one message and an exit code."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run the command line."""
        streams.prepare()
        with streams.interruptible():
            return super().main(*args, **settings)

    def make_context(self, *args: Any, **settings: Any) -> click.Context:
        """Read the options in front of a command; some print something and end."""
        with _told():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _told():
            result = super().invoke(ctx)
            streams.finish()
        return result


@click.group(
    cls=Commands, commands=_Modules(), context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(dessim.__version__, prog_name="dessim")
def main() -> None:
    """Simulate page-fault locking schemes on many-core machines.

    Start with `dessim run quickstart`. Results go to standard output, everything else to standard
    error. Exit codes: 0 success, 1 a run failed, 2 wrong usage or configuration, 130 interrupted,
    141 nobody reads the output any more.
    """
