r"""Fit a scikit-learn linear classifier to locations, with its weights in activation space.

The classifier is fitted on z = (a - m) / s, standardised over both sets with weights. Its weights u become u / s. A
constant channel has weight 0. Both sets have the same total weight; within a set, the weight of a location is the share
of its cell that belongs to the set.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import has_fit_parameter

from sacv.errors import SolverError
from sacv.solvers.base import NO_DIFFERENCE, Solution, unit
from sacv.stats import LocationSample


def fit_linear(estimator: Any, concept: LocationSample, random: LocationSample, way_out: str) -> Solution:
    """Fit an estimator and return its `coef_` for two classes as a direction.

    Parameters
    ----------
    estimator
        A scikit-learn classifier, which is fitted in place.
    concept, random
        Samples of locations.
    way_out
        Advice for the error message if the optimisation does not converge.

    Raises
    ------
    SolverError
        If the sets do not differ, the optimisation does not converge, or the estimator is not linear or does not
        support sample weights.
    """
    values = np.concatenate([concept.vectors, random.vectors]).astype(np.float64)
    labels = np.concatenate([np.ones(len(concept.vectors)), np.zeros(len(random.vectors))])
    weights = np.concatenate([side.weights / side.weights.sum() * len(values) / 2 for side in (concept, random)])
    mean = np.average(values, axis=0, weights=weights)
    spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))
    # A constant channel differs from 0 by rounding only.
    moving = spread > 1e-12 * np.abs(values).max(axis=0, initial=0)
    difference = concept.mean() - random.mean()
    if not moving.any():
        raise SolverError(NO_DIFFERENCE)
    scale = np.where(moving, spread, 1.0)
    standard = np.where(moving, (values - mean) / scale, 0.0)
    _fit(estimator, standard, labels, weights, way_out)
    coefficients = np.ravel(getattr(estimator, "coef_", ()))
    if coefficients.shape != (values.shape[1],):
        raise SolverError(
            f"{estimator!r} has no coef_ with one weight for each of {values.shape[1]} channels; use a linear "
            "classifier such as sklearn.linear_model.LogisticRegression()"
        )
    steps = getattr(estimator, "n_iter_", None)  # not every estimator iterates
    statistics = {} if steps is None else {"iterations": float(np.max(steps))}
    return Solution(unit(np.where(moving, coefficients / scale, 0.0), difference), statistics)


def _fit(
    estimator: Any, values: NDArray[np.float64], labels: NDArray[np.float64], weights: NDArray[np.float64], way_out: str
) -> None:
    keywords = {"sample_weight": weights} if has_fit_parameter(estimator, "sample_weight") else {}
    if not keywords and np.ptp(weights[labels == 1]) + np.ptp(weights[labels == 0]) > 0:
        raise SolverError(f"{estimator!r} takes no sample_weight, which locations of regions need; take another")
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            estimator.fit(values, labels, **keywords)
        except ConvergenceWarning as error:
            raise SolverError(f"{type(estimator).__name__} has not converged; {way_out}") from error
