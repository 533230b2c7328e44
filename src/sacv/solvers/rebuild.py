"""From a bank's record of a solver back to the object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sacv.errors import OptionError
from sacv.solvers.base import Solver, UnitLength
from sacv.solvers.lda import LDA
from sacv.solvers.linear_svm import LinearSVM
from sacv.solvers.logistic import Logistic
from sacv.solvers.mean_difference import MeanDifference
from sacv.solvers.ridge import Ridge

_BY_NAME: dict[str, type[Solver]] = {kind.__name__: kind for kind in (LDA, LinearSVM, Logistic, MeanDifference, Ridge)}


def rebuilds(description: Mapping[str, Any]) -> bool:
    """Tell whether `rebuild` knows a solver of this name; otherwise it is the user's own."""
    return description["name"] in (*_BY_NAME, UnitLength.__name__)


def rebuild(description: Mapping[str, Any]) -> Solver:
    """Make the solver that `Solver.describe` told of.

    Raises
    ------
    OptionError
        If it is the user's own and so must be given again.
    """
    name, parameters = description["name"], description["parameters"]
    if name == UnitLength.__name__:
        return UnitLength(rebuild(parameters["solver"]), parameters.get("smoothing", 0.0))  # type: ignore[arg-type]
    if name not in _BY_NAME:
        raise OptionError(
            f"the bank was made with {name}({parameters}), which cannot be made from its name; give solver="
        )
    return _BY_NAME[name](**parameters)
