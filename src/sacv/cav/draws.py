"""How many CAVs are drawn at random: runs, which give the spread of a CAV, and null CAVs."""

from __future__ import annotations

from dataclasses import dataclass

from sacv.errors import OptionError
from sacv.solvers import MomentSolver, SampleSolver, Solver, UnitLength


@dataclass(frozen=True)
class Draws:
    """How many CAVs are drawn.

    Parameters
    ----------
    runs
        Random runs, the whole pool being the first: at least 1.
    nulls
        CAVs of random against random; 0 for none, and then nothing can be called significant.
    """

    runs: int
    nulls: int


def draws(solver: Solver, runs: int | None, nulls: int | None) -> Draws:
    """Fill in the numbers of draws: 20 and 199; 5 and 19 for solvers that fit each draw anew.

    Raises
    ------
    OptionError
        If one is negative, or there is no run.
    """
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
    """Give the solver itself, out of `UnitLength` if it is wrapped.

    Raises
    ------
    OptionError
        If it is no solver.
    """
    found = solver.solver if isinstance(solver, UnitLength) else solver
    if not isinstance(found, MomentSolver | SampleSolver):
        raise OptionError(f"solver must be an object such as sacv.solvers.MeanDifference(), not {solver!r}")
    return found
