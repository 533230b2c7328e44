"""From names on the command line to solver objects: the names of `sacv.registry.SOLVERS`.

The prefix `unit-length/` divides activations by their length; `smooth/` also averages them over neighbours.
Without a value, a solver uses its default.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sacv.errors import OptionError
from sacv.registry import SOLVERS, Entry

if TYPE_CHECKING:
    from sacv.solvers import MomentSolver, SampleSolver, Solver

PREFIXES = {"unit-length/": 0.0, "smooth/": 1.0}
"""Prefixes, and the standard deviation of the average over neighbours, in locations."""

LEGAL = (
    f"{', '.join(entry.form for entry in SOLVERS)}, or "
    f"{' or '.join(f'{prefix}NAME' for prefix in PREFIXES)} of one of these"
)
"""The legal values, for messages."""


def parse_solver(text: str) -> Solver:
    """Parse a solver: `NAME` or `NAME:VALUE`, with or without one of `PREFIXES`."""
    from sacv.solvers import UnitLength

    prefix = next((found for found in PREFIXES if text.startswith(found)), "")
    name, colon, value = text.removeprefix(prefix).partition(":")
    try:
        solver = _solver(name, value if colon else None)
    except OptionError as error:
        raise OptionError(f"--solver {text}: {error}") from error
    return UnitLength(solver, PREFIXES[prefix]) if prefix else solver


def _solver(name: str, value: str | None) -> MomentSolver | SampleSolver:
    entry = next((entry for entry in SOLVERS if entry.name == name), None)
    if entry is None:
        raise OptionError(f"there is no solver {name!r}; give {LEGAL}")
    kind = entry.load()
    solver: MomentSolver | SampleSolver = kind() if value is None else kind(_value(entry, value))
    return solver


def _value(entry: Entry, text: str) -> float | str:
    if text in entry.words:
        return text
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise OptionError(f"{text!r} is not a finite number; give {entry.form}, such as {entry.name}:0.1")
    return value
