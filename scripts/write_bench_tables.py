"""Write docs/bench-tables.md from the folder that `make bench` wrote: `make bench-tables` runs both."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd

from sacv_bench.report import MARKER
from sacv_bench.tables import Table

PAGE = Path(__file__).parents[1] / "docs" / "bench-tables.md"
WRITTEN = "<!-- Written by `make bench-tables` from what `make bench` measured. Do not edit. -->"


def read(folder: Path) -> tuple[dict[str, Any], list[Table]]:
    """Read a folder of the bench: everything but the rows, and the tables without their pictures."""
    found: dict[str, Any] = json.loads((folder / MARKER).read_text())
    return found, [
        Table(one["name"], one["title"], one["about"], pd.read_parquet(folder / f"{one['name']}.parquet"))
        for one in found["tables"]
    ]


def page(found: Mapping[str, Any], tables: Sequence[Table]) -> str:
    """Return the page in Markdown."""
    settings = found["settings"]
    lines = [
        "# The bench's tables",
        "",
        WRITTEN,
        "",
        f"Split `{settings['split']}`, network `{settings['network']}`, seed {settings['seed']}, "
        f"sacv {settings['sacv']}. [The truth bench](bench.md) explains the tables. Brackets hold 95 % intervals over "
        "images.",
        "",
        "## Targets",
        "",
        *_rows(("result", "table", "target", "had to be", "measured", "where it does worst"), _targets(found)),
    ]
    for table in tables:
        wide = table.wide()
        lines += ["", f"## {table.name}: {table.title}", "", table.about, ""]
        lines += _rows(list(wide.columns), wide.itertuples(index=False))
    return "\n".join(lines) + "\n"


def _targets(found: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for one in found["targets"]:
        value = "not measured" if one["value"] is None else f"{one['value']:.3f}"
        yield "met" if one["met"] else "**falls short**", one["table"], one["text"], one["bound"], value, one["where"]


def _rows(head: Sequence[str], rows: Iterable[Iterable[object]]) -> list[str]:
    cells = [[str(value).replace("|", "\\|") for value in row] for row in (head, *rows)]
    lines = [f"| {' | '.join(row)} |" for row in cells]
    return [lines[0], "|" + " --- |" * len(head), *lines[1:]]


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), default=PAGE, help="Destination.")
def main(folder: Path, out: Path) -> None:
    """Write the page."""
    out.write_text(page(*read(folder)), encoding="utf-8")
    click.echo(f"written: {out}")


if __name__ == "__main__":
    main()
