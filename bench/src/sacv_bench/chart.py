"""A chart of a table's main metric: dots with intervals, as plain data that the report's page draws.

With several conditions, each rival has a panel with a lane for each condition, and every lane also shows ours, to
compare both the trend and the distance. Otherwise each condition has a panel with a lane for each rival. All panels
share one axis. Names are next to the dots, so the colours need no legend.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import cycle

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from sacv_bench.tables import Table
from sacv_bench.targets import ours

MAIN = {
    "T1": "cosine",
    "T2": "AUROC",
    "T3": "Spearman",
    "T4": "sign agreement",
    "T5": "cosine between runs",
    "T6": "family-wise false positives",
}
"""The metric drawn of each table; of another table it is the first."""

SEVERAL = 4
"""Least number of conditions for a panel for each rival."""

OUR_COLOUR = "#d55e00"
COLOURS = ("#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
"""The palette of Okabe and Ito, suitable for colour-blind readers; rivals use the colours in turn."""


@dataclass(frozen=True)
class Lane:
    """A dot with its interval; positions are in percent of the axis, None for NaN.

    Parameters
    ----------
    label
        Condition or rival.
    ours
        Whether it is ours.
    colour
        Of the dot.
    value, low, high
        The figure and its interval.
    random
        Of a random map.
    reference
        Ours in the same condition, where that is another lane's.
    text
        The same in words.
    """

    label: str
    ours: bool
    colour: str
    value: float | None
    low: float | None
    high: float | None
    random: float | None
    reference: float | None
    text: str


@dataclass(frozen=True)
class Panel:
    """Lanes under one title, which is a rival, perhaps ours, or a condition."""

    title: str
    ours: bool
    lanes: tuple[Lane, ...]


@dataclass(frozen=True)
class Chart:
    """A chart.

    Parameters
    ----------
    metric
        What the axis shows.
    ticks
        Positions in percent of the axis, and their labels.
    by_rival
        Whether a panel is a rival, and a lane a condition.
    panels
        The panels.
    """

    metric: str
    ticks: tuple[tuple[float, str], ...]
    by_rival: bool
    panels: tuple[Panel, ...]

    @property
    def has_random(self) -> bool:
        """Whether a random map's value is known anywhere."""
        return any(lane.random is not None for panel in self.panels for lane in panel.lanes)


@dataclass(frozen=True)
class _Axis:
    low: float
    high: float

    @classmethod
    def around(cls, values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> _Axis:
        """Return an axis that contains all values with a margin."""
        known = values[np.isfinite(values)]
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
        room = 0.05 * (high - low) or 0.5
        return cls(low - room, high + room)

    def position(self, value: float) -> float | None:
        """Return the position of a value in percent."""
        return round(100 * (value - self.low) / (self.high - self.low), 2) if np.isfinite(value) else None

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Return round values and their positions."""
        found = MaxNLocator(nbins=6, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        positions = [(self.position(float(tick)), f"{round(float(tick), 10):g}") for tick in found]
        return tuple(
            (at, text.replace("-", "\N{MINUS SIGN}")) for at, text in positions if at is not None and 0 <= at <= 100
        )


def chart_of(table: Table) -> Chart | None:
    """Draw the main metric of a table; none if the table is empty."""
    metrics = list(dict.fromkeys(table.rows["metric"]))
    if not metrics:
        return None
    metric = MAIN[table.name] if MAIN.get(table.name) in metrics else str(metrics[0])
    own = ours(table.name)
    # Ours first; the others as the table has them.
    rows = table.rows[table.rows["metric"] == metric].sort_values(
        "rival", key=lambda rivals: rivals != own, kind="stable"
    )
    axis = _Axis.around(rows[["value", "low", "high", "random"]].to_numpy(dtype=np.float64))
    rivals, conditions = ([str(name) for name in dict.fromkeys(rows[key])] for key in ("rival", "condition"))
    by_rival = len(conditions) >= SEVERAL
    others = [rival for rival in rivals if rival != own]
    colours = {own: OUR_COLOUR, **dict(zip(others, cycle(COLOURS), strict=False))}
    panels = []
    for name in rivals if by_rival else conditions:
        part = rows[rows["rival" if by_rival else "condition"] == name]
        references = _of(rows, own) if by_rival and name != own else {}
        panels.append(Panel(name, by_rival and name == own, _lanes(part, by_rival, own, colours, references, axis)))
    return Chart(metric, axis.ticks(), by_rival, tuple(panels))


def _of(rows: pd.DataFrame, rival: str) -> dict[str, float]:
    rows = rows[rows["rival"] == rival]
    return dict(zip(rows["condition"].astype(str), rows["value"].astype(float), strict=True))


def _lanes(
    rows: pd.DataFrame,
    by_rival: bool,
    own: str,
    colours: dict[str, str],
    references: dict[str, float],
    axis: _Axis,
) -> tuple[Lane, ...]:
    lanes = []
    for row in rows.to_dict(orient="records"):
        rival, condition = str(row["rival"]), str(row["condition"])
        value, low, high = float(row["value"]), float(row["low"]), float(row["high"])
        lanes.append(
            Lane(
                label=condition if by_rival else rival,
                ours=rival == own,
                colour=colours[rival],
                value=axis.position(value),
                low=axis.position(low),
                high=axis.position(high),
                random=axis.position(float(row["random"])),
                reference=axis.position(references.get(condition, np.nan)),
                text=f"{rival}, {condition}: {in_words(value, low, high)}",
            )
        )
    return tuple(lanes)


def in_words(value: float, low: float, high: float) -> str:
    """Write a figure with its interval."""
    if np.isnan(value):
        return "none"
    text = f"{value:.3f}" if np.isnan(low) else f"{value:.3f} ({low:.2f} to {high:.2f})"
    return text.replace("-", "\N{MINUS SIGN}")
