"""`sacv search`: the locations, in any number of images, that show the concepts of a bank most."""

from __future__ import annotations

import re
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
    from sacv.index import Like, SearchResult
    from sacv.index.top import Match

PRINTED = 5
"""Images of each list that are printed."""


@click.command("search")
@click.option("--bank", "bank_folder", required=True, type=click.Path(path_type=Path), help="Folder of the bank.")
@click.option("--model", "spec", help="As in 'sacv fit'. Needed if the model is your own code.")
@class_names_option
@click.option(
    "--top", type=click.IntRange(min=1), default=50, show_default=True, help="Images listed for a concept and layer."
)
@click.option(
    "--per-image", type=click.IntRange(min=1), default=3, show_default=True, help="Locations listed for an image."
)
@click.option(
    "--like",
    "likes",
    multiple=True,
    metavar="IMAGE[:x,y]",
    help="Find also the locations most similar to a location of IMAGE: x and y in its pixels, by default its centre; "
    "may be repeated.",
)
@click.option(
    "--layer", help="Layer at which --like compares activations. [default: the layer advised for locating concepts]"
)
@batch_size_option
@device_option
@window_option
@precision_option
@work_options
@skip_option
@weak_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write the results to.")
@json_option
@click.argument("images", nargs=-1, required=True, type=click.Path())
def search_command(
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
    """Find the locations of IMAGES (files or folders, any number) that show the bank's concepts most."""
    from sacv.cav import ConceptBank
    from sacv.index import search

    bank = ConceptBank.load(bank_folder)
    model = open_bank_model(bank, spec, class_names, device, window, precision=precision)
    engine = open_engine(engine_name, workers, ray_address)
    command = click.get_current_context().find_root().obj
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
    say(f"\nReport: {out / 'index.html'} (lists: {out / 'locations.parquet'}; each image: {out / 'images.parquet'})")


def parse_like(text: str) -> Like:
    """Parse `IMAGE` or `IMAGE:x,y`; the path may contain a colon."""
    from sacv.index import Like

    parts = re.fullmatch(r"(.+):(\d+(?:\.\d+)?),(\d+(?:\.\d+)?)", text)
    if parts is None or Path(text).exists():
        return Like(text)
    return Like(parts[1], (float(parts[2]), float(parts[3])))


def show_found(found: SearchResult) -> None:
    """Print the first entries of the lists for people."""
    from sacv.report.display import counted

    layer = found.ranked[0]
    lists = {concept: found.best[layer, concept].matches for concept in found.bank.concepts}
    say(
        f"{counted(found.count, 'image')} searched. The strongest at {layer}, the layer advised for locating "
        f"concepts:\n"
    )
    say_table(
        ["concept", "rank", "relevance", "present", "location", "image"],
        [
            {
                "concept": concept,
                "rank": number,
                "relevance": match.locations[0].value,
                "present": {True: "yes", False: "no", None: ""}[match.locations[0].present],
                **_where(match),
            }
            for concept, matches in lists.items()
            for number, match in enumerate(matches[:PRINTED], start=1)
        ],
    )
    for query, top in found.alike.items():
        say(f"\nMost similar to {query.name}, at {query.layer}:\n")
        say_table(
            ["rank", "cosine", "location", "image"],
            [
                {"rank": number, "cosine": match.locations[0].value, **_where(match)}
                for number, match in enumerate(top.matches[:PRINTED], start=1)
            ],
        )
    for note in found.notes:
        say(f"Warning: {note}")
    for entry in found.skipped:
        say(f"Left out, unreadable: {entry.reason}")


def _where(match: Match) -> dict[str, str]:
    return {"location": ", ".join(map(str, match.locations[0].location)), "image": match.item.name}
