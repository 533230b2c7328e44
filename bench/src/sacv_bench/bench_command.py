"""`sacv bench`: whether explanations say what the network does, measured against ground truth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sacv import __version__
from sacv.cli.console import say, say_json, say_table
from sacv.cli.options import json_option, seed_option
from sacv.errors import OptionError
from sacv_bench.sizes import FULL, QUICK

if TYPE_CHECKING:
    from sacv_bench.tables import Table

HELD_OUT = "held-out"
"""The split that the targets are set for."""


@click.command("bench")
@click.option("--quick", is_flag=True, help="Measure little, in a few minutes; intervals are wide.")
@click.option(
    "--split",
    default=HELD_OUT,
    show_default=True,
    metavar="NAME",
    help="What is measured on: held-out, development, held-out-transformer or lesions.",
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("sacv-bench"), show_default=True, help="Folder.")
@click.option(
    "--real",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Measure on the real photographs and networks of a folder; each TABLE is then one of the experiments streets, "
    "horses, patterns, lesions, pasted and absent.",
)
@click.option("--network", "networks", multiple=True, metavar="NAME", help="With --real: only this network (repeat).")
@click.option("--layer", "layers", multiple=True, metavar="NAME", help="With --real: only this layer (repeat).")
@seed_option
@json_option
@click.argument("tables", nargs=-1, metavar="[TABLE]...")
def bench(
    quick: bool,
    split: str,
    out: Path,
    real: Path | None,
    networks: tuple[str, ...],
    layers: tuple[str, ...],
    seed: int,
    as_json: bool,
    tables: tuple[str, ...],
) -> None:
    """Measure explanations and rival methods against ground truth: the TABLEs named (T1 to T6, layers), or all."""
    if real is not None:
        if split != HELD_OUT:
            raise OptionError("--split names made scenes, which --real does not ask; give one of the two")
        real_bench(real, networks, layers, tables, quick, seed, out, as_json)
        return
    if networks or layers:
        raise OptionError("--network and --layer choose among those of --real DIR; give that too")
    from rich.console import Console

    from sacv_bench.report import to_json, write_report
    from sacv_bench.run import EXPERIMENTS, SPLITS, run

    command = click.get_current_context().find_root().obj
    names = choose("table", tables or tuple(EXPERIMENTS), EXPERIMENTS)
    (split,) = choose("split", (split,), SPLITS)
    effort = QUICK if quick else FULL
    console = Console(stderr=True)
    with console.status("bench") as status:
        found = run(names, split, effort, seed, status.update)
    settings = {
        "split": split,
        "network": SPLITS[split].network,
        "seed": seed,
        "quick": quick,
        "effort": asdict(effort),
        "sacv": __version__,
        "command": command,
    }
    write_report(out, found, settings)
    if as_json:
        say_json(
            {"out": str(out), **to_json(found, settings), "rows": {table.name: _records(table) for table in found}}
        )
        return
    for table in found:
        show_table(table)
    show_targets(found, split)
    say(f"\nThe report is {out / 'index.html'}; beside it each table is a Parquet file")


def real_bench(
    folder: Path,
    networks: Sequence[str],
    layers: Sequence[str],
    experiments: Sequence[str],
    quick: bool,
    seed: int,
    out: Path,
    as_json: bool,
) -> None:
    """Measure on real photographs, write the report and print its summary in Markdown."""
    from rich.console import Console

    from sacv_bench.real.networks import NETWORKS, chosen
    from sacv_bench.real.run import EXPERIMENTS, run_real
    from sacv_bench.real.sizes import FULL, QUICK
    from sacv_bench.real.writing import records, summary, write_real

    names = choose("experiment", tuple(experiments) or tuple(EXPERIMENTS), EXPERIMENTS)
    taken = chosen(NETWORKS, networks, layers, quick)
    effort = QUICK if quick else FULL
    with Console(stderr=True).status("bench") as status:
        found = run_real(folder, names, taken, effort, seed, status.update)
    settings = {
        "real": str(folder),
        "experiments": names,
        "layers": {network.name: list(network.layers) for network in taken},
        "seed": seed,
        "quick": quick,
        "effort": asdict(effort),
        "sacv": __version__,
    }
    write_real(out, found, settings)
    if as_json:
        say_json({"out": str(out), "settings": settings, "rows": records(found.rows), "advice": records(found.advice)})
        return
    say(summary(found))
    click.echo(f"The report is {out / 'index.html'}; beside it are rows.csv, rows.json and summary.md", err=True)


def choose(kind: str, names: Sequence[str], legal: Mapping[str, object]) -> list[str]:
    """Find names among the legal ones, in any case of letters; each is given once.

    Raises
    ------
    OptionError
        If there is none of that name.
    """
    known = {name.lower(): name for name in legal}
    for name in names:
        if name.lower() not in known:
            raise OptionError(f"there is no {kind} {name!r}; give one of {', '.join(legal)}")
    return list(dict.fromkeys(known[name.lower()] for name in names))


def show_table(table: Table) -> None:
    """Print a table for people; a star marks ours, and a condition stands where it begins.

    In a terminal too narrow for the intervals the figures stand alone.
    """
    from rich.console import Console

    from sacv_bench.targets import ours

    say(f"{table.name}: {table.title}\n{table.about}\n")
    order = {name: index for index, name in enumerate(dict.fromkeys(table.rows["condition"]))}
    wide = table.wide().sort_values("condition", key=lambda names: names.map(order), kind="stable")
    metrics = [column for column in wide.columns if column not in ("condition", "rival")]
    rows: list[dict[str, str]] = []
    before = None
    for row in wide.to_dict(orient="records"):
        rows.append(
            {
                "": "*" if row["rival"] == ours(table.name) else "",
                "condition": "" if row["condition"] == before else str(row["condition"]),
                "rival": str(row["rival"]),
                **{metric: str(row[metric]) for metric in metrics},
            }
        )
        before = row["condition"]
    console = Console()
    if console.is_terminal and console.width < _width(rows):
        rows = [{**row, **{metric: row[metric].partition(" [")[0] for metric in metrics}} for row in rows]
    say_table(["", "condition", "rival", *metrics], rows)
    say()


def _width(rows: Sequence[Mapping[str, str]]) -> int:
    return sum(2 + max(len(column), *(len(row[column]) for row in rows)) for column in (rows[0] if rows else ()))


def show_targets(tables: Sequence[Table], split: str) -> None:
    """Print which targets are met."""
    from sacv_bench.report import summary
    from sacv_bench.targets import check

    outcomes = check(tables)
    if not outcomes:
        return
    say_table(
        ["", "table", "target", "had to be", "is", "where"],
        [
            {
                "": "met" if outcome.met else "falls short",
                "table": outcome.target.table,
                "target": outcome.target.text,
                "had to be": outcome.target.bound,
                "is": "none" if math.isnan(outcome.value) else f"{outcome.value:.3f}",
                "where": outcome.where,
            }
            for outcome in outcomes
        ],
    )
    say(f"\n{summary(outcomes)}; * marks ours, [low, high] is the 95 % interval over images.")
    if split != HELD_OUT:
        say(f"The targets were set for the {HELD_OUT} split; here they are a yardstick.")


def _records(table: Table) -> list[dict[str, Any]]:
    rows = table.rows.astype(object).where(table.rows.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict(orient="records")]
