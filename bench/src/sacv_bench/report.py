"""The report of a run of the bench: a folder with a page, and every table as tidy Parquet.

`bench.json`
    Settings, what each table asks and how it was measured, which targets are met, `format_version`.
`T1.parquet`, ...
    A row for each condition, rival and metric: `value` with its 95 % interval over images, `low` to `high`; the value
    that a `random` map has; the `count` of images.
`index.html`
    All of it to read, in one file.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from sacv.files import write_folder, write_json
from sacv_bench.chart import COLOURS, OUR_COLOUR, chart_of
from sacv_bench.tables import Table
from sacv_bench.targets import Outcome, check, ours

FORMAT_VERSION = 1
KIND = "bench"
MARKER = "bench.json"

LONG = 40
"""Rows from which a table is folded on the page."""


def write_report(
    folder: Path,
    tables: Sequence[Table],
    settings: Mapping[str, object],
    files: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Write the report of a run as a folder; one that was there survives any failure.

    Parameters
    ----------
    folder
        Destination.
    tables
        What the experiments found.
    settings
        How they were run, as JSON has it; lists and mappings may be nested.
    files
        Texts to write beside it, by name of their file.

    Raises
    ------
    StorageError
        If the folder holds something else or cannot be written.
    """

    def fill(fresh: Path) -> None:
        write_json(fresh / MARKER, to_json(tables, settings))
        for table in tables:
            table.rows.to_parquet(fresh / f"{table.name}.parquet", index=False)
        (fresh / "index.html").write_text(render(tables, settings), encoding="utf-8")
        for name, text in files.items():
            (fresh / name).write_text(text, encoding="utf-8")

    write_folder(Path(folder), MARKER, fill)


def to_json(tables: Sequence[Table], settings: Mapping[str, object]) -> dict[str, Any]:
    """Give everything but the rows and pictures of the tables."""
    return {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "settings": dict(settings),
        "tables": [{"name": table.name, "title": table.title, "about": table.about} for table in tables],
        "targets": [
            {
                "table": outcome.target.table,
                "text": outcome.target.text,
                "bound": outcome.target.bound,
                "value": None if math.isnan(outcome.value) else outcome.value,
                "where": outcome.where,
                "met": outcome.met,
            }
            for outcome in check(tables)
        ],
    }


def summary(outcomes: Sequence[Outcome]) -> str:
    """Say how many targets are met."""
    return f"{sum(outcome.met for outcome in outcomes)} of {len(outcomes)} targets are met"


def render(tables: Sequence[Table], settings: Mapping[str, object]) -> str:
    """Give the page as HTML, with everything inline."""
    environment = Environment(
        loader=PackageLoader("sacv_bench"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = _figure
    outcomes = check(tables)
    return environment.get_template("bench.html.j2").render(
        facts={key.replace("_", " "): _said(value) for key, value in settings.items()},
        summary=summary(outcomes),
        outcomes=outcomes,
        our_colour=OUR_COLOUR,
        rival_colour=COLOURS[0],
        sections=[
            {
                "table": table,
                "chart": chart_of(table),
                "metrics": list(dict.fromkeys(table.rows["metric"])),
                "groups": _groups(table),
                "folded": len(table.rows[["condition", "rival"]].drop_duplicates()) >= LONG,
                "ours": ours(table.name),
                "pictures": [
                    {
                        "title": picture.title,
                        "data": "data:image/png;base64," + base64.b64encode(picture.png).decode(),
                    }
                    for picture in table.pictures
                ],
            }
            for table in tables
        ],
    )


@dataclass(frozen=True)
class _Cell:
    """A figure of a rival; `random` where it is not that of the whole condition."""

    value: float
    low: float
    high: float
    random: float | None


@dataclass(frozen=True)
class _Line:
    rival: str
    cells: tuple[_Cell | None, ...]
    images: int


@dataclass(frozen=True)
class _Group:
    """The rivals of a condition, and for each metric what a random map has there, if it is the same for all."""

    condition: str
    random: tuple[float | None, ...]
    lines: tuple[_Line, ...]


def _groups(table: Table) -> list[_Group]:
    metrics = list(dict.fromkeys(table.rows["metric"]))
    return [_group(str(name), part, metrics) for name, part in table.rows.groupby("condition", sort=False)]


def _group(condition: str, rows: pd.DataFrame, metrics: Sequence[str]) -> _Group:
    shared = {metric: _shared(rows.loc[rows["metric"] == metric, "random"]) for metric in metrics}
    lines = []
    for rival, part in rows.groupby("rival", sort=False):
        cells = {row["metric"]: _cell(row, shared[row["metric"]]) for row in part.to_dict(orient="records")}
        lines.append(_Line(str(rival), tuple(cells.get(metric) for metric in metrics), int(part["count"].max())))
    return _Group(condition, tuple(shared[metric] for metric in metrics), tuple(lines))


def _shared(values: pd.Series[float]) -> float | None:
    """Give the value that is the same for all, if there is one."""
    known = values.to_numpy(dtype=np.float64)
    return float(known[0]) if known.size and np.isfinite(known).all() and np.allclose(known, known[0]) else None


def _cell(row: Mapping[Hashable, Any], shared: float | None) -> _Cell:
    random = float(row["random"])
    own = None if shared is not None or math.isnan(random) else random
    return _Cell(float(row["value"]), float(row["low"]), float(row["high"]), own)


def _figure(value: float, digits: int = 3) -> str:
    """Format with a fixed number of digits and a true minus sign; "none" for what is not a number."""
    return "none" if math.isnan(value) else f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}")


def _said(value: object) -> str:
    """Write a setting for people."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_said(part) for part in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
