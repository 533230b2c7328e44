"""A row of the report: a figure, and what it had to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Target(Protocol):
    """What a figure had to be."""

    def met(self, value: float) -> bool:
        """Tell whether a figure is so."""
        ...


@dataclass(frozen=True)
class AtLeast:
    """So much or more."""

    limit: float

    def met(self, value: float) -> bool:
        """Tell whether a figure is so."""
        return value >= self.limit

    def __str__(self) -> str:
        return f"at least {self.limit:g}"


@dataclass(frozen=True)
class AtMost:
    """So much or less."""

    limit: float

    def met(self, value: float) -> bool:
        """Tell whether a figure is so."""
        return value <= self.limit

    def __str__(self) -> str:
        return f"at most {self.limit:g}"


@dataclass(frozen=True)
class Row:
    """One figure.

    Parameters
    ----------
    experiment
        Name of the experiment.
    case
        On what: a network and layer, or a number of images.
    what
        What was measured.
    value
        The figure; none where it could not be measured, and `note` then says why.
    unit
        Of the figure: `x` for a ratio.
    target
        What it had to be.
    rounds
        Rounds that the median is over.
    note
        What a reader needs beside it.
    """

    experiment: str
    case: str
    what: str
    value: float | None
    unit: str = "x"
    target: Target | None = None
    rounds: int = 1
    note: str = ""

    @property
    def verdict(self) -> str:
        """Say whether the target was met; nothing where there is none, or no figure."""
        if self.target is None or self.value is None:
            return ""
        return "yes" if self.target.met(self.value) else "no"

    @property
    def figure(self) -> str:
        """Give the figure for people."""
        if self.value is None:
            return "not measured"
        digits = 0 if abs(self.value) >= 100 else 1 if abs(self.value) >= 10 else 2 if abs(self.value) >= 1 else 3
        return f"{self.value:,.{digits}f} {self.unit}".strip()


def not_measured(experiment: str, case: str, why: str) -> Row:
    """Give the row of what could not be measured."""
    return Row(experiment, case, "", None, note=why)
