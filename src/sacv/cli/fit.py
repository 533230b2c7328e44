"""`sacv fit`: from folders of guidance images to a concept bank."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from sacv.cav import ConceptBank, fit
from sacv.cli.console import progress, say, say_json, say_table
from sacv.cli.options import (
    SOLVERS,
    batch_size_option,
    device_option,
    json_option,
    model_options,
    open_model,
    parse_concepts,
    seed_option,
    skip_option,
)


@click.command("fit")
@model_options
@click.option("--layer", "layers", multiple=True, required=True, help="Dotted name of a layer; may be repeated.")
@click.option(
    "--concept",
    "concepts",
    multiple=True,
    required=True,
    metavar="NAME=DIR",
    help="A concept and the folder of images that show it all over; may be repeated.",
)
@click.option(
    "--random",
    multiple=True,
    required=True,
    type=click.Path(),
    metavar="DIR",
    help="A folder of images that do not show the concepts; several are one pool.",
)
@click.option("--solver", type=click.Choice(sorted(SOLVERS)), default="mean-difference", show_default=True, help="How.")
@click.option(
    "--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Folds of the held-out figures."
)
@seed_option
@batch_size_option
@device_option
@skip_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write the bank to.")
@json_option
def fit_command(
    spec: str,
    class_names: Path | None,
    resize: str | None,
    crop: int | None,
    layers: tuple[str, ...],
    concepts: tuple[str, ...],
    random: tuple[str, ...],
    solver: str,
    folds: int,
    seed: int,
    batch_size: int,
    device: str,
    skip_unreadable: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Find the direction of every concept at every layer, and keep them in a bank."""
    named = parse_concepts(concepts)
    model = open_model(spec, class_names, resize, crop, device)
    with progress("fit") as advance:
        bank = fit(
            model,
            layers,
            named,
            list(random),
            solver=SOLVERS[solver](),
            folds=folds,
            seed=seed,
            batch_size=batch_size,
            skip_unreadable=skip_unreadable,
            progress=advance,
        )
    bank.save(out)
    if as_json:
        say_json({"bank": str(out), **summary(bank)})
        return
    show_bank(bank)
    say(f"\nThe bank is in {out}")


def summary(bank: ConceptBank) -> dict[str, Any]:
    """Give the figures of a bank for machines."""
    return {
        "cavs": [
            {
                "layer": cav.layer,
                "concept": cav.concept,
                "threshold": cav.threshold,
                "quality": asdict(cav.quality),
            }
            for cav in bank.cavs
        ],
        "skipped": [{"name": name, "reason": reason} for entry in bank.sets for name, reason in entry.skipped],
        "repeats": [{"left_out": name, "kept": kept} for entry in bank.sets for name, kept in entry.repeats],
    }


def show_bank(bank: ConceptBank) -> None:
    """Print the figures of a bank for people."""
    say("Told from random on held-out images (accuracy is balanced; chance is 0.5):\n")
    say_table(
        ["layer", "concept", "images", "random", "accuracy", "AUROC", "image accuracy", "image AUROC"],
        [
            {
                "layer": cav.layer,
                "concept": cav.concept,
                "images": cav.quality.images,
                "random": cav.quality.random_images,
                "accuracy": f"{cav.quality.accuracy:.3f}",
                "AUROC": f"{cav.quality.auroc:.3f}",
                "image accuracy": f"{cav.quality.image_accuracy:.3f}",
                "image AUROC": f"{cav.quality.image_auroc:.3f}",
            }
            for cav in bank.cavs
        ],
    )
    for entry in bank.sets:
        for _, reason in entry.skipped:
            say(f"Left out, unreadable: {reason}")
        for name, kept in entry.repeats:
            say(f"Left out, the same image as {kept}: {name}")
