"""The concept activation vector (CAV) and the figures that say how good it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sacv.cav.presence import NONE, Presence
from sacv.cav.random_runs import DrawnCAVs

if TYPE_CHECKING:
    from sacv.cav.image_scores import ImageScores
    from sacv.cav.strata import Association

Float64 = NDArray[np.float64]
Interval = tuple[float, float]
"""Lower and upper end of a 95 % bootstrap interval, images or their groups drawn with replacement."""


@dataclass(frozen=True)
class Quality:
    """How well a CAV tells its concept from random on images that it was not fitted on.

    The folds are grouped by image; where images have groups, such as patients, by these, and figures over images are
    over groups, each of which counts as one. Accuracies are balanced (the mean of the two sets' shares told right), at
    a threshold chosen without the fold judged; chance is 0.5, also for AUROC.

    Parameters
    ----------
    accuracy, auroc
        Over single locations.
    accuracy_interval, auroc_interval
        95 %, over images.
    image_accuracy, image_auroc
        Over images, by the mean of their locations.
    images, random_images
        Number of images of the concept and of the random set.
    locations, random_locations
        Number of their locations, or the sum of their weights.
    run_cosine
        Mean cosine between the CAVs of random runs; none where fewer than two were drawn.
    looks_auroc
        How well brightness, saturation or edge energy alone tells the sets apart, as AUROC in [0.5, 1].
    cosine
        With the CAV of each other concept.
    conditional_auroc
        How well the CAV tells its concept's held-out locations from those of each other concept.
    absent
        Names of concept images that the CAV, fitted without them, scores below the median random image.
    place_auroc
        For a concept told from the rest of its photos: the mean over photos, each held out, of the AUROC of its marked
        locations over its others.
    groups, random_groups
        Number of groups of both sets; none where no groups were given.
    image_score_auroc, image_score_interval
        How well the image score, the greatest evidence anywhere in a picture, tells pictures with the concept from
        those without it (`sacv.cav.image_scores`), with its 95 % interval; none where there are no image scores.
    strata
        How the concept goes with each column that was named as a possible confounder.
    """

    accuracy: float
    auroc: float
    accuracy_interval: Interval
    auroc_interval: Interval
    image_accuracy: float
    image_auroc: float
    images: int
    random_images: int
    locations: float
    random_locations: float
    run_cosine: float | None
    looks_auroc: Mapping[str, float]
    cosine: Mapping[str, float] = field(default_factory=dict)
    conditional_auroc: Mapping[str, float] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    place_auroc: float | None = None
    groups: int | None = None
    random_groups: int | None = None
    strata: tuple[Association, ...] = ()
    image_score_auroc: float | None = None
    image_score_interval: Interval | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the fields; those of groups, strata and image scores only where there are any."""
        fields = asdict(self)
        if self.groups is None:
            del fields["groups"], fields["random_groups"]
        if not self.strata:
            del fields["strata"]
        if self.image_score_auroc is None:
            del fields["image_score_auroc"], fields["image_score_interval"]
        return fields


@dataclass(frozen=True, eq=False)
class CAV:
    """The direction of a concept at a layer.

    Parameters
    ----------
    layer, concept
        What it belongs to.
    vector
        v, float64 `(channels,)`, L2 norm 1, pointing to the concept: contribution and scores are asked along it.
    threshold
        A location is relevant where `w . a(p)` exceeds it, with w the detector; chosen on held-out images.
    separation
        `v . (mean of concept - mean of random)`, above 0, in units of activation.
    quality
        Figures from held-out images.
    evidence
        Float64 `(101,)`: the percentiles 0 to 100 of `w . a(p)` over the concept's locations, each from the direction
        fitted without its image.
    runs
        The concept against random halves of the pool.
    null
        Random images against random images.
    statistics
        What the solver tells of its work.
    own_detector
        w, where the solver parts it from v.
    dealt
        The concept's and the random images with their labels dealt at random, against which relevance is held; none
        for a concept of marked regions, whose images and the random ones are not seen alike.
    presence
        What pictures without the concept reach, of which the mask of presence is made.
    image_scores
        Of a concept from a table, the held-out scores of its pictures and of its random set of its own; none for
        others, and where merging or fitting anew has changed the CAV.
    """

    layer: str
    concept: str
    vector: Float64
    threshold: float
    separation: float
    quality: Quality
    evidence: Float64
    runs: DrawnCAVs
    null: DrawnCAVs
    statistics: Mapping[str, float] = field(default_factory=dict)
    own_detector: Float64 | None = None
    dealt: DrawnCAVs | None = None
    presence: Presence = field(default_factory=lambda: Presence.without(NONE))
    image_scores: ImageScores | None = None

    @property
    def detector(self) -> Float64:
        """The direction w along which relevance is read, float64 `(channels,)`, L2 norm 1."""
        return self.vector if self.own_detector is None else self.own_detector

    @property
    def presence_direction(self) -> Float64:
        """The direction u of the presence mask, float64 `(channels,)`, L2 norm 1 (`sacv.cav.hard_negatives`)."""
        return self.detector if self.presence.direction is None else self.presence.direction

    @property
    def calibration(self) -> Presence | ImageScores:
        """What presence and p-values are from: pictures kept for it, or else the others of the concept's table."""
        scores = self.image_scores
        if self.presence.threshold is None and scores is not None and scores.calibrated:
            return scores
        return self.presence

    @property
    def others(self) -> int:
        """Number of pictures, or of their groups, that p-values are against."""
        scores = self.image_scores
        return scores.others if scores is not None and self.calibration is scores else self.presence.groups

    @property
    def calibrated(self) -> bool:
        """Whether there is a mask of presence, and p-values of pictures."""
        return self.calibration is not self.presence or self.presence.threshold is not None
