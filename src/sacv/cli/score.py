"""`sacv score`: how much the bank's concepts matter to a class, over images of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sacv.cli.console import progress, say, say_json, say_table
from sacv.cli.options import (
    batch_size_option,
    class_names_option,
    device_option,
    group_option,
    json_option,
    open_bank_model,
    precision_option,
    seed_option,
    skip_option,
    weak_option,
    window_option,
    within_option,
)
from sacv.cli.table import pictures_of, require_pictures, table_options
from sacv.cli.targets import against_option, output_option, parse_targets
from sacv.cli.working import open_engine, unfinished, work_options

if TYPE_CHECKING:
    from sacv.scores import ClassScores


@click.command("score")
@click.option("--bank", "bank_folder", required=True, type=click.Path(path_type=Path), help="Folder of the bank.")
@click.option(
    "--target", "targets", required=True, multiple=True, help="A class: its name or its index. May be repeated."
)
@against_option
@click.option("--model", "spec", help="As in 'sacv fit'; needed again where the model is the user's own code.")
@class_names_option
@output_option
@window_option
@precision_option
@seed_option
@batch_size_option
@device_option
@work_options
@group_option
@within_option
@skip_option
@weak_option
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder to write the scores to.")
@json_option
@table_options
@click.argument("images", nargs=-1, type=click.Path())
def score_command(
    bank_folder: Path,
    targets: tuple[str, ...],
    against: str | None,
    spec: str | None,
    class_names: Path | None,
    output: str | None,
    window: str | None,
    precision: str | None,
    seed: int,
    batch_size: int | None,
    device: str,
    engine_name: str,
    workers: int | None,
    ray_address: str | None,
    fresh: bool,
    group: str | None,
    within: str | None,
    skip_unreadable: bool,
    allow_weak: bool,
    out: Path,
    as_json: bool,
    table_file: Path | None,
    pictures: Path | None,
    key: str | None,
    rows: tuple[str, ...],
    images: tuple[str, ...],
) -> None:
    """Score how much the bank's concepts matter to a class, over IMAGES of it (files or folders)."""
    from sacv.cav import ConceptBank
    from sacv.scores import score

    require_pictures(images, table_file)
    asked = parse_targets(targets, against)
    bank = ConceptBank.load(bank_folder)
    model = open_bank_model(bank, spec, class_names, device, window, output, precision)
    shown = pictures_of(
        images, table_file, pictures, key, rows, group=group, skip_unreadable=skip_unreadable, window=model.window
    )
    engine = open_engine(engine_name, workers, ray_address)
    with progress("score") as advance, unfinished(out, fresh) as shards:
        found = score(
            model,
            shown,
            bank,
            asked,
            groups=group if table_file is None else None,
            seed=seed,
            batch_size=batch_size,
            allow_weak=allow_weak,
            within=within,
            skip_unreadable=skip_unreadable,
            engine=engine,
            shards=shards,
            progress=advance,
        )
        found = found.with_command(click.get_current_context().find_root().obj)
        found.save(out)
    if as_json:
        say_json({"out": str(out), **found.to_json()})
        return
    show_scores(found)
    say(f"\nOpen {out / 'index.html'}; scores.parquet has the table, images.parquet a row for each image")


def show_scores(found: ClassScores) -> None:
    """Print the scores for people."""
    from sacv.scores.reading import unreachable

    say_table(
        ["layer", "concept", "target", "score", "value", "95 % interval", "effect", "p", "Holm", "BH", ""],
        [
            {
                "layer": row["layer"],
                "concept": row["concept"],
                "target": row["target"],
                "score": row["score"],
                "value": row["value"],
                "95 % interval": f"{row['low']:.3g} to {row['high']:.3g}",
                "effect": _number(row["effect"], "+.1f"),
                "p": _number(row["p"], ".3f"),
                "Holm": _number(row["p_holm"], ".3f"),
                "BH": _number(row["p_bh"], ".3f"),
                "": "weak" if row["weak"] else "",
            }
            for row in found.table.to_dict(orient="records")
        ],
    )
    tests = int(found.table["p"].notna().sum()) // max(found.table["score"].nunique(), 1)
    say(
        f"\nOver {_counted(found)}. tcav, magnitude and smooth: no effect at 0.5. sacv: logits per "
        "unit of the concept's vector, summed\nwhere it is relevant; sacv_density: the same for an average relevant "
        "place; no effect at 0 for both. The effect is in standard deviations\nof the null of random CAVs; p is "
        f"two-sided, Holm and BH correct it for {tests} tests of each score."
    )
    too_few = unreachable(found)
    if too_few is not None:
        say(too_few)
    for layer, counted in found.within.items():
        say(f"Within masks, {layer}: {counted} of the places of each image count.")
    for note in found.notes:
        say(note)
    for entry in found.skipped:
        say(f"Left out, unreadable: {entry.reason}")


def _counted(found: ClassScores) -> str:
    groups = found.settings.get("groups")
    return f"{found.settings['images']} images" + ("" if groups is None else f" of {groups} groups")


def _number(value: Any, form: str) -> str:
    return "" if value is None or math.isnan(value) else format(value, form)
