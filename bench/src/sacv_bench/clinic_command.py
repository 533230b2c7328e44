"""`sacv clinic`: material of a diagnosis, made in code, for the worked example of docs/clinic.md."""

from __future__ import annotations

from pathlib import Path

import click

from sacv.cli.console import say, say_json
from sacv.cli.options import json_option, seed_option

MODEL = "sacv_bench.clinic:load"


@click.command("clinic")
@click.option("--out", type=click.Path(path_type=Path), default=Path("clinic"), show_default=True, help="Folder.")
@click.option("--patients", type=click.IntRange(min=4), default=60, show_default=True, help="Number of patients.")
@click.option("--pictures", type=click.IntRange(min=1), default=3, show_default=True, help="Images of each patient.")
@click.option(
    "--confounding",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="How strongly the veil goes with the diagnosis: Cramer's V.",
)
@click.option("--vignette", is_flag=True, help="Darken the rim of the images without a veil.")
@seed_option
@json_option
def clinic(
    out: Path, patients: int, pictures: int, confounding: float, vignette: bool, seed: int, as_json: bool
) -> None:
    """Write a synthetic clinic with ground truth: photos of lesions, their masks and a table."""
    from sacv_bench.clinic import Clinic, write_clinic

    photos = Clinic(patients, pictures, confounding, vignette, seed).photos()
    table = write_clinic(out, photos)
    if as_json:
        say_json({"table": str(table), "photos": str(out / "photos"), "masks": str(out / "masks"), "model": MODEL})
        return
    say(f"{len(photos)} photos of {patients} patients are in {out / 'photos'}, the masks of their lesions in")
    say(f"{out / 'masks'}, and what is known of each in {table}. Their diagnosis network is --model {MODEL}")
