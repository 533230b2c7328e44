"""The one place where names on the command line become solver objects.

    mean-difference[:SHRINKAGE|auto]   lda[:SHRINKAGE|oas]   ridge[:ALPHA]   logistic[:C]   linear-svm[:C]

and before it `unit-length/` for activations divided by their length, or `smooth/` for those averaged over neighbours
too. Without a value, a solver has its own default.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sacv.errors import OptionError

if TYPE_CHECKING:
    from sacv.solvers import MomentSolver, SampleSolver, Solver

FORMS = {
    "mean-difference": "mean-difference[:SHRINKAGE|auto]",
    "lda": "lda[:SHRINKAGE|oas]",
    "ridge": "ridge[:ALPHA]",
    "logistic": "logistic[:C]",
    "linear-svm": "linear-svm[:C]",
}
"""How each name is written."""

READINGS = {"unit-length/": 0.0, "smooth/": 1.0}
"""What may stand before a name, and how many locations the average over neighbours then spans."""

LEGAL = f"{', '.join(FORMS.values())}, or {' or '.join(f'{prefix}NAME' for prefix in READINGS)} of one of these"
"""What may be given, for people."""


def parse_solver(text: str) -> Solver:
    """Read a solver: `NAME` or `NAME:VALUE`, and before it what is in `READINGS`.

    Raises
    ------
    OptionError
        If there is no such solver, or its value is outside what is legal.
    """
    from sacv.solvers import UnitLength

    prefix = next((found for found in READINGS if text.startswith(found)), "")
    name, colon, value = text.removeprefix(prefix).partition(":")
    try:
        solver = _solver(name, value if colon else None)
    except OptionError as error:
        raise OptionError(f"--solver {text}: {error}") from error
    return UnitLength(solver, READINGS[prefix]) if prefix else solver


def _solver(name: str, value: str | None) -> MomentSolver | SampleSolver:
    from sacv.solvers import AUTO, LDA, LinearSVM, Logistic, MeanDifference, Ridge

    if name == "mean-difference":
        return MeanDifference() if value is None else MeanDifference(AUTO if value == AUTO else _number(name, value))
    if name == "lda":
        return LDA() if value is None else LDA("oas" if value == "oas" else _number(name, value))
    if name == "ridge":
        return Ridge() if value is None else Ridge(alpha=_number(name, value))
    if name == "logistic":
        return Logistic() if value is None else Logistic(C=_number(name, value))
    if name == "linear-svm":
        return LinearSVM() if value is None else LinearSVM(C=_number(name, value))
    raise OptionError(f"there is no solver {name!r}; give {LEGAL}")


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise OptionError(f"{text!r} is not a finite number; give {FORMS[name]}, such as {name}:0.1")
    return value
