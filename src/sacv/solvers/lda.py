r"""Linear discriminant analysis: the difference of the means, whitened by the scatter within the sets.

    v ~ M^-1 (m_concept - m_random)        M = (1 - g) W + g (tr W / channels) I

where W is the covariance of the locations about the mean of their own set, pooled by number of locations, and g the
shrinkage. Without shrinkage v is parallel to the weights of least squares on labels. `oas` computes g from eq. 23 of
Chen, Wiesel, Eldar and Hero, "Shrinkage algorithms for MMSE covariance estimation" (2010). It assumes that locations
are independent, so that g is small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from sacv.errors import OptionError, SolverError
from sacv.solvers.base import Float64, MomentSolver
from sacv.stats import Moments

JITTER = (1e-10, 1e-7, 1e-5)
"""Smallest weights of the identity, relative to the mean variance, for a shrinkage of 0. The next one is used if the
Cholesky factorisation fails."""


@dataclass(frozen=True)
class LDA(MomentSolver):
    """Linear discriminant analysis with a shrunk covariance.

    Parameters
    ----------
    shrinkage
        From 0 (no shrinkage) to 1 (the difference of means), or "oas".

    Raises
    ------
    OptionError
        If `shrinkage` is not legal.
    """

    shrinkage: float | str = 0.1

    def __post_init__(self) -> None:
        if self.shrinkage != "oas" and (isinstance(self.shrinkage, str) or not 0 <= self.shrinkage <= 1):
            raise OptionError(f"shrinkage must be a number from 0 to 1, or 'oas', not {self.shrinkage!r}")

    def directions(self, differences: Float64, within: Callable[[], Moments]) -> Float64:
        """Return the whitened differences; see `MomentSolver.directions`."""
        scatter = within()
        share = oas(scatter) if isinstance(self.shrinkage, str) else self.shrinkage
        return whiten(differences, scatter, 1 - share, share)


def oas(within: Moments) -> float:
    """Return the oracle-approximating shrinkage of a covariance, in [0, 1]."""
    covariance = within.covariance
    mean = np.trace(covariance) / within.channels
    square = float(np.mean(covariance**2))
    rest = (within.count + 1) * (square - mean**2 / within.channels)
    return 1.0 if rest <= 0 else min(float((square + mean**2) / rest), 1.0)


def whiten(differences: Float64, within: Moments, own: float, identity: float) -> Float64:
    """Solve (own W + identity (tr W / channels) I) x = d for each difference d of `differences` `(k, channels)`."""
    matrix = within.covariance
    mean = float(np.trace(matrix)) / within.channels
    if mean <= 0.0:  # no variance
        return differences
    matrix = own * matrix
    diagonal = matrix.diagonal().copy()
    for least in JITTER:
        matrix[np.diag_indices_from(matrix)] = diagonal + max(identity, least) * mean
        factor, failed = torch.linalg.cholesky_ex(torch.from_numpy(matrix))
        if not failed:
            solved: Float64 = torch.cholesky_solve(torch.from_numpy(differences.T.copy()), factor).numpy().T
            return solved
    raise SolverError("the covariance of the activations is not positive definite; run the network in float32")
