"""Agreement of estimated contributions with true changes of a logit.

The truth of an element is the logit of the image minus the logit of the image rendered without it (as in FunnyBirds,
arXiv 2308.06248) or with another texture on it; the estimate is the sum of the contribution map over the element. Both
are in units of the logit, and positive if the element supports the class.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from sacv.errors import OptionError

Values = NDArray[np.floating]


def spearman(found: Values, truth: Values) -> float:
    """Return Spearman's rank correlation of found numbers with true changes.

    Parameters
    ----------
    found
        `(elements,)`: the value of an explanation.
    truth
        `(elements,)`: the changes of the logit.

    Returns
    -------
    From -1 to 1; nan where either is constant, or there are fewer than two.

    Raises
    ------
    OptionError
        If the two are not equally long, or a number is not finite.
    """
    _check(found, truth)
    if len(found) < 2 or (found == found[0]).all() or (truth == truth[0]).all():
        return float("nan")
    return float(spearmanr(found, truth).statistic)


def sign_accuracy(found: Values, truth: Values, least: float) -> float:
    """Return the share of true changes, of those of at least a size, whose sign was found.

    Parameters
    ----------
    found
        `(elements,)`: the value of an explanation; 0 counts as wrong.
    truth
        `(elements,)`: the changes of the logit.
    least
        Size of a change that counts, in units of the logit; above 0, since 0 has no sign.

    Returns
    -------
    From 0 to 1; nan where no change is large enough.

    Raises
    ------
    OptionError
        If `least` is not above 0, the two are not equally long, or a number is not finite.
    """
    _check(found, truth)
    if not least > 0:
        raise OptionError(f"least is {least}; it must be above 0, for a change of 0 has no sign")
    counted = np.abs(truth) >= least
    if not counted.any():
        return float("nan")
    # The truth is not 0 here, so that a found 0 is never right.
    return float(np.mean(np.sign(found[counted]) == np.sign(truth[counted])))


def background_mass(contribution: Values, near: NDArray[np.bool_]) -> float:
    """Return the share of a contribution map's absolute values that lies away from what could have caused it.

    Parameters
    ----------
    contribution
        The map, `grid`, signed.
    near
        Bool `grid`: cells of the element, grown by the receptive field.

    Returns
    -------
    From 0 to 1; 0 for a map of zeros.

    Raises
    ------
    OptionError
        If the shapes differ, `near` is not bool, or a value is not finite.
    """
    if near.shape != contribution.shape or near.dtype != np.bool_:
        raise OptionError(f"near must be bool of shape {contribution.shape}, not {near.dtype} of {near.shape}")
    _check_finite(contribution)
    size = np.abs(contribution, dtype=np.float64)
    total = size.sum()
    return float(size[~near].sum() / total) if total > 0 else 0.0


def _check(found: Values, truth: Values) -> None:
    if found.ndim != 1 or found.shape != truth.shape:
        raise OptionError(f"found and truth must be equally long rows of numbers, not {found.shape} and {truth.shape}")
    _check_finite(found)
    _check_finite(truth)


def _check_finite(values: Values) -> None:
    if not np.isfinite(values).all():
        raise OptionError(f"{np.sum(~np.isfinite(values))} of {values.size} numbers are not finite; leave them out")
