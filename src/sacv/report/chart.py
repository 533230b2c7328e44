"""Charts of dots with intervals, as plain data that the template `parts.html.j2` draws as SVG.

A chart has panels, and a panel has a lane for each value that is compared. Positions along the axis are in percent of
its length, so that panels may share an axis or have one each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite

import numpy as np
from matplotlib.ticker import MaxNLocator

WIDTH = 440
"""Width of a panel in units of its drawing, about the pixels of a phone."""

LABEL, VERDICT = 112, 114
"""Widths of the names on the left and of the verdicts on the right."""

LANE, TITLE, AXIS = 26, 24, 40
"""Heights of a lane, the title and the axis."""

LETTERS = 16
"""Maximum number of characters of a name."""

MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Lane:
    """A dot with its interval."""

    label: str
    text: str
    """The whole lane in words."""
    value: float | None
    low: float | None = None
    high: float | None = None
    """Positions of the value and of its interval; None without a number."""
    tone: str = "none"
    """"for", "against", "none" or "weak": the style of the dot."""
    colour: str | None = None
    """Colour of the dot, instead of that of the tone."""
    verdict: str = ""
    """Words next to the dot."""
    chance: tuple[float, float] | None = None
    """Range of the null distribution."""
    random: float | None = None
    """Position of a random value, a dashed line."""
    reference: float | None = None
    """Position of the value for comparison, a circle."""
    tested: float | None = None
    """Position of the value that was tested, a short line."""
    strong: bool = False
    """Whether the name is in bold."""

    @property
    def short(self) -> str:
        """The label, cut to `LETTERS` characters."""
        return self.label if len(self.label) <= LETTERS else f"{self.label[: LETTERS - 1]}\N{HORIZONTAL ELLIPSIS}"


@dataclass(frozen=True)
class Panel:
    """Lanes under one title, with the ticks of their axis as positions and labels."""

    title: str
    lanes: tuple[Lane, ...]
    ticks: tuple[tuple[float, str], ...]
    centre: float | None = None


@dataclass(frozen=True)
class Chart:
    """A chart."""

    name: str
    """Name of the downloaded file, without the suffix."""
    title: str
    axis: str
    """The axis and its unit."""
    panels: tuple[Panel, ...]
    caption: str = ""
    ends: tuple[str, str] = ("", "")
    """Meanings of the two ends of the axis."""

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
        """Width of the drawing."""
        return WIDTH

    @property
    def height(self) -> int:
        """Height of the drawing."""
        return self.bottom + AXIS + (16 if self.ended else 0)

    @property
    def left(self) -> int:
        """Left end of the axis."""
        return LABEL + 8

    @property
    def end(self) -> int:
        """Right end of the axis."""
        return WIDTH - self.right

    @property
    def top(self) -> int:
        """Top of the lanes."""
        return TITLE

    @property
    def bottom(self) -> int:
        """Bottom of the lanes."""
        return TITLE + LANE * len(self.panel.lanes)

    def x(self, position: float) -> float:
        """Return the coordinate of a position in percent."""
        return round(self.left + position / 100 * (self.end - self.left), 2)

    def y(self, number: int) -> float:
        """Return the coordinate of the middle of a lane."""
        return TITLE + LANE * (number + 0.5)

    @property
    def words(self) -> str:
        """The whole panel in words."""
        return ". ".join([self.panel.title, *(lane.text for lane in self.panel.lanes)])


@dataclass(frozen=True)
class Axis:
    """A map from values to positions in percent."""

    low: float
    high: float

    @classmethod
    def around(cls, values: Iterable[float], centre: float) -> Axis:
        """Return an axis around a centre that contains all values, with a margin."""
        far = max((abs(value - centre) for value in values if isfinite(value)), default=0.0)
        reach = 1.08 * far if far > 0 else 1.0
        return cls(centre - reach, centre + reach)

    def position(self, value: float) -> float | None:
        """Return the position of a value; None if it is not finite."""
        return round(100 * (value - self.low) / (self.high - self.low), 2) if isfinite(value) else None

    def ticks(self) -> tuple[tuple[float, str], ...]:
        """Return round values with their positions."""
        found = MaxNLocator(nbins=4, steps=[1, 2, 5, 10]).tick_values(self.low, self.high)
        size = max(abs(self.low), abs(self.high))
        texts = [
            (self.position(float(value)), f"{0.0 if abs(value) < 1e-9 * size else float(value):.6g}") for value in found
        ]
        return tuple((at, text.replace("-", MINUS)) for at, text in texts if at is not None and -1e-6 <= at <= 100)


def figure_text(value: float, low: float = np.nan, high: float = np.nan) -> str:
    """Return a figure as text, with its interval if there is one."""
    if not isfinite(value):
        return "none"
    text = f"{value:.3g}" if not isfinite(low) else f"{value:.3g}, 95 % interval {low:.3g} to {high:.3g}"
    return text.replace("-", MINUS)
