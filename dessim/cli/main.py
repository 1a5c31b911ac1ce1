"""The `dessim` command and what all its commands share: errors and exit codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any

import click

import dessim
from dessim.cli import streams
from dessim.cli.exit_codes import FAILED, INTERRUPTED, NOBODY_READS, USAGE
from dessim.errors import UserError, printable, told


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
    from dessim.files.writing import NO_ROOM

    if error.errno in NO_ROOM:
        text = "no file is half-written: free some space, or choose another place, and repeat it"
        return Failed(f"error: {told(error)}; {text}")
    return Refused(printable(f"error: {told(error)}"))


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

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            result = super().invoke(ctx)
            streams.finish()
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            ctx.exit(INTERRUPTED)
        except UserError as error:
            raise Refused(error.message()) from error
        except OSError as error:
            if streams.is_broken_pipe(error):
                streams.give_up()
                ctx.exit(NOBODY_READS)
            streams.give_up()
            raise _refused(error) from error
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
