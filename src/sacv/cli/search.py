"""`sacv search`: where any number of images show the concepts of a bank most, or resemble a place of a picture."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sacv.cli.console import progress, say, say_json, say_table
from sacv.cli.options import (
    batch_size_option,
    class_names_option,
    device_option,
    json_option,
    open_bank_model,
    precision_option,
    skip_option,
    weak_option,
    window_option,
)
from sacv.cli.working import open_engine, unfinished, work_options

if TYPE_CHECKING:
    from sacv.index import Found, Like

PRINTED = 5
"""Images of each list that are printed."""

ARGUMENTS = "sacv.arguments"
"""Where the command line is noted."""


class _Noting(click.Command):
    """A command that notes its command line, to be recorded."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[ARGUMENTS] = tuple(args)
        return super().parse_args(ctx, args)


@click.command("search", cls=_Noting)
@click.option("--bank", "bank_folder", required=True, type=click.Path(path_type=Path), help="Folder of the bank.")
@click.option("--model", "spec", help="As in 'sacv fit'; needed again where the model is the user's own code.")
@class_names_option
@click.option(
    "--top", type=click.IntRange(min=1), default=50, show_default=True, help="Images listed for a concept and layer."
)
@click.option(
    "--per-image", type=click.IntRange(min=1), default=3, show_default=True, help="Places of an image that are listed."
)
@click.option(
    "--like",
    "likes",
    multiple=True,
    metavar="IMAGE[:x,y]",
    help="Find also what resembles a place of a picture: x and y in its pixels, or its middle; may be repeated.",
)
@click.option("--layer", help="Where --like compares activations; by default the layer that is best for place.")
@batch_size_option
@device_option
@window_option
@precision_option
@work_options
@skip_option
@weak_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write what is found to.")
@json_option
@click.argument("images", nargs=-1, required=True, type=click.Path())
@click.pass_context
def search_command(
    context: click.Context,
    bank_folder: Path,
    spec: str | None,
    class_names: Path | None,
    top: int,
    per_image: int,
    likes: tuple[str, ...],
    layer: str | None,
    batch_size: int | None,
    device: str,
    window: str | None,
    precision: str | None,
    engine_name: str,
    workers: int | None,
    ray_address: str | None,
    fresh: bool,
    skip_unreadable: bool,
    allow_weak: bool,
    out: Path,
    as_json: bool,
    images: tuple[str, ...],
) -> None:
    """Find the places of IMAGES (files or folders, any number) that show the bank's concepts most."""
    from sacv.cav import ConceptBank
    from sacv.index import search

    bank = ConceptBank.load(bank_folder)
    model = open_bank_model(bank, spec, class_names, device, window, precision=precision)
    engine = open_engine(engine_name, workers, ray_address)
    command = shlex.join(["sacv", "search", *context.meta[ARGUMENTS]])
    with progress("search") as advance, unfinished(out, fresh) as shards:
        found = search(
            model,
            list(images),
            bank,
            top=top,
            per_image=per_image,
            like=[parse_like(text) for text in likes],
            layer=layer,
            batch_size=batch_size,
            allow_weak=allow_weak,
            skip_unreadable=skip_unreadable,
            engine=engine,
            shards=shards,
            progress=advance,
        )
        found.save(out, command=command)
    if as_json:
        say_json({"out": str(out), **found.to_json(command)})
        return
    show_found(found)
    say(f"\nOpen {out / 'index.html'}; locations.parquet has the lists, images.parquet a row for each image")


def parse_like(text: str) -> Like:
    """Read `IMAGE` or `IMAGE:x,y`, where the path may hold a colon."""
    from sacv.index import Like

    parts = re.fullmatch(r"(.+):(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)", text)
    if parts is None or Path(text).exists():
        return Like(text)
    return Like(parts[1], (float(parts[2]), float(parts[3])))


def show_found(found: Found) -> None:
    """Print the beginning of the lists for people."""
    layer = found.ranked[0]
    rows = [
        {
            "concept": concept,
            "rank": number,
            "relevance": match.places[0].value,
            "present": {True: "yes", False: "no", None: ""}[match.places[0].present],
            "location": ", ".join(map(str, match.places[0].location)),
            "image": match.item.name,
        }
        for concept in found.bank.concepts
        for number, match in enumerate(found.best[layer, concept].matches[:PRINTED], start=1)
    ]
    say(f"{found.count} images. At {layer}, the layer that is best for place:")
    say_table(["concept", "rank", "relevance", "present", "location", "image"], rows)
    for query, top in found.alike.items():
        say(f"\nLike {query.name}, at {query.layer}:")
        say_table(
            ["rank", "cosine", "location", "image"],
            [
                {
                    "rank": number,
                    "cosine": match.places[0].value,
                    "location": ", ".join(map(str, match.places[0].location)),
                    "image": match.item.name,
                }
                for number, match in enumerate(top.matches[:PRINTED], start=1)
            ],
        )
    for note in found.notes:
        say(note)
    for entry in found.skipped:
        say(f"Left out, unreadable: {entry.reason}")
