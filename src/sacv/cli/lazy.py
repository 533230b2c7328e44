"""A group whose commands are loaded when they are called, so that what another command needs costs no start."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click


class Home(NamedTuple):
    """Where a command is, and what it says of itself before it is loaded.

    Parameters
    ----------
    module, name
        Dotted module, and the command's name there.
    help
        The first sentence of the command's own help.
    """

    module: str
    name: str
    help: str


class LazyGroup(click.Group):
    """A group that lists its commands without loading them.

    Parameters
    ----------
    homes
        Where each command is, by its name on the command line.
    options
        As of `click.Group`.
    """

    def __init__(self, *, homes: Mapping[str, Home], **options: Any) -> None:
        # Outlines hold the names, which click looks up for its lists and for "Did you mean".
        outlines = {name: click.Command(name, help=home.help) for name, home in homes.items()}
        super().__init__(**options, commands=outlines)
        self.homes = homes

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; none if there is none of that name."""
        if cmd_name not in self.homes:
            return None
        home = self.homes[cmd_name]
        command: click.Command = getattr(import_module(home.module), home.name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from their outlines."""
        click.Group(commands=self.commands).format_commands(ctx, formatter)
