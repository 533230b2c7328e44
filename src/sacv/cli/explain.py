"""`sacv explain`: maps of images for the concepts of a bank."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sacv.cli.console import progress, say, say_json, say_table
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
from sacv.cli.table import pictures_of, require_pictures, table_options
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
    help="The class explained: its name, its index, or 'predicted'. May be repeated: a folder of OUT for each, in one "
    "pass over the images.",
)
@against_option
@click.option("--model", "spec", help="As in 'sacv fit'; needed again where the model is the user's own code.")
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
@click.option("--no-checks", is_flag=True, help="Leave out the trust line of each image, which takes forward passes.")
@click.option(
    "--png",
    "as_png",
    is_flag=True,
    help="Write the maps of the images listed as pictures too, each with its legend, to OUT/png.",
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
    pictures: Path | None,
    key: str | None,
    rows: tuple[str, ...],
    images: tuple[str, ...],
) -> None:
    """Tell where IMAGES (files or folders) show the bank's concepts, and how much each place contributes."""
    from sacv.cav import ConceptBank
    from sacv.maps import Explanation, explain

    how, asked = parse_method(method), parse_targets(targets, against)
    require_pictures(images, table_file)
    bank = ConceptBank.load(bank_folder)
    model = open_bank_model(bank, spec, class_names, device, window, output, precision)
    shown = pictures_of(images, table_file, pictures, key, rows, skip_unreadable=skip_unreadable, window=model.window)
    engine = open_engine(engine_name, workers, ray_address)
    with progress("explain") as advance, unfinished(out, fresh) as shards:
        found = explain(
            model,
            shown,
            bank,
            asked[0] if len(asked) == 1 else asked,
            method=how,
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
    say(f"\nOpen {out / 'index.html'}")


def write_overlays(found: Explanation | Explanations, out: Path) -> None:
    """Write the maps as pictures: to OUT/png, or of several targets to the folder of each."""
    from sacv.maps import Explanation
    from sacv.maps.figure import write_pngs

    if isinstance(found, Explanation):
        write_pngs(found, out / "png")
        return
    for target, folder in found.folders().items():
        write_pngs(found[target], out / folder / "png")


def show_explanation(found: Explanation) -> None:
    """Print the scores of an explanation for people; of many images a choice."""
    from sacv.maps.tables import image_p_told

    rows = found.of(found.shown).scores().to_dict(orient="records")
    say_table(
        [
            "image",
            "layer",
            "concept",
            "target",
            "logit",
            "relevant",
            "image score",
            "image p",
            "present",
            "beats chance",
            "SACV score",
            "+",
            "-",
            "taken out",
        ],
        [
            {
                "image": row["image"],
                "layer": row["layer"],
                "concept": f"{row['concept']} (weak)" if row["weak"] else row["concept"],
                "target": row["target"],
                "logit": row["logit"],
                "relevant": f"{row['relevant']:.0%}",
                "image score": row["image_score"],
                "image p": image_p_told(row),
                "present": _share(row.get("present")),
                "beats chance": _share(row.get("relevance_significant")),
                "SACV score": row["sacv_score"],
                "+": row["sacv_positive"],
                "-": row["sacv_negative"],
                "taken out": "" if found.checks is None else f"{row['ablation']:+.3g}",
            }
            for row in rows
        ],
    )
    say(
        f"\nContributions are in {found.settings['method']['unit']}; the SACV score sums them where the concept is "
        "relevant."
        "\nThe image score is the greatest evidence anywhere, and 'image p' how likely a picture without the concept "
        "reaches as far."
        "\n'Present' is the share of places whose evidence exceeds what pictures without the concept reach anywhere."
        "\n'Beats chance' is the share of places whose relevance exceeds what CAVs of dealt labels reach (5 % "
        f"family-wise);\n'taken out' is the change of {found.value} when the concept is removed where it is relevant."
    )
    if len(found.shown) < len(found.images):
        say(
            f"{len(found.shown)} of {len(found.images)} images are listed; scores.parquet has a row for each image, "
            "layer and concept."
        )
    for layer in found.layers:
        for concept in found.concepts:
            say(f"Mask of presence, {layer}, {concept}: {found.presence_told(layer, concept)}")
    if found.within is not None:
        for layer in found.layers:
            for concept in found.concepts:
                say(f"Within masks, {layer}, {concept}: {found.within.told(layer, concept)}")
    for row in rows:
        if row.get("doubts"):
            say(f"Doubt {row['concept']!r} at {row['layer']} in {row['image']}: {row['doubts']}")
    for note in found.notes:
        say(note.text if note.layer is None else f"Layer {note.layer}: {note.text}")
    for entry in found.pictures.skipped:
        say(f"Left out, unreadable: {entry.reason}")


def _share(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.0%}"
