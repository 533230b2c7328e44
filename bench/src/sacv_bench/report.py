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

import math
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from sacv.files import write_folder, write_json
from sacv.report.chart import MINUS, Lane, Panel
from sacv.report.chart import Chart as Drawing
from sacv.report.display import counted
from sacv.report.page import Cell, Column, Grid, Page, Photo, Section, render_page
from sacv.report.provenance import Provenance, versions, versions_text
from sacv_bench.chart import Chart, chart_of
from sacv_bench.chart import Lane as Dot
from sacv_bench.tables import Table
from sacv_bench.targets import Outcome, check, ours

FORMAT_VERSION = 1
KIND = "bench"
MARKER = "bench.json"

TITLE = "The truth bench: does the explanation say what the network does?"

PARTS = {"low": "from", "high": "to", "random": "random"}
"""Heads of the columns beside a metric's value."""

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
    """Return everything but the rows and images of the tables."""
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
    """State how many targets are met."""
    return f"{sum(outcome.met for outcome in outcomes)} of {len(outcomes)} targets are met"


def render(tables: Sequence[Table], settings: Mapping[str, object]) -> str:
    """Return the page as HTML, with everything inline."""
    return render_page(page_of(tables, settings))


def page_of(tables: Sequence[Table], settings: Mapping[str, object]) -> Page:
    """Return the page as plain data."""
    outcomes = check(tables)
    facts = {key.replace("_", " "): _text(value) for key, value in settings.items()}
    return Page(
        title=TITLE,
        headline=[f"{summary(outcomes)}." if outcomes else f"{counted(len(tables), 'table')} without a target."],
        points=(),
        warnings=(),
        sections=[*([_targets(outcomes)] if outcomes else []), *(_section(table) for table in tables)],
        provenance=Provenance({**facts, "versions": versions_text(versions())}),
    )


def _targets(outcomes: Sequence[Outcome]) -> Section:
    names = ("result", "table", "target", "is", "had to be", "where it does worst")
    columns = [Column(name, numeric=name == "is", wide=name == "target") for name in names]
    rows = [
        [
            Cell("met", tone="good") if one.met else Cell("falls short", tone="bad"),
            Cell(one.target.table),
            Cell(one.target.text),
            Cell(_figure(one.value), None if math.isnan(one.value) else one.value),
            Cell(one.target.bound.replace("-", MINUS)),
            Cell(one.where),
        ]
        for one in outcomes
    ]
    return Section(
        "Targets",
        words=["The targets were set for the held-out split; on any other they are a yardstick."],
        grids=[Grid("targets", "Each target where it does worst", columns, rows)],
    )


def _section(table: Table) -> Section:
    chart = chart_of(table)
    return Section(
        f"{table.name}: {table.title}",
        words=[table.about],
        charts=[] if chart is None else [_chart(table, chart)],
        grids=[_grid(table)] if len(table.rows) else [],
        photos=[Photo(one.title, one.png) for one in table.figures],
        name=table.name,
    )


def _chart(table: Table, chart: Chart) -> Drawing:
    key = f"Orange: ours, {ours(table.name)}; bars: 95 % intervals over images"
    return Drawing(
        name=f"{table.name} {chart.metric}",
        title=f"{chart.metric}, by {'rival and condition' if chart.by_rival else 'condition'}",
        axis=f"{chart.metric} (no unit)",
        panels=tuple(
            Panel(f"{panel.title} (ours)" if panel.ours else panel.title, tuple(map(_lane, panel.lanes)), chart.ticks)
            for panel in chart.panels
        ),
        caption=key
        + ("; circle: ours again, beside a rival" if chart.by_rival else "")
        + ("; dashed line: what is random." if chart.has_random else "."),
    )


def _lane(lane: Dot) -> Lane:
    return Lane(
        label=lane.label,
        text=lane.text,
        value=lane.value,
        low=lane.low,
        high=lane.high,
        tone="plain",
        colour=lane.colour,
        random=lane.random,
        reference=lane.reference,
        strong=lane.ours,
    )


def _grid(table: Table) -> Grid:
    """Return a row for each condition and rival, and for each metric its value, interval and random value."""
    metrics = list(dict.fromkeys(table.rows["metric"]))
    known = table.rows.groupby("metric")[["low", "random"]].count()
    parts = {
        metric: [
            "value",
            *(["low", "high"] if known.loc[metric, "low"] else []),
            *(["random"] if known.loc[metric, "random"] else []),
        ]
        for metric in metrics
    }
    heads = [metric if part == "value" else f"{metric}, {PARTS[part]}" for metric in metrics for part in parts[metric]]
    columns = [Column("rival"), Column("condition"), *(Column(str(name), numeric=True) for name in [*heads, "images"])]
    rows = []
    for (condition, rival), some in table.rows.groupby(["condition", "rival"], sort=False):
        cells = {row["metric"]: row for row in some.to_dict(orient="records")}
        figures = [_cell(cells.get(metric), part) for metric in metrics for part in parts[metric]]
        count = int(some["count"].max())
        rows.append(
            [
                Cell(str(rival), tone="for" if rival == ours(table.name) else ""),
                Cell(str(condition)),
                *figures,
                Cell(str(count), count),
            ]
        )
    return Grid(
        table.name, f"All figures of {table.name}, with 95 % intervals over images", columns, rows, len(rows) >= LONG
    )


def _cell(row: Mapping[Hashable, Any] | None, part: str) -> Cell:
    if row is None or (math.isnan(row[part]) and part != "value"):
        return Cell("")
    value = float(row[part])
    return Cell(_figure(value, 3 if part == "value" else 2), None if math.isnan(value) else value)


def _figure(value: float, digits: int = 3) -> str:
    """Format with a fixed number of digits and a true minus sign; "none" for NaN."""
    return "none" if math.isnan(value) else f"{value:.{digits}f}".replace("-", MINUS)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_text(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(_text(part) for part in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
