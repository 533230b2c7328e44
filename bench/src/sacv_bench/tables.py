"""`Table`: the result of an experiment as a tidy table, with figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from sacv_bench.intervals import bootstrap

COLUMNS = ("condition", "rival", "metric", "value", "low", "high", "random", "count")


@dataclass(frozen=True)
class TableFigure:
    """A figure of the report.

    Parameters
    ----------
    title
        Title.
    png
        The image.
    """

    title: str
    png: bytes


@dataclass(frozen=True, eq=False)
class Table:
    """The result of an experiment.

    Parameters
    ----------
    name
        Such as "T2".
    title
        The question.
    about
        How it was measured.
    rows
        `condition`, `rival`, `metric`; its `value` with a 95 % interval over images, `low` to `high`; the value that
        a `random` map has, if there is one; and the `count` of images.
    figures
        Figures of the report.
    """

    name: str
    title: str
    about: str
    rows: pd.DataFrame
    figures: tuple[TableFigure, ...] = ()

    def wide(self) -> pd.DataFrame:
        """Return a row for each condition and rival, and a column for each metric, with text to read."""
        rows = self.rows.assign(
            text=[
                _text(value, low, high)
                for value, low, high in zip(self.rows["value"], self.rows["low"], self.rows["high"], strict=True)
            ]
        )
        found = rows.pivot_table(
            index=["condition", "rival"], columns="metric", values="text", aggfunc="first", sort=False
        )
        return found.fillna("").reset_index().rename_axis(columns=None)


def _text(value: float, low: float, high: float) -> str:
    if np.isnan(value):
        return "none"
    return f"{value:.3f}" if np.isnan(low) else f"{value:.3f} [{low:.2f}, {high:.2f}]"


def averages(records: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return the mean of every metric over images, with its interval.

    Parameters
    ----------
    records
        `condition`, `rival`, `metric`, `image` (an integer), `value` and `random`.
    seed
        Of the bootstrap.
    """
    found = []
    if records.empty:
        return pd.DataFrame(columns=COLUMNS)
    for (condition, rival, metric), part in records.groupby(["condition", "rival", "metric"], sort=False):
        values = part["value"].to_numpy(dtype=np.float64)
        low, high = bootstrap(values, part["image"].to_numpy(dtype=np.int64), seed)
        count = part["image"][part["value"].notna()].nunique()
        random = part["random"].mean() if part["random"].notna().any() else np.nan
        found.append((condition, rival, metric, float(part["value"].mean()), low, high, random, count))
    return pd.DataFrame(found, columns=COLUMNS)


def row(
    condition: str,
    rival: str,
    metric: str,
    value: float,
    count: int,
    interval: tuple[float, float] = (np.nan, np.nan),
    random: float = np.nan,
) -> dict[str, object]:
    """Return one row of a table."""
    return dict(zip(COLUMNS, (condition, rival, metric, value, *interval, random, count), strict=True))


def table_of(
    name: str, title: str, about: str, rows: Sequence[dict[str, object]], figures: tuple[TableFigure, ...] = ()
) -> Table:
    """Make a table of rows."""
    return Table(name, title, about, pd.DataFrame(list(rows), columns=COLUMNS), figures)
