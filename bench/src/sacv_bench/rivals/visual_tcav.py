"""Visual-TCAV (De Santis et al., arXiv 2411.05698): a concept map, and how much of a logit it accounts for.

The CAV is the difference of the means of the two sets after average pooling, unscaled, and the concept map is the
projection on it, rescaled from e0 to e1::

    d    = mean of the concept's pooled activations - mean of the random ones
    m(p) = ReLU(d . a(p))
    e1   = median over the concept's images of (sum_p m(p)^2 / sum_p m(p)); e0 the same over random images
    M(p) = (clip(m(p), e0, e1) - e0) / (e1 - e0), and 0 everywhere where e1 <= e0

The attribution starts from integrated gradients of the logit between activations of 0 and the actual ones. Its
positive part is scaled to sum to the class's share s of the gain of the best class, and weighted by map and CAV::

    A_c(p)      = ReLU(a_c(p) * mean gradient on the path), scaled so that sum_p sum_c A_c(p) = s
    s           = ReLU(z_k(a) - z_k(0)) / max_j ReLU(z_j(a) - z_j(0))
    attribution = sum_p sum_c u_c A_c(p) M(p), with u = ReLU(d) / max ReLU(d)

Where activations may be negative, d_c changes sign in u for channels whose mean under the map, sum_p a_c(p) M(p), is
below 0. All of it lies between 0 and 1: it cannot show that a concept opposes a class.

What is left out is only drawing: the resize and the blur of the map. Where the published code adds 1e-7 to a
denominator, a sum of 0 gives 0 here.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.errors import OptionError
from sacv_bench.rivals.shared import require_alike

Values = NDArray[np.floating]
Float64 = NDArray[np.float64]


def pooled_difference(concept: Values, random: Values) -> Float64:
    """Return the CAV of two sets of activations `(n, *grid, channels)`: float64 `(channels,)`, not scaled.

    Raises
    ------
    OptionError
        If the sets have other shapes, or one is empty.
    """
    require_alike(concept, random)
    locations = tuple(range(concept.ndim - 1))
    means = [side.astype(np.float64).mean(axis=locations) for side in (concept, random)]
    difference: Float64 = means[0] - means[1]
    return difference


def emblems(concept: Values, random: Values, vector: Float64) -> tuple[float, float]:
    """Return the scale of the concept map, (e0, e1), in units of activation times the length of the CAV.

    Parameters
    ----------
    concept, random
        Activations of the two sets, `(n, *grid, channels)`.
    vector
        The CAV, `(channels,)`.
    """
    low, high = (float(np.median(_contraharmonic(_positive_part(side, vector)))) for side in (random, concept))
    return low, high


def concept_map(cells: Values, vector: Float64, scale: tuple[float, float]) -> Float64:
    """Return where the concept is: 0 as in random images, 1 as in the concept's, float64 `(n, *grid)`.

    Parameters
    ----------
    cells
        Activations `(n, *grid, channels)`.
    vector
        The CAV, `(channels,)`.
    scale
        What `emblems` gives; where its second number is not above the first, the map is 0.
    """
    low, high = scale
    found = _positive_part(cells, vector)
    if high <= low:
        return np.zeros_like(found)
    scaled: Float64 = (np.clip(found, low, high) - low) / (high - low)
    return scaled


def class_share(logits: Values, empty: Values, target: int) -> Float64:
    """Return what a class gained from the layer, as a share of the most that a class gained, float64 `(n,)` in [0, 1].

    Parameters
    ----------
    logits
        `(n, classes)`.
    empty
        Logits where all activations of the layer are 0, `(n, classes)` or `(classes,)`.
    target
        Number of the class.
    """
    gained = np.maximum(logits.astype(np.float64) - empty, 0)
    most = gained.max(axis=1)
    share: Float64 = gained[:, target] / np.where(most > 0, most, 1)
    return share


def attribution_map(
    gradients_mean: Values, cells: Values, vector: Float64, scale: tuple[float, float], share: Values
) -> Float64:
    """Return what each location adds to `attribution`, float64 `(n, *grid)`; never negative.

    Parameters
    ----------
    gradients_mean
        What `integrated_gradients` gives, `(n, *grid, channels)`.
    cells
        Activations `(n, *grid, channels)`.
    vector
        The CAV, `(channels,)`.
    scale
        What `emblems` gives.
    share
        `(n,)`: what an image's attributions sum to before they are weighed. With `class_share` they are as published;
        with the rise of the logit itself, its part above 0, they are in logits.

    Raises
    ------
    OptionError
        If gradients and activations have other shapes.
    """
    if gradients_mean.shape != cells.shape:
        raise OptionError(f"gradients {gradients_mean.shape} and activations {cells.shape} must have one shape")
    exact = cells.astype(np.float64)
    images = (len(cells), *[1] * (cells.ndim - 1))
    positive = np.maximum(gradients_mean * exact, 0)
    total = positive.reshape(len(cells), -1).sum(axis=1)
    factor = share / np.where(total > 0, total, 1)
    seen = concept_map(cells, vector, scale)[..., None]
    under = (exact * seen).reshape(len(cells), -1, cells.shape[-1]).sum(axis=1)
    weights = np.maximum(vector * np.where(under < 0, -1.0, 1.0), 0)
    most = weights.max(axis=1, keepdims=True)
    weights /= np.where(most > 0, most, 1)
    weighed: Float64 = (positive * seen * weights.reshape(*images[:-1], -1)).sum(axis=-1) * factor.reshape(images[:-1])
    return weighed


def attribution(
    gradients_mean: Values, cells: Values, vector: Float64, scale: tuple[float, float], share: Values
) -> Float64:
    """Return how much of the class an image owes to the concept, float64 `(n,)`; the sum of `attribution_map`."""
    added: Float64 = attribution_map(gradients_mean, cells, vector, scale, share).reshape(len(cells), -1).sum(axis=1)
    return added


def integrated_gradients(
    forward: Callable[[torch.Tensor], torch.Tensor], cells: torch.Tensor, steps: int = 50
) -> Float64:
    """Return the mean gradient on the straight path from activations of 0, float64 `(n, *grid, channels)`.

    The trapezoidal rule over `steps` parts: `steps` + 1 forward and backward passes. Times the activations, it sums to
    the rise of the logit (Sundararajan, Taly and Yan, arXiv 1703.01365).

    Parameters
    ----------
    forward
        From activations `(n, *grid, channels)` to the logit of each image, `(n,)`.
    cells
        Activations `(n, *grid, channels)`.
    steps
        Parts of the path, at least 1.

    Raises
    ------
    OptionError
        If `steps` is below 1.
    """
    if steps < 1:
        raise OptionError(f"steps is {steps}; it must be at least 1")
    total = torch.zeros_like(cells, dtype=torch.float64)
    for step in range(steps + 1):
        point = (cells.detach() * (step / steps)).requires_grad_()
        with torch.enable_grad():
            logit = forward(point).sum()
        if logit.requires_grad:
            (gradient,) = torch.autograd.grad(logit, point, allow_unused=True, materialize_grads=True)
            total += gradient.double() * (0.5 if step in (0, steps) else 1.0)
    mean: Float64 = (total / steps).cpu().numpy()
    return mean


def _positive_part(cells: Values, vector: Float64) -> Float64:
    along: Float64 = np.maximum(cells.astype(np.float64) @ vector, 0)
    return along


def _contraharmonic(maps: Float64) -> Float64:
    flat = maps.reshape(len(maps), -1)
    total = flat.sum(axis=1)
    mean: Float64 = (flat**2).sum(axis=1) / np.where(total > 0, total, 1)
    return mean
