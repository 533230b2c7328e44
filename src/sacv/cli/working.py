"""Options of commands that run a network over many images: who does the work, and how it goes on when interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sacv.errors import OptionError

if TYPE_CHECKING:
    from sacv.engine import Engine, ShardStore

Command = TypeVar("Command", bound=Callable[..., Any])


def work_options(command: Command) -> Command:
    """Add the options that say who does the work, and whether it begins anew."""
    for option in reversed(
        [
            click.option(
                "--engine",
                "engine_name",
                type=click.Choice(["local", "ray"]),
                default="local",
                show_default=True,
                help="Who runs the network: this process, or workers of Ray. The result is the same, byte for byte.",
            ),
            click.option(
                "--workers",
                type=click.IntRange(min=1),
                help="Workers of Ray; by default as many as its processors allow.",
            ),
            click.option(
                "--ray-address",
                metavar="ADDRESS",
                help="Of a running cluster, such as auto or ray://head:10001; by default workers run on this machine.",
            ),
            click.option(
                "--fresh",
                is_flag=True,
                help="Begin anew. Without it an interrupted run goes on from what it wrote to OUT.shards.",
            ),
        ]
    ):
        command = option(command)
    return command


def open_engine(name: str, workers: int | None, address: str | None) -> Engine:
    """Give the engine that the options name.

    Raises
    ------
    OptionError
        If an option of Ray is given without it.
    """
    from sacv.engine import LocalEngine, RayEngine

    if name == "ray":
        return RayEngine(address, workers)
    for option, value in (("--workers", workers), ("--ray-address", address)):
        if value is not None:
            raise OptionError(f"{option} {value} is for workers of Ray; give --engine ray as well")
    return LocalEngine()


@contextmanager
def unfinished(out: Path, fresh: bool) -> Iterator[ShardStore]:
    """Give the store of finished parts beside a result; it is removed when the result is written."""
    from sacv.engine import ShardStore

    store = ShardStore(out.parent / f"{out.name}.shards")
    if fresh:
        store.clear()
    elif count := len(store):
        parts = f"{count} finished part{'s' * (count != 1)}"
        click.echo(f"Going on from {parts} in {store.folder}; --fresh begins anew", err=True)
    with store:
        yield store
