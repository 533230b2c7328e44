"""`sacv explain`: maps of images for the concepts of a bank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sacv.cli.console import progress, say, say_json
from sacv.cli.explanation_card import show_explanation
from sacv.cli.methods import LEGAL, parse_method
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
    within_option,
)
from sacv.cli.table import images_of, require_images, table_options
from sacv.cli.targets import against_option, output_option, parse_targets
from sacv.cli.working import open_engine, unfinished, work_options

if TYPE_CHECKING:
    from sacv.maps import Explanation, Explanations


@click.command("explain")
@click.option("--bank", "bank_folder", required=True, type=click.Path(path_type=Path), help="Folder of the bank.")
@click.option(
    "--target",
    "targets",
    required=True,
    multiple=True,
    help="The class to explain: its name, its index, or 'predicted'. May be repeated; each has a folder in OUT, from "
    "one pass over the images.",
)
@against_option
@click.option("--model", "spec", help="As in 'sacv fit'. Needed if the model is your own code.")
@class_names_option
@output_option
@window_option
@precision_option
@click.option("--method", default="default", show_default=True, help=f"How contribution is measured: {LEGAL}.")
@batch_size_option
@device_option
@work_options
@within_option
@skip_option
@weak_option
@click.option(
    "--no-checks", is_flag=True, help="Skip the reliability checks of each image, which need further forward passes."
)
@click.option(
    "--png",
    "as_png",
    is_flag=True,
    help="Also write the maps of the listed images as PNG files, each with its legend, to OUT/png.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write the explanation to.")
@json_option
@table_options
@click.argument("images", nargs=-1, type=click.Path())
def explain_command(
    bank_folder: Path,
    targets: tuple[str, ...],
    against: str | None,
    spec: str | None,
    class_names: Path | None,
    output: str | None,
    window: str | None,
    precision: str | None,
    method: str,
    batch_size: int | None,
    device: str,
    engine_name: str,
    workers: int | None,
    ray_address: str | None,
    fresh: bool,
    within: str | None,
    skip_unreadable: bool,
    allow_weak: bool,
    no_checks: bool,
    as_png: bool,
    out: Path,
    as_json: bool,
    table_file: Path | None,
    table_images: Path | None,
    key: str | None,
    rows: tuple[str, ...],
    images: tuple[str, ...],
) -> None:
    """Show where IMAGES (files or folders) show the bank's concepts, and how much each location contributes."""
    from sacv.cav import ConceptBank
    from sacv.maps import Explanation, explain

    chosen, explained = parse_method(method), parse_targets(targets, against)
    require_images(images, table_file)
    bank = ConceptBank.load(bank_folder)
    model = open_bank_model(bank, spec, class_names, device, window, output, precision)
    shown = images_of(images, table_file, table_images, key, rows, skip_unreadable=skip_unreadable, window=model.window)
    engine = open_engine(engine_name, workers, ray_address)
    with progress("explain") as advance, unfinished(out, fresh) as shards:
        found = explain(
            model,
            shown,
            bank,
            explained[0] if len(explained) == 1 else explained,
            method=chosen,
            batch_size=batch_size,
            checks=not no_checks,
            allow_weak=allow_weak,
            within=within,
            skip_unreadable=skip_unreadable,
            engine=engine,
            shards=shards,
            progress=advance,
        )
        found.with_command(click.get_current_context().find_root().obj).save(out)
    if as_png:
        write_overlays(found, out)
    if as_json:
        each = {} if isinstance(found, Explanation) else {"explanations": [one.to_json() for one in found.values()]}
        say_json({"out": str(out), **found.to_json(), **each})
        return
    if isinstance(found, Explanation):
        show_explanation(found)
    else:
        for name, one in found.items():
            say(f"\n{name}\n")
            show_explanation(one)
    say(f"\nReport: {out / 'index.html'} (all figures: {out / 'scores.parquet'})")


def write_overlays(found: Explanation | Explanations, out: Path) -> None:
    """Write the maps as PNG files: to OUT/png, or to the folder of each target."""
    from sacv.maps import Explanation
    from sacv.maps.figure import write_pngs

    if isinstance(found, Explanation):
        write_pngs(found, out / "png")
        return
    for target, folder in found.folders().items():
        write_pngs(found[target], out / folder / "png")
