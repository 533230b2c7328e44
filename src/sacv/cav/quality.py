"""Compute held-out quality figures of a CAV from scores of images that it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sacv.cav.vector import Interval
from sacv.stats import Float64

RESAMPLES = 500
"""Number of bootstrap resamples for an interval."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Scores of one set, each along the direction fitted without the fold of its image."""

    scores: Float64
    """Float64 `(n,)`: scores of locations or images."""
    fold: NDArray[np.int64]
    """Int `(n,)`: held-out fold of each score."""
    image: NDArray[np.int64]
    """Int `(n,)`: index of the image, or of the group of images, of each score."""
    weights: Float64
    """Float64 `(n,)`: weight of each score."""

    @classmethod
    def of_images(cls, scores: Float64, fold: NDArray[np.int64]) -> HeldOut:
        """Create from one score for each image."""
        return cls(scores, fold, np.arange(len(scores)), np.ones(len(scores)))

    def by_unit(self, unit_ids: NDArray[np.int64]) -> HeldOut:
        """Return the same scores by independent unit; `unit_ids` `(images,)` is the unit of each image."""
        return HeldOut(self.scores, self.fold, unit_ids[self.image], self.weights)

    def part(self, chosen: NDArray[np.bool_] | NDArray[np.intp]) -> HeldOut:
        """Return a part of the scores, selected by a mask or by indices."""
        return HeldOut(self.scores[chosen], self.fold[chosen], self.image[chosen], self.weights[chosen])


def best_threshold(concept: HeldOut, random: HeldOut) -> float:
    """Return the threshold with the best balanced accuracy for `score > threshold`.

    Thresholds lie half-way between two scores. Among equally good ones the middle one is returned.
    """
    values = np.unique(np.concatenate([concept.scores, random.scores]))
    cuts = np.concatenate([[values[0] - 1.0], (values[1:] + values[:-1]) / 2, [values[-1] + 1.0]])
    # Cuts lie between scores, so that there are no ties.
    gain = _share_below(random, cuts) - _share_below(concept, cuts)
    best = np.flatnonzero(gain >= gain.max() - 1e-12)
    return float(cuts[best[len(best) // 2]])


def _share_below(side: HeldOut, cuts: Float64) -> Float64:
    order = np.argsort(side.scores)
    below = np.concatenate([[0.0], np.cumsum(side.weights[order])])
    share: Float64 = below[np.searchsorted(side.scores[order], cuts, side="right")] / below[-1]
    return share


def correct(concept: HeldOut, random: HeldOut) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which scores are classified correctly, each fold with the threshold chosen on the other folds."""
    right = (np.zeros(len(concept.scores), dtype=bool), np.zeros(len(random.scores), dtype=bool))
    for fold in np.union1d(concept.fold, random.fold):
        sides = (concept, random)
        rest = [side.part(side.fold != fold) for side in sides]
        if any(len(side.scores) == 0 for side in rest):
            rest = list(sides)
        threshold = best_threshold(*rest)
        right[0][concept.fold == fold] = concept.scores[concept.fold == fold] > threshold
        right[1][random.fold == fold] = random.scores[random.fold == fold] <= threshold
    return right


def accuracy(concept: HeldOut, random: HeldOut, rng: np.random.Generator) -> tuple[float, Interval]:
    """Compute the balanced accuracy and its interval over images."""
    shares = [
        (np.bincount(side.image, side.weights * right), np.bincount(side.image, side.weights))
        for side, right in zip((concept, random), correct(concept, random), strict=True)
    ]
    value = float(np.mean([right.sum() / weight.sum() for right, weight in shares]))
    drawn = np.zeros(RESAMPLES)
    for right, weight in shares:
        counts = resamples(len(weight), rng)
        drawn += (counts @ right) / (counts @ weight) / 2
    return value, interval(drawn)


def auroc(concept: HeldOut, random: HeldOut, rng: np.random.Generator) -> tuple[float, Interval]:
    """Compute the AUROC of concept against random, and its interval over images."""
    wins = _wins(concept, random)
    weights = [np.bincount(side.image, side.weights) for side in (concept, random)]
    value = float(weights[0] @ wins @ weights[1] / (weights[0].sum() * weights[1].sum()))
    drawn = [resamples(len(weight), rng) * weight for weight in weights]
    areas = np.einsum("ki,ij,kj->k", drawn[0], wins, drawn[1], optimize=True)
    return value, interval(areas / (drawn[0].sum(axis=1) * drawn[1].sum(axis=1)))


def area(
    scores: Float64, other: Float64, weights: Float64 | None = None, other_weights: Float64 | None = None
) -> float:
    """Compute the AUROC of scores against other scores; ties count half."""
    weights = np.ones(len(scores)) if weights is None else weights
    other_weights = np.ones(len(other)) if other_weights is None else other_weights
    return float(weights @ _share_exceeded(scores, other, other_weights) / weights.sum())


def _share_exceeded(scores: Float64, other: Float64, weights: Float64) -> Float64:
    """Return, for each score, the weighted share of the other scores below it; ties count half."""
    order = np.argsort(other)
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    left, right = (np.searchsorted(other[order], scores, side=side) for side in ("left", "right"))
    share: Float64 = (below[left] + below[right]) / 2 / max(below[-1], 1e-300)
    return share


def _wins(concept: HeldOut, random: HeldOut) -> Float64:
    """Return the AUROC over locations of each pair of a concept image and a random image, `(images, images)`."""
    concept = concept.part(np.argsort(concept.scores))  # np.searchsorted is faster for sorted scores
    wins = np.empty((int(concept.image.max()) + 1, int(random.image.max()) + 1))
    totals = np.maximum(np.bincount(concept.image, concept.weights), 1e-300)
    for image in range(wins.shape[1]):
        other = random.part(random.image == image)
        share = _share_exceeded(concept.scores, other.scores, other.weights)
        wins[:, image] = np.bincount(concept.image, concept.weights * share, minlength=len(wins)) / totals
    return wins


def resamples(images: int, rng: np.random.Generator) -> Float64:
    """Draw bootstrap resamples; return how often each image occurs in each, `(resamples, images)`."""
    drawn = rng.integers(images, size=(RESAMPLES, images)) + images * np.arange(RESAMPLES)[:, None]
    return np.bincount(drawn.ravel(), minlength=RESAMPLES * images).reshape(RESAMPLES, images).astype(np.float64)


def interval(drawn: Float64) -> Interval:
    """Return the 95 % interval of a figure from its values in bootstrap resamples, without NaN."""
    low, high = np.quantile(drawn[~np.isnan(drawn)], [0.025, 0.975])
    return (float(low), float(high))
