"""Charts of dots with intervals, as plain data that the template `chart.html.j2` draws as SVG.

A chart has panels and a panel has lanes, one for each thing that is compared. All locations along the axis are in
percent of its length, so that panels may share an axis or have one each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

import numpy as np
from matplotlib.ticker import MaxNLocator

WIDTH = 440
"""Of a panel, in the units of its drawing: about a phone's pixels."""

LABEL, VERDICT = 112, 114
"""Of these for the names on the left and for the words on the right."""

LANE, TITLE, AXIS = 26, 24, 40
"""Heights of a lane, of the title and of the axis."""

LETTERS = 16
"""Of a name that stand beside its lane."""

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Lane:
    """A dot with its interval.

    Parameters
    ----------
    label
        What it is of.
    text
        All of it in words.
    value, low, high
        Locations of the figure and of its interval; none where there is no number.
    tone
        "for", "against", "none" or "weak": how the dot is drawn.
    colour
        Of the dot, in place of the tone's.
    verdict
        Words beside the dot.
    chance
        The stretch that what is random hardly ever leaves.
    random
        What is random, as a dashed line.
    reference
        What the dot is compared with, as a circle.
    tested
        What was compared with chance, as a short line.
    strong
        Whether the name is in bold.
    """

    label: str
    text: str
    value: float | None
    low: float | None = None
    high: float | None = None
    tone: str = "none"
    colour: str | None = None
    verdict: str = ""
    chance: tuple[float, float] | None = None
    random: float | None = None
    reference: float | None = None
    tested: float | None = None
    strong: bool = False

    @property
    def short(self) -> str:
        """The label, or of a long one what there is room for."""
        return self.label if len(self.label) <= LETTERS else f"{self.label[: LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class Panel:
    """Lanes under one title, with the ticks of their axis as locations and labels."""

    title: str
    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[float, str], ...]
    centre: float | None = None


@dataclass(frozen=True)
class Chart:
    """A chart.

    Parameters
    ----------
    name
        Of its file when it is downloaded, without the ending.
    title
        What it shows.
    axis
        The axis and its unit.
    panels
        The panels.
    caption
        How to read it.
    ends
        What the two ends of the axis mean.
    """

    name: str
    title: str
    axis: str
    panels: tuple[Panel, ...]
    caption: str = ""
    ends: tuple[str, str] = ("", "")

    @property
    def drawn(self) -> list[DrawnPanel]:
        """The panels with their coordinates."""
        worded = any(lane.verdict for panel in self.panels for lane in panel.lanes)
        return [DrawnPanel(panel, VERDICT if worded else 12, bool(any(self.ends))) for panel in self.panels]


@dataclass(frozen=True)
class DrawnPanel:
    """A panel with its coordinates."""

    panel: Panel
    right: int
    ended: bool

    @property
    def width(self) -> int:
        """Of the drawing."""
        return WIDTH

    @property
    def height(self) -> int:
        """Of the drawing."""
        return self.bottom + AXIS + (16 if self.ended else 0)

    @property
    def left(self) -> int:
        """Where the axis begins."""
        return LABEL + 8

    @property
    def end(self) -> int:
        """Where the axis ends."""
        return WIDTH - self.right

    @property
    def top(self) -> int:
        """Where the lanes begin."""
        return TITLE

    @property
    def bottom(self) -> int:
        """Where the lanes end."""
        return TITLE + LANE * len(self.panel.lanes)

    def x(self, place: float) -> float:
        """Return the coordinate of a location in percent."""
        return round(self.left + place / 100 * (self.end - self.left), 2)

    def y(self, number: int) -> float:
        """Return the middle of a lane."""
        return TITLE + LANE * (number + 0.5)

    @property
    def words(self) -> str:
        """All of it in words."""
        return ". ".join([self.panel.title, *(lane.text for lane in self.panel.lanes)])


@dataclass(frozen=True)
class Axis:
    """From values to locations in percent."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Iterable[float], centre: float) -> Axis:
        """Hold all values with some room, as far to the left of the centre as to the right."""
        far = max((abs(value - centre) for value in values if isfinite(value)), default=0.0)
        reach = 1.08 * far if far > 0 else 1.0
        return cls(centre - reach, centre + reach)

    def place(self, value: float) -> float | None:
        """Return the place of a value; none of what is no number."""
        return round(100 * (value - self.low) / (self.high - self.low), 2) if isfinite(value) else None

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Return round values with their locations."""
        found = MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        size = max(abs(self.low), abs(self.high))
        texts = [
            (self.place(float(value)), f"{0.0 if abs(value) < 1e-9 * size else float(value):.6g}") for value in found
        ]
        return tuple(
            (place, text.replace("-", MINUS)) for place, text in texts if place is not None and -1e-6 <= place <= 100
        )


def figure_text(value: float, low: float = np.nan, high: float = np.nan) -> str:
    """Write a figure, with its interval where there is one."""
    if not isfinite(value):
        return "none"
    text = f"{value:.3g}" if not isfinite(low) else f"{value:.3g}, 95 % interval {low:.3g} to {high:.3g}"
    return text.replace("-", MINUS)
