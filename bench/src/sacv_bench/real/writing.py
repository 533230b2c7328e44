"""Output of a run on real photographs: tables for the report's page, rows as CSV and JSON, a summary in Markdown."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacv_bench.localisation import OURS
from sacv_bench.real.methods import METHODS
from sacv_bench.real.observed import ADVISED, ALL, IMAGE, LOCATIONS, SIGN, SPEARMAN
from sacv_bench.real.run import RealResult
from sacv_bench.report import write_report
from sacv_bench.tables import Table, row, table_of

QUESTIONS = {
    "streets": "Is a class, learned from annotated frames of some drives, found on a drive left out?",
    "horses": "Are horses, learned from a few annotated photos, found on others?",
    "patterns": "Are stripes and dots found on animals, from textures and from other animals?",
    "lesions": "Is a veil learned from labels of images, and the lesion separated from the skin?",
    "pasted": "Is a pasted thing found, and its contribution the change that it makes?",
    "absent": "How often is a mask not empty on images without the concept?",
}
RANDOM = {LOCATIONS: 0.5, IMAGE: 0.5, SPEARMAN: 0.0, SIGN: 0.5}
FEW = 5
"""Annotated images in the short table, or the nearest number that was measured."""

SUMMED = (LOCATIONS, IMAGE, SPEARMAN, SIGN)
"""Metrics of the summary, with a column for each method."""


def tables(result: RealResult) -> list[Table]:
    """Return a table for each experiment and network, with a condition for each concept, number of images and layer."""
    found = []
    for (experiment, network), part in result.rows.groupby(["experiment", "network"], sort=False):
        rows = [
            row(
                f"{one['concept']}, {one['n']}, {one['layer']}",
                str(one["method"]),
                str(one["metric"]),
                float(one["value"]),
                int(one["images"]),
                (float(one["low"]), float(one["high"])),
                RANDOM.get(str(one["metric"]).partition(", ")[0], np.nan),
            )
            for one in _in_order(part).to_dict(orient="records")
        ]
        about = (
            f"{network}: a condition is a concept, the number of concept images, and a layer; {ADVISED} is the "
            "layer that the advice ranks first."
        )
        found.append(table_of(f"{experiment}-{network}", QUESTIONS[str(experiment)], about, rows))
    return found


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Sort rows by concept and number of images, the advised layer first, then from shallow to deep."""
    concepts, layers = ({name: index for index, name in enumerate(rows[key].unique())} for key in ("concept", "layer"))
    layers[ADVISED] = -1
    keys = {"concept": rows["concept"].map(concepts), "n": rows["n"], "layer": rows["layer"].map(layers)}
    order = pd.DataFrame(keys).sort_values(["concept", "n", "layer"], kind="stable").index
    return rows.loc[order]


def records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as JSON has them, null for NaN."""
    plain = rows.astype(object).where(rows.notna(), None)
    return [{str(key): value for key, value in one.items()} for one in plain.to_dict(orient="records")]


def summary(result: RealResult) -> str:
    """Return the figures at the advised layer, and the layer where ours is best, as tables in Markdown.

    One table for each metric with a column for each method; ours has its 95 % interval. "Best" is chosen on the same
    images, so it is an upper bound for advice.
    """
    parts = [in_short(result)] if len(result.rows) else []
    for metric in SUMMED:
        rows = result.rows[result.rows["metric"] == metric]
        methods = [method for method in METHODS if (rows["method"] == method).any()]
        methods += [method for method in dict.fromkeys(rows["method"]) if method not in methods]
        lines = [
            _line(str(key[0]), str(key[1]), str(key[2]), int(str(key[3])), part, methods)
            for key, part in rows.groupby(["experiment", "network", "concept", "n"], sort=False)
        ]
        if lines:
            head = ["experiment", "network", "concept", "images", *methods, "ours at its best layer"]
            parts.append("\n".join([f"**{metric}**, at the layer advised", "", *_table(head, lines)]))
    marks = result.rows[(result.rows["experiment"] == "absent") & (result.rows["layer"] == ADVISED)]
    if len(marks):
        parts.append("\n".join(["**Masks**, at the layer advised", "", *_masks(marks)]))
    return "\n\n".join(parts) + "\n"


def in_short(result: RealResult) -> str:
    """Return one table in Markdown: a line for each question, and in each cell the networks' figures in their order.

    Figures are at the advised layer. The number of annotated images nearest to `FEW` is shown, and all
    concepts of an experiment together if measured.
    """
    rows = result.rows[(result.rows["layer"] == ADVISED) & result.rows["metric"].isin(SUMMED)]
    networks = list(dict.fromkeys(rows["network"]))
    methods = [method for method in METHODS if (rows["method"] == method).any()]
    lines = []
    for (experiment, metric, concept), part in rows.groupby(["experiment", "metric", "concept"], sort=False):
        together = ((rows["experiment"] == experiment) & (rows["metric"] == metric) & (rows["concept"] == ALL)).any()
        if together and concept != ALL:
            continue
        n = min(part["n"], key=lambda count: (abs(count - FEW), count))
        figures = part[part["n"] == n].set_index(["method", "network"])["value"].to_dict()
        cells = [" / ".join(_short(figures.get((method, network))) for network in networks) for method in methods]
        lines.append([str(experiment), str(concept), str(n), str(metric), *(cell.strip(" /") for cell in cells)])
    title = f"**In short**, at the layer advised: {' / '.join(networks)}"
    return "\n".join([title, "", *_table(["experiment", "concept", "images", "figure", *methods], lines)])


def _short(value: float | None) -> str:
    return "" if value is None or np.isnan(value) else f"{value:.2f}".replace("0.", ".", 1)


def _line(experiment: str, network: str, concept: str, n: int, rows: pd.DataFrame, methods: Sequence[str]) -> list[str]:
    named = _by(rows[rows["layer"] == ADVISED], "method")
    figures = [_figure(named.get(method), method == OURS) for method in methods]
    own = rows[(rows["method"] == OURS) & (rows["layer"] != ADVISED) & rows["value"].notna()]
    most = own.sort_values("value", ascending=False, kind="stable").head(1).to_dict(orient="records")
    best = "".join(f"{one['value']:.3f} ({one['layer']})" for one in most)
    return [experiment, network, concept, str(n), *figures, best]


def _masks(rows: pd.DataFrame) -> list[str]:
    metrics = list(dict.fromkeys(rows["metric"]))
    lines = []
    for (network, concept, method), part in rows.groupby(["network", "concept", "method"], sort=False):
        named = _by(part, "metric")
        figures = [_figure(named.get(metric), True) for metric in metrics]
        lines.append([str(network), str(concept), str(method), *figures])
    return _table(["network", "concept", "mask", *metrics], lines)


def _by(rows: pd.DataFrame, column: str) -> dict[str, dict[Hashable, Any]]:
    return {str(one[column]): one for one in rows.to_dict(orient="records")}


def _figure(figure: Mapping[Hashable, Any] | None, interval: bool) -> str:
    if figure is None:
        return ""
    value, low, high = (float(figure[name]) for name in ("value", "low", "high"))
    if np.isnan(value):
        return ""
    return f"{value:.3f} [{low:.2f}, {high:.2f}]" if interval and not np.isnan(low) else f"{value:.3f}"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]]) -> list[str]:
    return [f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *lines)]


def write_real(folder: Path, result: RealResult, settings: Mapping[str, object]) -> None:
    """Write the report's folder: its page and tables, `rows.csv`, `rows.json`, `advice.csv` and `summary.md`.

    Raises
    ------
    StorageError
        If the folder holds something else or cannot be written.
    """
    listed = {"settings": dict(settings), "rows": records(result.rows), "advice": records(result.advice)}
    files = {
        "rows.csv": result.rows.to_csv(index=False),
        "rows.json": json.dumps(listed, indent=1, allow_nan=False) + "\n",
        "advice.csv": result.advice.to_csv(index=False),
        "summary.md": summary(result),
    }
    write_report(folder, tables(result), settings, files)
