"""An error that a person can put right is one class; every other one is a bug and shows itself."""

import ast
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dessim.cli.main import Commands
from dessim.errors import UserError
from dessim.model.errors import ConfigError, Place, Problem, Source

ROOT = Path(__file__).parents[2]
CAUGHT_INSIDE = {"SweepError", "DamagedRunError", "OperationError", "BadFieldError", "BadRowError"}
"""ValueErrors that no user meets: they are caught in their room, or refuse a row of our own."""


def test_refusals_are_user_errors():
    """A class of error that says what somebody got wrong derives from UserError."""
    plain = {
        node.name
        for path in (ROOT / "dessim").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        and {ast.unparse(base) for base in node.bases} & {"ValueError", "KeyError", "LookupError"}
    }
    assert plain == {"UserError", *CAUGHT_INSIDE}


def outcome(error):
    """Run a command that raises an error."""

    @click.group(cls=Commands)
    def group():
        """Hold one command."""

    @group.command()
    def fail():
        raise error

    return CliRunner().invoke(group, ["fail"])


@pytest.mark.parametrize("kind", [UserError, OSError])
def test_what_a_user_can_put_right_is_one_line(kind):
    """Exit code 2 and the message, without a traceback."""
    done = outcome(kind("no such thing"))
    assert (done.exit_code, done.stderr) == (2, "error: no such thing\n")


def test_problems_of_a_configuration_are_told_as_they_are():
    """Each begins with its place: no second `error:` stands before them."""
    done = outcome(ConfigError([Problem(Place(Source("a.yaml")), "it is empty")]))
    assert (done.exit_code, done.stderr) == (2, "a.yaml: error: it is empty\n")


@pytest.mark.parametrize("kind", [ValueError, KeyError, RuntimeError])
def test_a_bug_is_not_hidden(kind):
    """Any other exception comes through as it is."""
    done = outcome(kind("a bug"))
    assert isinstance(done.exception, kind)
    assert not isinstance(done.exception, UserError)
