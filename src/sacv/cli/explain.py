"""`sacv explain`: maps of images for the concepts of a bank."""

from __future__ import annotations

from dataclasses import replace
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
    skip_option,
    weak_option,
    window_option,
)
from sacv.cli.working import open_engine, unfinished, work_options

if TYPE_CHECKING:
    from sacv.maps import Explanation


@click.command("explain")
@click.option("--bank", "bank_folder", required=True, type=click.Path(path_type=Path), help="Folder of the bank.")
@click.option("--target", required=True, help="The class explained: its name, its index, or 'predicted'.")
@click.option("--model", "spec", help="As in 'sacv fit'; needed again where the model is the user's own code.")
@class_names_option
@window_option
@click.option("--method", default="default", show_default=True, help=f"How contribution is measured: {LEGAL}.")
@batch_size_option
@device_option
@work_options
@skip_option
@weak_option
@click.option("--no-checks", is_flag=True, help="Leave out the trust line of each image, which takes forward passes.")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write the explanation to.")
@json_option
@click.argument("images", nargs=-1, required=True, type=click.Path())
def explain_command(
    bank_folder: Path,
    target: str,
    spec: str | None,
    class_names: Path | None,
    window: str | None,
    method: str,
    batch_size: int | None,
    device: str,
    engine_name: str,
    workers: int | None,
    ray_address: str | None,
    fresh: bool,
    skip_unreadable: bool,
    allow_weak: bool,
    no_checks: bool,
    out: Path,
    as_json: bool,
    images: tuple[str, ...],
) -> None:
    """Tell where IMAGES (files or folders) show the bank's concepts, and how much each place contributes."""
    from sacv.cav import ConceptBank
    from sacv.maps import explain

    how = parse_method(method)
    bank = ConceptBank.load(bank_folder)
    model = open_bank_model(bank, spec, class_names, device, window)
    engine = open_engine(engine_name, workers, ray_address)
    with progress("explain") as advance, unfinished(out, fresh) as shards:
        found = explain(
            model,
            list(images),
            bank,
            target,
            method=how,
            batch_size=batch_size,
            checks=not no_checks,
            allow_weak=allow_weak,
            skip_unreadable=skip_unreadable,
            engine=engine,
            shards=shards,
            progress=advance,
        )
        found = replace(found, settings={**found.settings, "command": click.get_current_context().find_root().obj})
        found.save(out)
    if as_json:
        say_json({"out": str(out), **found.to_json()})
        return
    show_explanation(found)
    say(f"\nOpen {out / 'index.html'}")


def show_explanation(found: Explanation) -> None:
    """Print the scores of an explanation for people; of many images a choice."""
    rows = found.of(found.shown).scores().to_dict(orient="records")
    say_table(
        [
            "image",
            "layer",
            "concept",
            "target",
            "logit",
            "relevant",
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
        "\n'Present' is the share of places whose evidence exceeds what pictures without the concept reach anywhere."
        "\n'Beats chance' is the share of places whose relevance exceeds what CAVs of dealt labels reach (5 % "
        "family-wise);\n'taken out' is the change of the logit when the concept is removed where it is relevant."
    )
    if len(found.shown) < len(found.images):
        say(
            f"{len(found.shown)} of {len(found.images)} images are listed; scores.parquet has a row for each image, "
            "layer and concept."
        )
    for layer in found.layers:
        for concept in found.concepts:
            say(f"Mask of presence, {layer}, {concept}: {found.presence_told(layer, concept)}")
    for row in rows:
        if row.get("doubts"):
            say(f"Doubt {row['concept']!r} at {row['layer']} in {row['image']}: {row['doubts']}")
    for note in found.notes:
        say(note.text if note.layer is None else f"Layer {note.layer}: {note.text}")
    for entry in found.pictures.skipped:
        say(f"Left out, unreadable: {entry.reason}")


def _share(value: float | None) -> str:
    return "" if value is None or value != value else f"{value:.0%}"
