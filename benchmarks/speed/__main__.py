"""Measure, print and write the report: `python -m speed [--quick] [--only NAME]... [--out DIR]`."""

from __future__ import annotations

import time
from pathlib import Path

import click
from rich.console import Console

from speed.environment import environment
from speed.experiments import EXPERIMENTS
from speed.report import show, write
from speed.rows import Row
from speed.sizes import FULL, QUICK

WIDTH = 150
"""Columns of the terminal at least; narrower tables cannot be read."""


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="A smoke test on few images and one network.")
@click.option("--only", multiple=True, type=click.Choice(list(EXPERIMENTS)), help="An experiment; may be repeated.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("speed-out"), show_default=True)
def main(quick: bool, only: tuple[str, ...], out: Path) -> None:
    """Measure what is asked for; the report is written anew after each experiment."""
    console, known = Console(), environment()
    console.width = max(console.width, WIDTH)
    command = " ".join(["python -m speed", *(["--quick"] if quick else []), *(f"--only {name}" for name in only)])
    console.print("\n".join(f"{name}: {value}" for name, value in known.items()), highlight=False)
    tables: dict[str, list[Row]] = {}
    for name, experiment in EXPERIMENTS.items():
        if only and name not in only:
            continue
        start = time.perf_counter()
        tables[experiment.title] = list(experiment.measure(QUICK if quick else FULL))
        show(f"{experiment.title} ({time.perf_counter() - start:.0f} s)", tables[experiment.title], console)
        write(out, tables, known, command)
    console.print(f"written: {out / 'speed.md'} and {out / 'speed.json'}")


if __name__ == "__main__":
    main()
