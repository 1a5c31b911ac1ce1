"""The command line, as click describes it."""

import click

from dessim.cli import main

from .markdown import block, escape

WIDTH = 100


def page() -> str:
    """Every command with its arguments and options."""
    context = click.Context(main, info_name="dessim", terminal_width=WIDTH)
    parts = [
        "# Commands\n",
        "What `dessim COMMAND --help` prints. Exit codes of all: 0 fine; 1 a run failed or a check "
        "found something; 2 wrong usage or configuration; 130 interrupted.\n",
        "With `--format json` a command prints one document that scripts can rely on; results go to "
        "standard output, everything else to standard error.\n",
    ]
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command is not None
        own = click.Context(command, info_name=name, parent=context, terminal_width=WIDTH)
        parts += [f"## dessim {name}\n", escape(command.get_short_help_str(300)) + "\n"]
        parts.append(block(command.get_help(own)))
        if isinstance(command, click.Group):
            for word in command.list_commands(own):
                below = command.get_command(own, word)
                assert below is not None
                inner = click.Context(below, info_name=word, parent=own, terminal_width=WIDTH)
                parts += [f"### dessim {name} {word}\n", block(below.get_help(inner))]
    return "\n".join(parts)
