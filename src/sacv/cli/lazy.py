"""A group that imports a command only when it is called, so that the others do not slow down the start.

A command may come from another distribution, as an entry point of the group `sacv.commands`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any, NamedTuple

import click

from sacv.errors import MissingExtraError

ENTRY_POINTS = "sacv.commands"
"""The group of entry points in which another distribution names its commands."""


class Home(NamedTuple):
    """The location of a command, and its help before it is loaded."""

    module: str
    name: str
    """Dotted name of the module, and the name of the command in it."""
    help: str
    """The first sentence of the command's own help."""

    def load(self, command: str) -> click.Command:
        """Import the command."""
        found: click.Command = getattr(import_module(self.module), self.name)
        return found


class PlugIn(NamedTuple):
    """A command of another distribution, and its help before it is loaded."""

    distribution: str
    """Name of the distribution to install."""
    help: str
    """The first sentence of the command's own help."""

    def load(self, command: str) -> click.Command:
        """Load the command from its entry point; without one, return a command whose error names what to install."""
        found = tuple(entry_points(group=ENTRY_POINTS, name=command))
        if not found:
            return self._missing(command)
        loaded: click.Command = found[0].load()
        return loaded

    def _missing(self, command: str) -> click.Command:
        def refuse() -> None:
            raise MissingExtraError(
                f"sacv {command} needs the package {self.distribution}: pip install {self.distribution}"
            )

        whatever_is_given = {"ignore_unknown_options": True, "allow_extra_args": True}
        return click.Command(
            command, callback=refuse, help=self.help, context_settings=whatever_is_given, add_help_option=False
        )


class LazyGroup(click.Group):
    """A group that lists its commands without loading them.

    `homes` are the commands, by their names on the command line; the options are those of `click.Group`.
    """

    def __init__(self, *, homes: Mapping[str, Home | PlugIn], **options: Any) -> None:
        # click takes names from these outlines for its lists and for "Did you mean".
        outlines = {name: click.Command(name, help=home.help) for name, home in homes.items()}
        super().__init__(**options, commands=outlines)
        self.homes = homes

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; None if the name is unknown."""
        home = self.homes.get(cmd_name)
        return None if home is None else home.load(cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without loading them."""
        click.Group(commands=self.commands).format_commands(ctx, formatter)
