"""Numbers of random CAVs: random runs, which give the spread of a CAV, and null CAVs."""

from __future__ import annotations

from dataclasses import dataclass

from sacv.errors import OptionError
from sacv.solvers import MomentSolver, SampleSolver, Solver, UnitLength


@dataclass(frozen=True)
class Draws:
    """Numbers of random CAVs."""

    runs: int
    """Random runs, at least 1. The first uses all random images."""
    nulls: int
    """Null CAVs and permuted CAVs. With 0 there is no significance mask."""


def draws(solver: Solver, runs: int | None, nulls: int | None) -> Draws:
    """Return the numbers with their defaults: 20 and 199, or 5 and 19 for solvers that need samples."""
    sampled = isinstance(inner(solver), SampleSolver)
    found = Draws(
        (5 if sampled else 20) if runs is None else runs, (19 if sampled else 199) if nulls is None else nulls
    )
    if found.runs < 1:
        raise OptionError(f"runs must be at least 1, not {runs}")
    if found.nulls < 0:
        raise OptionError(f"nulls must be at least 0, not {nulls}")
    return found


def inner(solver: Solver) -> MomentSolver | SampleSolver:
    """Return the solver, unwrapped from `UnitLength`."""
    found = solver.solver if isinstance(solver, UnitLength) else solver
    if not isinstance(found, MomentSolver | SampleSolver):
        raise OptionError(f"solver must be an object such as sacv.solvers.MeanDifference(), not {solver!r}")
    return found
