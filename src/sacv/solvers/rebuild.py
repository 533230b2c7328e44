"""Rebuild a solver from its record in a bank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sacv.errors import OptionError
from sacv.registry import SOLVERS
from sacv.solvers.base import Solver, UnitLength


def rebuilds(description: Mapping[str, Any]) -> bool:
    """Return whether `rebuild` knows the solver; it does not know solvers that users define."""
    return description["name"] in (*(entry.class_name for entry in SOLVERS), UnitLength.__name__)


def rebuild(description: Mapping[str, Any]) -> Solver:
    """Create the solver that `Solver.describe` recorded.

    Raises
    ------
    OptionError
        If the solver is not one of sacv's.
    """
    name, parameters = description["name"], description["parameters"]
    if name == UnitLength.__name__:
        return UnitLength(rebuild(parameters["solver"]), parameters.get("smoothing", 0.0))  # type: ignore[arg-type]
    entry = next((entry for entry in SOLVERS if entry.class_name == name), None)
    if entry is None:
        raise OptionError(
            f"the bank was fitted with {name}({parameters}), which is not a solver of sacv; give it as solver="
        )
    solver: Solver = entry.load()(**parameters)
    return solver
