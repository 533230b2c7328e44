"""The concept activation vector (CAV) and its quality figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sacv.cav.presence import NONE, Presence
from sacv.cav.random_runs import DrawnCAVs
from sacv.deprecation import RenamedAttribute, old_keywords
from sacv.stats import Float64

if TYPE_CHECKING:
    from sacv.cav.image_scores import ImageScores
    from sacv.cav.strata import Association

Interval = tuple[float, float]
"""Lower and upper end of a 95 % bootstrap interval over images, or over groups."""

STORED_NAMES = {"statistics_auroc": "looks_auroc", "location_auroc": "place_auroc"}
"""Names of fields of `Quality` in files, where they differ."""


@old_keywords
@dataclass(frozen=True)
class Quality:
    """Quality figures of a CAV on held-out images: how well it separates its concept from the random set.

    Cross-validation folds are grouped by image. If images have groups, such as patients, folds are grouped by group and
    figures over images are over groups. Accuracies are balanced, at a threshold chosen on the other folds. The chance
    level of accuracy and AUROC is 0.5.

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
        Number of their locations, or the sum of the weights of these.
    run_cosine
        Mean cosine between the CAVs of random runs; None for fewer than two runs.
    statistics_auroc
        AUROC in [0.5, 1] of brightness, saturation and edge energy alone (`sacv.cav.image_statistics`).
    cosine
        Cosine with the CAV of each other concept.
    conditional_auroc
        AUROC of the concept's held-out locations against the locations of each other concept.
    absent
        Names of concept images whose held-out score is below that of the median random image.
    location_auroc
        For a concept with regions: AUROC of the locations in the regions against the rest of the same image, held out;
        the mean over images.
    groups, random_groups
        Number of groups of both sets; None without groups.
    image_score_auroc, image_score_interval
        AUROC of the image score, images with the concept against images without it (`sacv.cav.image_scores`), and its
        95 % interval; None without image scores.
    strata
        Association of the concept with each possible confounder.
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
    statistics_auroc: Mapping[str, float]
    cosine: Mapping[str, float] = field(default_factory=dict)
    conditional_auroc: Mapping[str, float] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    location_auroc: float | None = None
    groups: int | None = None
    random_groups: int | None = None
    strata: tuple[Association, ...] = ()
    image_score_auroc: float | None = None
    image_score_interval: Interval | None = None

    looks_auroc = RenamedAttribute("statistics_auroc")
    place_auroc = RenamedAttribute("location_auroc")

    def stored(self) -> dict[str, Any]:
        """Return all figures by their names in files."""
        return {STORED_NAMES.get(name, name): value for name, value in asdict(self).items()}

    def to_json(self) -> dict[str, Any]:
        """Return the fields for the file of a bank, without absent groups, strata and image scores."""
        fields = self.stored()
        if self.groups is None:
            del fields["groups"], fields["random_groups"]
        if not self.strata:
            del fields["strata"]
        if self.image_score_auroc is None:
            del fields["image_score_auroc"], fields["image_score_interval"]
        return fields


@old_keywords
@dataclass(frozen=True, eq=False)
class CAV:
    """The direction of a concept at a layer.

    Parameters
    ----------
    layer, concept
        Names of the layer and the concept.
    vector
        v, float64 `(channels,)`, L2 norm 1, pointing to the concept. Contribution and scores are along v.
    threshold
        t, chosen on held-out images. A location is relevant if `w . a(p) > t`, with the detector w.
    separation
        `v . (mean of concept - mean of random)`, above 0, in units of activation.
    quality
        Quality figures on held-out images.
    evidence
        Float64 `(101,)`: percentiles 0 to 100 of the held-out evidence `w . a(p)` at the concept's locations.
    runs
        CAVs of random runs.
    null
        Null CAVs.
    statistics
        Figures of the solver and of the random set.
    own_detector
        w; None if the detector is v.
    permuted
        Permuted CAVs, the null distribution of relevance. None for a concept with regions, since its masks do not
        apply to random images.
    presence
        Calibration of the presence mask.
    image_scores
        Held-out image scores of a concept from a table. None for other concepts, and after merging or refitting has
        changed the CAV.
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
    permuted: DrawnCAVs | None = None
    presence: Presence = field(default_factory=lambda: Presence.without(NONE))
    image_scores: ImageScores | None = None

    dealt = RenamedAttribute("permuted")

    @property
    def detector(self) -> Float64:
        """The direction w that relevance is measured along, float64 `(channels,)`, L2 norm 1."""
        return self.vector if self.own_detector is None else self.own_detector

    @property
    def presence_direction(self) -> Float64:
        """The direction u of the presence mask, float64 `(channels,)`, L2 norm 1 (`sacv.cav.hard_negatives`)."""
        return self.detector if self.presence.direction is None else self.presence.direction

    @property
    def calibration(self) -> Presence | ImageScores:
        """Calibration of the presence mask and the p-values: absent images, or other rows of the concept's table."""
        scores = self.image_scores
        if self.presence.threshold is None and scores is not None and scores.calibrated:
            return scores
        return self.presence

    @property
    def others(self) -> int:
        """Number of images without the concept, or of their groups, that p-values are computed from."""
        scores = self.image_scores
        return scores.others if scores is not None and self.calibration is scores else self.presence.groups

    @property
    def calibrated(self) -> bool:
        """Whether the CAV has a presence mask and p-values of images."""
        return self.calibration is not self.presence or self.presence.threshold is not None
