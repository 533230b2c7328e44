"""Options of commands that run a network over many images: the engine, and how interrupted work resumes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sacv.cli.options import together
from sacv.errors import OptionError

if TYPE_CHECKING:
    from sacv.engine import Engine, ShardStore


work_options = together(
    click.option(
        "--engine",
        "engine_name",
        type=click.Choice(["local", "ray"]),
        default="local",
        show_default=True,
        help="Where the network runs: in this process, or in Ray workers. The result is the same, byte for byte.",
    ),
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        help="Number of Ray workers. [default: as many as the processors allow]",
    ),
    click.option(
        "--ray-address",
        metavar="ADDRESS",
        help="Address of a running Ray cluster, such as auto or ray://head:10001. [default: start workers on "
        "this machine]",
    ),
    click.option(
        "--fresh",
        is_flag=True,
        help="Start again. Without it an interrupted run resumes from the shards in OUT.shards.",
    ),
)
"""The options for the engine, and for starting again."""


def open_engine(name: str, workers: int | None, address: str | None) -> Engine:
    """Return the engine that the options name."""
    from sacv.engine import LocalEngine, RayEngine

    if name == "ray":
        return RayEngine(address, workers)
    for option, value in (("--workers", workers), ("--ray-address", address)):
        if value is not None:
            raise OptionError(f"{option} {value} needs --engine ray")
    return LocalEngine()


@contextmanager
def unfinished(out: Path, fresh: bool) -> Iterator[ShardStore]:
    """Yield the store of finished shards next to a result; it is removed when the result is written."""
    from sacv.engine import ShardStore

    store = ShardStore(out.parent / f"{out.name}.shards")
    if fresh:
        store.clear()
    elif count := len(store):
        parts = f"{count} finished shard{'s' * (count != 1)}"
        click.echo(f"Resuming from {parts} in {store.folder}; --fresh starts again", err=True)
    with store:
        yield store
