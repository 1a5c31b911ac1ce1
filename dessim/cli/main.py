"""The `dessim` command and what all its commands share: errors and exit codes."""

from __future__ import annotations

from typing import Any

import click

import dessim
from dessim.cli import streams
from dessim.cli.calibrate import calibrate
from dessim.cli.check import check
from dessim.cli.compare import compare
from dessim.cli.exit_codes import FAILED, INTERRUPTED, NOBODY_READS, USAGE
from dessim.cli.explain import explain
from dessim.cli.figure import figure
from dessim.cli.import_trace import import_trace
from dessim.cli.predict import predict
from dessim.cli.report import report
from dessim.cli.run import run
from dessim.cli.show import list_command, schema, show
from dessim.cli.store import clean, export, status
from dessim.cli.trace import trace
from dessim.cli.validate import validate
from dessim.errors import UserError


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
        text = "nothing is half-written; make room, or choose another place, and repeat the command"
        return Failed(f"error: {error}; {text}")
    return Refused(f"error: {error}")


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


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(dessim.__version__, prog_name="dessim")
def main() -> None:
    """Simulate page-fault locking schemes on many-core machines.

    `dessim run quickstart` is a good beginning. Results go to standard output, everything else to
    standard error. Exit code 0: fine; 1: a run failed; 2: wrong usage or configuration;
    130: interrupted; 141: nobody reads the output any more.
    """


for command in (
    *(run, list_command, show, schema, figure, report, compare, status, clean, export),
    *(validate, calibrate, predict, explain, trace, check, import_trace),
):
    main.add_command(command)
