"""The concept activation vector (CAV) and the figures that say how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Quality:
    """How well a CAV tells its concept from random on images that it was not fitted on.

    The folds are grouped by image. Accuracies are balanced (the mean of the two sets' shares told right), at a
    threshold chosen without the fold judged; chance is 0.5, also for AUROC.

    Parameters
    ----------
    accuracy, auroc
        Over single locations.
    image_accuracy, image_auroc
        Over images, by the mean of their locations.
    images, random_images
        Number of images of the concept and of the random set.
    locations, random_locations
        Number of their locations.
    """

    accuracy: float
    auroc: float
    image_accuracy: float
    image_auroc: float
    images: int
    random_images: int
    locations: int
    random_locations: int


@dataclass(frozen=True, eq=False)
class CAV:
    """The direction of a concept at a layer.

    Parameters
    ----------
    layer, concept
        What it belongs to.
    vector
        Float64 `(channels,)`, L2 norm 1, pointing to the concept.
    threshold
        A location is relevant where `v . a(p)` exceeds it; chosen on held-out images.
    quality
        Figures from held-out images.
    statistics
        What the solver tells of its work.
    """

    layer: str
    concept: str
    vector: NDArray[np.float64]
    threshold: float
    quality: Quality
    statistics: Mapping[str, float] = field(default_factory=dict)
