"""`sacv fit`: from folders of guidance images and marked regions to a concept bank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from sacv.cav import CAV, ConceptBank, fit
from sacv.cli.console import progress, say, say_json, say_table
from sacv.cli.options import (
    batch_size_option,
    device_option,
    json_option,
    model_options,
    open_model,
    parse_concepts,
    parse_regions,
    seed_option,
    skip_option,
)
from sacv.cli.solvers import LEGAL, parse_solver
from sacv.errors import OptionError

REMARKABLE_LOOKS = 0.9
REMARKABLE_COSINE = 0.7


@click.command("fit")
@model_options
@click.option("--layer", "layers", multiple=True, required=True, help="Dotted name of a layer; may be repeated.")
@click.option(
    "--concept",
    "concepts",
    multiple=True,
    metavar="NAME=DIR",
    help="A concept and the folder of images that show it all over; may be repeated.",
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="NAME=IMAGES:MASKS",
    help="A concept that is marked on photos; may be repeated. IMAGES is a folder or a file; MASKS a folder of mask "
    "images of the same file names, one such image, or a COCO file.json, of which file.json:CATEGORY takes one "
    "category.",
)
@click.option(
    "--random",
    multiple=True,
    type=click.Path(),
    metavar="DIR",
    help="A folder of images that do not show the concepts; several are one pool.",
)
@click.option("--rest", is_flag=True, help="Take what is not marked of the region photos into the random set too.")
@click.option(
    "--absent",
    multiple=True,
    type=click.Path(),
    metavar="DIR",
    help="A folder of 19 or more pictures, like those to be explained, that show none of the concepts: they calibrate "
    "the mask of presence and are used for nothing else. May be repeated. [default: held out of 80 random images or "
    "more]",
)
@click.option(
    "--solver",
    default="smooth/mean-difference:0.8",
    show_default=True,
    help=f"How a direction is found: {LEGAL}, on activations divided by their length, and averaged over neighbours. "
    "The value of mean-difference is the shrinkage of the detector that reads relevance.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    help="Random runs: CAVs of each concept against the random set, then random halves of it. "
    "[default: 20; 5 for logistic and linear-svm]",
)
@click.option(
    "--nulls",
    type=click.IntRange(min=0),
    help="CAVs of random images against random images, which say what chance does. "
    "[default: 199; 19 for logistic and linear-svm]",
)
@click.option(
    "--folds", type=click.IntRange(min=2), default=5, show_default=True, help="Folds of the held-out figures."
)
@click.option(
    "--locations",
    type=click.IntRange(min=1),
    default=32,
    show_default=True,
    help="Locations sampled from each image.",
)
@seed_option
@batch_size_option
@device_option
@skip_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write the bank to.")
@json_option
def fit_command(
    spec: str,
    weights: str | None,
    class_names: Path | None,
    resize: str | None,
    crop: int | None,
    layouts: tuple[str, ...],
    layers: tuple[str, ...],
    concepts: tuple[str, ...],
    regions: tuple[str, ...],
    random: tuple[str, ...],
    rest: bool,
    absent: tuple[str, ...],
    solver: str,
    runs: int | None,
    nulls: int | None,
    folds: int,
    locations: int,
    seed: int,
    batch_size: int | None,
    device: str,
    skip_unreadable: bool,
    out: Path,
    as_json: bool,
) -> None:
    """Find the direction of every concept at every layer, and keep them in a bank."""
    named, marked, how = parse_concepts(concepts), parse_regions(regions), parse_solver(solver)
    if not (named or marked):
        raise OptionError("no concept is given; give --concept NAME=DIR or --region NAME=IMAGES:MASKS")
    if rest and not marked:
        raise OptionError("--rest takes what is not marked of region photos; give --region NAME=IMAGES:MASKS")
    if not (random or rest):
        instead = ", or --rest for what is not marked of the region photos" if marked else ""
        raise OptionError(f"no random images are given; give --random DIR{instead}")
    model = open_model(spec, weights, class_names, resize, crop, layouts, device)
    with progress("fit") as advance:
        bank = fit(
            model,
            layers,
            named,
            list(random),
            regions=marked,
            rest=rest,
            absent=list(absent) or None,
            solver=how,
            runs=runs,
            nulls=nulls,
            folds=folds,
            locations=locations,
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
    sets = (*bank.sets, bank.absent)
    return {
        "cavs": [
            {
                "layer": cav.layer,
                "concept": cav.concept,
                "threshold": cav.threshold,
                "presence": {
                    "threshold": cav.presence.threshold,
                    "pictures": len(cav.presence),
                    "kind": cav.presence.kind,
                },
                "quality": asdict(cav.quality),
            }
            for cav in bank.cavs
        ],
        "skipped": [{"name": name, "reason": reason} for entry in sets for name, reason in entry.skipped],
        "repeats": [{"left_out": name, "kept": kept} for entry in sets for name, kept in entry.repeats],
    }


def show_bank(bank: ConceptBank) -> None:
    """Print the figures of a bank for people."""
    say("Told from random on held-out images, with 95 % intervals (accuracy is balanced; chance is 0.5):\n")
    say_table(
        ["layer", "concept", "images", "random", "accuracy", "AUROC", "image AUROC", "run cosine"],
        [
            {
                "layer": cav.layer,
                "concept": cav.concept,
                "images": cav.quality.images,
                "random": cav.quality.random_images,
                "accuracy": _with_interval(cav.quality.accuracy, cav.quality.accuracy_interval),
                "AUROC": _with_interval(cav.quality.auroc, cav.quality.auroc_interval),
                "image AUROC": f"{cav.quality.image_auroc:.3f}",
                "run cosine": "-" if cav.quality.run_cosine is None else f"{cav.quality.run_cosine:.3f}",
            }
            for cav in bank.cavs
        ],
    )
    say()
    for text, where in presence_told(bank).items():
        say(f"Mask of presence, {where}: {text}")
    told = [f"{cav.layer}, {cav.concept}: {remark}" for cav in bank.cavs for remark in remarks(cav)]
    if told:
        say("\n" + "\n".join(told))
    for entry in (*bank.sets, bank.absent):
        for _, reason in entry.skipped:
            say(f"Left out, unreadable: {reason}")
        for name, kept in entry.repeats:
            say(f"Left out, the same image as {kept}: {name}")


def presence_told(bank: ConceptBank) -> dict[str, str]:
    """Tell what the masks of presence are calibrated on, and where; all, if they are alike."""
    found: dict[str, list[str]] = {}
    for cav in bank.cavs:
        found.setdefault(cav.presence.told, []).append(f"{cav.layer}, {cav.concept}")
    return {text: "all" if len(found) == 1 else "; ".join(where) for text, where in found.items()}


def remarks(cav: CAV) -> Iterator[str]:
    """Tell what is remarkable about a CAV, each with its figure and what it means."""
    for name, area in cav.quality.looks_auroc.items():
        if area > REMARKABLE_LOOKS:
            yield (
                f"{name} alone tells the sets apart (AUROC {area:.2f}), so that the CAV may stand for it; "
                "take random images that do not differ in it"
            )
    absent = cav.quality.absent
    if absent:
        more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
        many = "1 image" if len(absent) == 1 else f"{len(absent)} images"
        score = "scores" if len(absent) == 1 else "score"
        yield f"{many} of {cav.concept!r} {score} below the median random image: {', '.join(absent[:5])}{more}"
    for other, cosine in cav.quality.cosine.items():
        if abs(cosine) > REMARKABLE_COSINE:
            meaning = "hardly tells the two apart" if cosine > 0 else "takes one for the opposite of the other"
            yield f"the cosine with {other!r} is {cosine:.2f}: this layer {meaning}"


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.3f} ({interval[0]:.2f}-{interval[1]:.2f})"
