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
from sacv.cli.table import images_of, require_images, table_options
from sacv.cli.targets import against_option, output_option, parse_targets
from sacv.cli.working import open_engine, unfinished, work_options

if TYPE_CHECKING:
    from sacv.scores import ClassScores

SCORE = "sacv"
"""The score of the sentences and of the interval and p-value of the table."""


@click.command("score")
@click.option("--bank", "bank_folder", required=True, type=click.Path(path_type=Path), help="Folder of the bank.")
@click.option(
    "--target",
    "targets",
    required=True,
    multiple=True,
    help="The class to score: its name or its index. May be repeated.",
)
@against_option
@click.option("--model", "spec", help="As in 'sacv fit'. Needed if the model is your own code.")
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
    table_images: Path | None,
    key: str | None,
    rows: tuple[str, ...],
    images: tuple[str, ...],
) -> None:
    """Score how much the bank's concepts matter to a class, over IMAGES of it (files or folders)."""
    from sacv.cav import ConceptBank
    from sacv.scores import score

    require_images(images, table_file)
    explained = parse_targets(targets, against)
    bank = ConceptBank.load(bank_folder)
    model = open_bank_model(bank, spec, class_names, device, window, output, precision)
    shown = images_of(
        images, table_file, table_images, key, rows, group=group, skip_unreadable=skip_unreadable, window=model.window
    )
    engine = open_engine(engine_name, workers, ray_address)
    with progress("score") as advance, unfinished(out, fresh) as shards:
        found = score(
            model,
            shown,
            bank,
            explained,
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
    say(f"\nReport: {out / 'index.html'} (all figures: {out / 'scores.parquet'}; each image: {out / 'images.parquet'})")


def show_scores(found: ClassScores) -> None:
    """Print the scores for people: sentences with the result, a narrow table, then remarks."""
    from sacv.report.display import few, in_groups
    from sacv.scores.verdicts import sentence, unreachable, verdicts

    targets = list(dict.fromkeys(found.table["target"]))
    for target in targets:
        say("".join(sentence(verdicts(found, target), target)))
    say()
    values = found.table.set_index(["layer", "concept", "target", "score"])["value"]
    say_table(
        ["layer", "concept", *(["target"] if len(targets) > 1 else []), "TCAV score", "SACV score", "interval", "p"],
        [
            {
                "layer": row["layer"],
                "concept": f"{row['concept']} (weak)" if row["weak"] else row["concept"],
                "target": row["target"],
                "TCAV score": float(values[row["layer"], row["concept"], row["target"], "tcav"]),
                "SACV score": row["value"],
                "interval": f"{row['low']:.3g} to {row['high']:.3g}",
                "p": _number(row["p_holm"], ".3f"),
            }
            for row in found.table[found.table["score"] == SCORE].to_dict(orient="records")
        ],
    )
    tests = int(found.table["p"].notna().sum()) // max(found.table["score"].nunique(), 1)
    images = in_groups(found.settings["images"], found.settings.get("groups"))
    say(
        f"\nOver {images}. TCAV score: 0.5 means no effect.\n"
        "SACV score: logits per unit of the concept's vector, summed where it is relevant; 0 means no effect.\n"
        f"p: of the SACV score against the null CAVs, two-sided, Holm-corrected for {tests} tests of each score."
    )
    others = [name for name in dict.fromkeys(found.table["score"]) if name not in ("tcav", SCORE)]
    say(f"scores.parquet has also {few(others)}, effect sizes, and uncorrected and BH-corrected p-values.")
    too_few = unreachable(found)
    if too_few is not None:
        say(f"Warning: {too_few}")
    for layer, share in found.within.items():
        say(f"Within masks, {layer}: {share} of the locations of each image are used.")
    for note in found.notes:
        say(f"Warning: {note}")
    for entry in found.skipped:
        say(f"Left out, unreadable: {entry.reason}")


def _number(value: Any, form: str) -> str:
    return "-" if value is None or math.isnan(value) else format(value, form)
