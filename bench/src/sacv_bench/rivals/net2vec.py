"""Net2Vec: the weights of a 1x1 convolution that segments the concept (Fong and Vedaldi, arXiv 1801.03454).

With L(p) the share of location p that the mask covers, and q the mean of L, it finds w and b that minimise::

    sum_p (1 - q) L(p) log(1 + exp(-w . a(p) - b)) + q (1 - L(p)) log(1 + exp(w . a(p) + b))

so that the concept's locations weigh as much as all others. It is trained on a mask of every image, unlike
the other methods: an upper bound for a direction at this layer.

Differences from the paper: activations are taken unchanged, not made 0 or 1 at each filter's 0.995 quantile, so
that the weights are a direction in activation space; masks are compared on the layer's grid, not upsampled maps on the
pixels; the loss has the logarithm of cross-entropy, and so is convex; a bias is learnt; and the exact minimum under
slight L2 regularisation on standardised activations replaces 30 epochs of stochastic descent, so it needs
no seed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from sacv.errors import OptionError
from sacv.solvers.standardised import fit_linear
from sacv.stats import LocationSample

Values = NDArray[np.floating]


def net2vec(cells: Values, shares: Values) -> NDArray[np.float64]:
    """Find the direction that segments the concept best.

    Parameters
    ----------
    cells
        Activations `(n, *grid, channels)`.
    shares
        The share of each location that the mask covers, in [0, 1], `(n, *grid)`; a location that is covered in part
        counts on both sides.

    Returns
    -------
    Float64 `(channels,)`, L2 norm 1, pointing to the concept.

    Raises
    ------
    OptionError
        If the shapes do not fit, a share lies outside [0, 1], or all masks together are empty or full.
    SolverError
        If inside and outside do not differ, or the search does not end.
    """
    if cells.shape[:-1] != shares.shape:
        raise OptionError(f"activations {cells.shape} need a share for each location, {cells.shape[:-1]}")
    flat = shares.reshape(-1).astype(np.float64)
    if not (flat.min(initial=0) >= 0 and flat.max(initial=0) <= 1 and 0 < flat.sum() < flat.size):
        raise OptionError("shares must lie in [0, 1] and be neither 0 nor 1 everywhere")
    rows = cells.reshape(-1, cells.shape[-1])
    image = np.repeat(np.arange(len(cells)), flat.size // len(cells))
    inside, outside = (LocationSample(rows[w > 0], image[w > 0], w[w > 0]) for w in (flat, 1 - flat))
    model = LogisticRegression(C=1.0, solver="newton-cholesky", max_iter=200, tol=1e-6)
    return fit_linear(model, inside, outside, "give more masks").vector
