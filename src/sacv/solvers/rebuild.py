"""From a bank's record of a solver back to the object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sacv.errors import OptionError
from sacv.registry import SOLVERS
from sacv.solvers.base import Solver, UnitLength


def rebuilds(description: Mapping[str, Any]) -> bool:
    """Tell whether `rebuild` knows a solver of this name; otherwise it is the user's own."""
    return description["name"] in (*(entry.class_name for entry in SOLVERS), UnitLength.__name__)


def rebuild(description: Mapping[str, Any]) -> Solver:
    """Create the solver that `Solver.describe` recorded.

    Raises
    ------
    OptionError
        If it is the user's own and so must be given again.
    """
    name, parameters = description["name"], description["parameters"]
    if name == UnitLength.__name__:
        return UnitLength(rebuild(parameters["solver"]), parameters.get("smoothing", 0.0))  # type: ignore[arg-type]
    entry = next((entry for entry in SOLVERS if entry.class_name == name), None)
    if entry is None:
        raise OptionError(
            f"the bank was made with {name}({parameters}), which cannot be made from its name; give solver="
        )
    solver: Solver = entry.load()(**parameters)
    return solver
