"""`sacv fit`: from folders of guidance images and marked regions to a concept bank."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sacv.cli.console import progress, say, say_json, say_table
from sacv.cli.options import (
    batch_size_option,
    device_option,
    group_option,
    json_option,
    model_options,
    open_model,
    parse_concepts,
    parse_regions,
    precision_option,
    seed_option,
    skip_option,
    window_option,
    within_option,
)
from sacv.cli.solvers import LEGAL, parse_solver
from sacv.cli.table import concept_options, open_table, parse_columns, require_table, table_options
from sacv.cli.working import open_engine, unfinished, work_options
from sacv.errors import OptionError

if TYPE_CHECKING:
    from sacv.cav import CAV, ConceptBank, Quality
    from sacv.cav.context import BankContext
    from sacv.cav.image_scores import ImageScores
    from sacv.cav.sets import BankSet
    from sacv.cav.within import BankWithin

REMARKABLE_LOOKS = 0.9
REMARKABLE_COSINE = 0.7
REMARKABLE_KIND = 0.75
FEW_GROUPS = 10


@click.command("fit")
@model_options
@click.option("--layer", "layers", multiple=True, required=True, help="Dotted name of a layer; may be repeated.")
@click.option(
    "--concept",
    "concepts",
    multiple=True,
    metavar="NAME=DIR",
    help="A concept and the images that show it all over: a folder, a URL, tars or Parquet files (docs/data.md); may "
    "be repeated.",
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
@table_options
@concept_options
@click.option(
    "--random",
    multiple=True,
    type=click.Path(),
    metavar="DIR",
    help="Images that do not show the concepts, given likewise; several are one pool.",
)
@click.option(
    "--rest/--no-rest",
    default=True,
    show_default=True,
    help="Tell each marked concept from what is not marked of its photos, and from whole photos that show nothing of "
    "it: of a black mask, or listed in the COCO file without an annotation. Without it, from --random alone.",
)
@click.option(
    "--context",
    multiple=True,
    type=click.Path(),
    metavar="DIR",
    help="A folder of photos that show none of the concepts. Whole-image concepts and random images, such as textures, "
    "are pasted into them as regions, and a layer learns from these where held-out images show that it helps.",
)
@click.option(
    "--unmasked-negative",
    is_flag=True,
    help="Region photos without a mask file, or not listed in the COCO file, show nothing of their concept; otherwise "
    "they are an error.",
)
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
    default="smooth/mean-difference:auto",
    show_default=True,
    help=f"How a direction is found: {LEGAL}, on activations divided by their length, and averaged over neighbours. "
    "The value of mean-difference is the shrinkage of the detector that reads relevance; with auto it depends on the "
    "number of images and on how much the sets differ in kind.",
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
@work_options
@window_option
@precision_option
@within_option
@skip_option
@group_option
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
    table_file: Path | None,
    pictures: Path | None,
    key: str | None,
    rows: tuple[str, ...],
    columns: tuple[str, ...],
    strata: tuple[str, ...],
    match: bool,
    random: tuple[str, ...],
    rest: bool,
    context: tuple[str, ...],
    unmasked_negative: bool,
    absent: tuple[str, ...],
    solver: str,
    runs: int | None,
    nulls: int | None,
    folds: int,
    locations: int,
    seed: int,
    batch_size: int | None,
    device: str,
    engine_name: str,
    workers: int | None,
    ray_address: str | None,
    fresh: bool,
    window: str | None,
    precision: str | None,
    within: str | None,
    skip_unreadable: bool,
    group: str | None,
    out: Path,
    as_json: bool,
) -> None:
    """Find the direction of every concept at every layer, and keep them in a bank."""
    from sacv.cav import fit

    named, marked = parse_concepts(concepts), parse_regions(regions, unmasked_negative)
    how = parse_solver(solver)
    require_table(table_file, images=pictures, key=key, rows=rows, column=columns, strata=strata, match=match)
    tabled = parse_columns(columns)
    if table_file is not None and not tabled:
        raise OptionError(f"--table {table_file}: give --column NAME=COLUMN:VALUE, a concept of the table")
    if not (named or marked or tabled):
        raise OptionError(
            "no concept is given; give --concept NAME=DIR, --region NAME=IMAGES:MASKS, or --table FILE and --column "
            "NAME=COLUMN:VALUE"
        )
    both = sorted(set(named) & set(tabled))
    if both:
        raise OptionError(f"concept {both[0]!r} is given with --concept and with --column; give one of them")
    if unmasked_negative and not marked:
        raise OptionError("--unmasked-negative is about photos of regions; give --region NAME=IMAGES:MASKS")
    if not (random or (rest and marked) or tabled):
        instead = ", or leave out --no-rest, so that the rest of the region photos is the random set" if marked else ""
        raise OptionError(f"no random images are given; give --random DIR{instead}")
    model = open_model(spec, weights, class_names, resize, crop, layouts, device, window, precision)
    labelled = {}
    if table_file is not None:
        labelled = dict(
            open_table(
                table_file,
                pictures,
                key=key,
                rows=rows,
                columns=columns,
                group=group,
                strata=strata,
                skip_unreadable=skip_unreadable,
                window=model.window,
            ).concepts
        )
    engine = open_engine(engine_name, workers, ray_address)
    with progress("fit") as advance, unfinished(out, fresh) as shards:
        bank = fit(
            model,
            layers,
            {**named, **labelled},
            list(random),
            regions=marked,
            rest=rest,
            absent=list(absent) or None,
            context=list(context) or None,
            groups=group if table_file is None else None,
            match=match,
            solver=how,
            runs=runs,
            nulls=nulls,
            folds=folds,
            locations=locations,
            seed=seed,
            batch_size=batch_size,
            within=within,
            skip_unreadable=skip_unreadable,
            engine=engine,
            shards=shards,
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
                    **({} if cav.presence.shares is None else {"groups": cav.presence.groups}),
                    "negatives": cav.presence.negatives,
                    "kind": cav.presence.kind,
                    "calibrated": cav.calibrated,
                    "told": cav.calibration.told,
                },
                **({} if cav.image_scores is None else {"image_scores": image_scores_summary(cav.image_scores)}),
                "quality": asdict(cav.quality),
                "statistics": dict(cav.statistics),
            }
            for cav in bank.cavs
        ],
        "skipped": [{"name": name, "reason": reason} for entry in sets for name, reason in entry.skipped],
        "repeats": [{"left_out": name, "kept": kept} for entry in sets for name, kept in entry.repeats],
        **({} if bank.context is None else {"context": bank.context.to_json()}),
        **({} if bank.within is None else {"within": bank.within.to_json()}),
        "regions": [
            {
                "concept": entry.concept,
                "marked": entry.count,
                "negatives": entry.negatives,
                "unused": entry.unused,
                "unmatched": entry.unmatched,
            }
            for entry in bank.sets
            if entry.regions
        ],
        "rows": [
            {
                "concept": entry.concept,
                "shown": entry.count,
                "random": entry.negatives,
                "unused": entry.unused,
                "missing": entry.missing,
                **({} if entry.unpaired is None else {"unpaired": entry.unpaired}),
            }
            for entry in bank.sets
            if entry.missing is not None
        ],
    }


def image_scores_summary(scores: ImageScores) -> dict[str, Any]:
    """Give the counts of image scores; their figures stand in the quality."""
    return {
        "pictures": len(scores),
        "shown": int(scores.shows.sum()),
        "others": scores.others,
        "left_out": scores.left_out,
        "calibrated": scores.calibrated,
    }


def show_bank(bank: ConceptBank) -> None:
    """Print the figures of a bank for people."""
    grouped = any(cav.quality.groups is not None for cav in bank.cavs)
    scored = any(cav.image_scores is not None for cav in bank.cavs)
    say("Told from random on held-out images, with 95 % intervals (accuracy is balanced; chance is 0.5):\n")
    say_table(
        [
            *("layer", "concept", "images", "random"),
            *(("groups", "random groups") if grouped else ()),
            *("accuracy", "AUROC", "image AUROC"),
            *(("image score AUROC",) if scored else ()),
            "run cosine",
        ],
        [
            {
                "layer": cav.layer,
                "concept": cav.concept,
                "images": cav.quality.images,
                "random": cav.quality.random_images,
                "groups": cav.quality.groups or "-",
                "random groups": cav.quality.random_groups or "-",
                "accuracy": _with_interval(cav.quality.accuracy, cav.quality.accuracy_interval),
                "AUROC": _with_interval(cav.quality.auroc, cav.quality.auroc_interval),
                "image AUROC": f"{cav.quality.image_auroc:.3f}",
                "image score AUROC": _image_score_told(cav.quality),
                "run cosine": "-" if cav.quality.run_cosine is None else f"{cav.quality.run_cosine:.3f}",
            }
            for cav in bank.cavs
        ],
    )
    say()
    if scored:
        say(
            "The image score is the greatest evidence anywhere in a picture; 'image AUROC' is of the means over "
            "pictures.\n"
        )
    for text, where in presence_told(bank).items():
        say(f"Mask of presence, {where}: {text}")
    told = [f"{cav.layer}, {cav.concept}: {remark}" for cav in bank.cavs for remark in remarks(cav)]
    if told:
        say("\n" + "\n".join(told))
    if bank.within is not None:
        say("\n" + "\n".join(within_remarks(bank.within)))
    if bank.context is not None:
        say("\n" + "\n".join(context_remarks(bank.context)))
    for entry in (*bank.sets, bank.absent):
        for remark in marked_remarks(entry) if entry.missing is None else [rows_told(entry)]:
            say(f"{entry.concept}: {remark}")
        for _, reason in entry.skipped:
            say(f"Left out, unreadable: {reason}")
        for name, kept in entry.repeats:
            say(f"Left out, the same image as {kept}: {name}")


def presence_told(bank: ConceptBank) -> dict[str, str]:
    """Tell what the masks of presence are calibrated on, and where; all, if they are alike."""
    found: dict[str, list[str]] = {}
    for cav in bank.cavs:
        found.setdefault(cav.calibration.told, []).append(f"{cav.layer}, {cav.concept}")
    return {text: "all" if len(found) == 1 else "; ".join(where) for text, where in found.items()}


def within_remarks(within: BankWithin) -> Iterator[str]:
    """Tell how much of the pictures counts, and what the whole pictures would say, for each layer and concept."""
    yield f"Within masks: {within.told}"
    for one in within.compared:
        yield f"{one.layer}, {one.concept}: {one}"


def context_remarks(context: BankContext) -> Iterator[str]:
    """Tell what guidance in context came to, for each layer and concept."""
    yield f"In context: {len(context.composites)} composites, textures pasted into {len(context.photos)} photos."
    for entry in context.evidence:
        yield f"{entry.layer}, {entry.concept}: {entry}"
    for name in context.too_few:
        yield f"{name}: learned from full frames only, since too few composites show it; give more images"
    for _, reason in context.skipped:
        yield f"Left out of the context, unreadable: {reason}"


def remarks(cav: CAV) -> Iterator[str]:
    """Tell what is remarkable about a CAV, each with its figure and what it means."""
    for name, area in cav.quality.looks_auroc.items():
        if area > REMARKABLE_LOOKS:
            yield (
                f"{name} alone tells the sets apart (AUROC {area:.2f}), so that the CAV may stand for it; "
                "take random images that do not differ in it"
            )
    yield from map(str, cav.quality.strata)
    yield from group_remarks(cav)
    yield from random_remarks(cav)
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


def group_remarks(cav: CAV) -> Iterator[str]:
    """Tell that there are few groups, on which no figure is sure."""
    for groups, images in (
        (cav.quality.groups, f"{cav.quality.images} images"),
        (cav.quality.random_groups, f"{cav.quality.random_images} random images"),
    ):
        if groups is not None and groups < FEW_GROUPS:
            yield (
                f"the {images} are of {groups} groups only, such as patients, so that held-out figures and intervals "
                f"are unsure; give images of {FEW_GROUPS} groups or more"
            )


def random_remarks(cav: CAV) -> Iterator[str]:
    """Tell how much the random images beside a marked concept's photos count, and what they did."""
    apart = cav.statistics.get("pool_auroc")
    if apart is None:
        return
    kind = "of another kind than" if apart > REMARKABLE_KIND else "much like"
    weight, cosine = cav.statistics["pool_weight"], cav.statistics["pool_cosine"]
    did = (
        "they are left out"
        if weight == 0
        else f"they weigh {weight:.2f} of what the rest of the photos weighs (cosine with the direction without them "
        f"{cosine:.2f})"
    )
    yield f"the random images are {kind} the rest of the marked photos (held-out AUROC {apart:.2f}): {did}"


def marked_remarks(entry: BankSet) -> Iterator[str]:
    """Tell what became of the photos and masks of a concept's regions that mark nothing."""
    if entry.negatives:
        yield f"{_photos(entry.negatives)} nothing of it: in the random set"
    if entry.unused:
        yield f"{_photos(entry.unused)} nothing of it: left out; with --rest such photos are in the random set"
    if entry.unmatched == 1:
        yield "1 mask or entry of the COCO file has no photo here and was ignored"
    elif entry.unmatched:
        yield f"{entry.unmatched} masks or entries of the COCO file have no photo here and were ignored"


def rows_told(entry: BankSet) -> str:
    """Tell what became of the rows of a concept from a table."""
    parts = [f"{_rows(entry.count)} it"]
    if entry.negatives:
        parts.append(f"{entry.negatives} without it are its random set")
    if entry.unused:
        parts.append(f"{entry.unused} without it are not used, since random images are given")
    if entry.unpaired:
        parts.append(f"{entry.unpaired} are left out, for all of their stratum show it or none does")
    parts.append(f"{entry.missing} without a value are left out")
    return "; ".join(parts)


def _rows(count: int) -> str:
    return "1 row shows" if count == 1 else f"{count} rows show"


def _photos(count: int) -> str:
    return "1 photo shows" if count == 1 else f"{count} photos show"


def _image_score_told(quality: Quality) -> str:
    if quality.image_score_auroc is None or quality.image_score_interval is None:
        return "-"
    return _with_interval(quality.image_score_auroc, quality.image_score_interval)


def _with_interval(value: float, interval: tuple[float, float]) -> str:
    return f"{value:.3f} ({interval[0]:.2f}-{interval[1]:.2f})"
