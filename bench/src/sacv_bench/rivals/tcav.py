"""TCAV, whose concept activation vector belongs to a whole layer (Kim et al., arXiv 1711.11279, section 3).

A linear classifier separates the concept's images from random ones; its weights are the CAV v, and the sensitivity of
an image is the directional derivative of its logit z (their equation 1)::

    S = sum_p v(p) . dz/da(p)

The flattened CAV has separate weights at every location p, and so depends on location; the pooled one is learnt on the
mean over the grid and is the same at every location. The TCAV score of a class is the share of its images with
S > 0.

The classifier is the one that tensorflow/tcav and captum take by default: scikit-learn's `SGDClassifier` with the hinge
loss, alpha 0.01, 1000 epochs and tolerance 1e-3, on activations unchanged. Both hold out a third of the images for
the accuracy, and tensorflow/tcav cuts the larger set to the size of the smaller; here all images train, in the
rival's favour.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier

from sacv.errors import OptionError
from sacv_bench.rivals.shared import at_length_one, require_alike

Values = NDArray[np.floating]
Float64 = NDArray[np.float64]


def flattened_cav(concept: Values, random: Values, seed: int) -> Float64:
    """Find the CAV of a flattened layer.

    Parameters
    ----------
    concept, random
        Activations of whole images, `(n, *grid, channels)`.
    seed
        Shuffles the images between epochs.

    Returns
    -------
    Float64 `(*grid, channels)`, L2 norm 1 in all, on the concept's side of the classifier.

    Raises
    ------
    OptionError
        If the sets have other shapes, or one is empty.
    SolverError
        If the classifier finds no direction.
    """
    require_alike(concept, random)
    images = np.concatenate([concept, random])
    weights = _classifier_weights(images.reshape(len(images), -1), len(concept), seed)
    return weights.reshape(concept.shape[1:])


def pooled_cav(concept: Values, random: Values, seed: int) -> Float64:
    """Find the CAV of a layer averaged over its grid.

    Parameters
    ----------
    concept, random
        Activations of whole images, `(n, *grid, channels)`.
    seed
        Shuffles the images between epochs.

    Returns
    -------
    Float64 `(channels,)`, L2 norm 1, on the concept's side of the classifier.

    Raises
    ------
    OptionError
        If the sets have other shapes, or one is empty.
    SolverError
        If the classifier finds no direction.
    """
    require_alike(concept, random)
    locations = tuple(range(1, concept.ndim - 1))
    pooled = np.concatenate([concept.mean(axis=locations), random.mean(axis=locations)])
    return _classifier_weights(pooled, len(concept), seed)


def sensitivity(cav: Values, gradients: Values) -> Float64:
    """Return the derivative of each image's logit along the CAV, float64 `(n,)`, in logits per unit of the CAV.

    Parameters
    ----------
    cav
        Flattened `(*grid, channels)`, or pooled `(channels,)` and then the same at every location.
    gradients
        Of the logit, `(n, *grid, channels)`.

    Raises
    ------
    OptionError
        If the CAV fits neither way.
    """
    summed: Float64 = local_map(cav, gradients).reshape(len(gradients), -1).sum(axis=1)
    return summed


def local_map(cav: Values, cells: Values) -> Float64:
    """Return v(p) . a(p) at every location, float64 `(n, *grid)`.

    Of activations it is where the CAV sees the concept; of gradients, what each location adds to the sensitivity.

    Parameters
    ----------
    cav
        Flattened `(*grid, channels)`, or pooled `(channels,)`.
    cells
        Activations or gradients, `(n, *grid, channels)`.

    Raises
    ------
    OptionError
        If the CAV fits neither way.
    """
    if cav.shape not in (cells.shape[1:], cells.shape[-1:]):
        raise OptionError(
            f"a CAV of shape {cav.shape} does not fit {cells.shape}; it is {cells.shape[1:]} or {cells.shape[-1:]}"
        )
    along: Float64 = np.einsum("...c,...c->...", cells.astype(np.float64), cav.astype(np.float64))
    return along


def _classifier_weights(rows: Values, concepts: int, seed: int) -> Float64:
    """Train on rows, the first `concepts` of which show the concept; give the weights at L2 norm 1."""
    classifier = SGDClassifier(loss="hinge", alpha=0.01, max_iter=1000, tol=1e-3, random_state=seed)
    classifier.fit(rows, np.arange(len(rows)) < concepts)
    return at_length_one(classifier.coef_[0])
