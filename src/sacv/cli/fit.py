"""`sacv fit`: from concept images, and images with regions, to a concept bank."""

from __future__ import annotations

from pathlib import Path

import click

from sacv.cli.bank_card import show_bank, summary
from sacv.cli.console import progress, say, say_json
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


@click.command("fit")
@model_options
@click.option("--layer", "layers", multiple=True, required=True, help="Dotted name of a layer. May be repeated.")
@click.option(
    "--concept",
    "concepts",
    multiple=True,
    metavar="NAME=DIR",
    help="A concept and its whole images, such as textures: a folder, a URL, tars or Parquet files (docs/data.md). May "
    "be repeated.",
)
@click.option(
    "--region",
    "regions",
    multiple=True,
    metavar="NAME=IMAGES:MASKS",
    help="A concept and images with regions that show it. IMAGES is a folder or a file; MASKS is a folder of mask "
    "images with the same file names, one mask image, or a COCO file.json; file.json:CATEGORY takes one category. May "
    "be repeated.",
)
@table_options
@concept_options
@click.option(
    "--random",
    multiple=True,
    type=click.Path(),
    metavar="DIR",
    help="Random images, which do not show the concepts: a folder, a URL, tars or Parquet files. Several are pooled.",
)
@click.option(
    "--rest/--no-rest",
    default=True,
    show_default=True,
    help="Contrast each concept with regions with the rest of its annotated images, and with those without a region: "
    "of a black mask, or listed in the COCO file without an annotation. --no-rest: with --random alone.",
)
@click.option(
    "--context",
    multiple=True,
    type=click.Path(),
    metavar="DIR",
    help="A folder of photos that show none of the concepts. Whole-image concepts and random images, such as textures, "
    "are pasted into them as regions; a layer learns from these if held-out images show that it helps.",
)
@click.option(
    "--unmasked-negative",
    is_flag=True,
    help="Treat images of --region without a mask file, or not listed in the COCO file, as images without the concept. "
    "Without this option they are an error.",
)
@click.option(
    "--absent",
    multiple=True,
    type=click.Path(),
    metavar="DIR",
    help="A folder of 19 or more images, similar to those to be explained, that show none of the concepts. They "
    "calibrate the presence mask and are used for nothing else. May be repeated. [default: held out of 80 random "
    "images or more]",
)
@click.option(
    "--solver",
    default="smooth/mean-difference:auto",
    show_default=True,
    help=f"Estimator of the CAV: {LEGAL}. unit-length/ divides activations by their length, smooth/ also averages "
    f"them over "
    "neighbours. The value of mean-difference is the shrinkage of the detector that gives relevance; auto chooses it "
    "by the number of images and by how different the sets are.",
)
@click.option(
    "--runs",
    type=click.IntRange(min=1),
    help="Random runs: CAVs of each concept against random halves of the random set. "
    "[default: 20; 5 for logistic and linear-svm]",
)
@click.option(
    "--nulls",
    type=click.IntRange(min=0),
    help="Null CAVs, of random images against random images. They give the null distribution. "
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
    table_images: Path | None,
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
    """Learn a CAV for every concept at every layer, and write them to a concept bank."""
    from sacv.cav import fit

    named, annotated = parse_concepts(concepts), parse_regions(regions, unmasked_negative)
    chosen = parse_solver(solver)
    require_table(table_file, images=table_images, key=key, rows=rows, column=columns, strata=strata, match=match)
    in_table = parse_columns(columns)
    if table_file is not None and not in_table:
        raise OptionError(f"--table {table_file}: give --column NAME=COLUMN:VALUE, a concept of the table")
    if not (named or annotated or in_table):
        raise OptionError(
            "no concept is given; give --concept NAME=DIR, --region NAME=IMAGES:MASKS, or --table FILE and --column "
            "NAME=COLUMN:VALUE"
        )
    both = sorted(set(named) & set(in_table))
    if both:
        raise OptionError(f"concept {both[0]!r} is given with --concept and with --column; give one of them")
    if unmasked_negative and not annotated:
        raise OptionError("--unmasked-negative needs images with regions; give --region NAME=IMAGES:MASKS")
    if not (random or (rest and annotated) or in_table):
        instead = (
            ", or leave out --no-rest, so that the rest of the annotated images is the random set" if annotated else ""
        )
        raise OptionError(f"no random images are given; give --random DIR{instead}")
    model = open_model(spec, weights, class_names, resize, crop, layouts, device, window, precision)
    labelled = {}
    if table_file is not None:
        labelled = dict(
            open_table(
                table_file,
                table_images,
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
            regions=annotated,
            rest=rest,
            absent=list(absent) or None,
            context=list(context) or None,
            groups=group if table_file is None else None,
            match=match,
            solver=chosen,
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
