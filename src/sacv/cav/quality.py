"""Held-out figures of a CAV, from scores of images that it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sacv.cav.vector import Interval

Float64 = NDArray[np.float64]

RESAMPLES = 500
"""Bootstrap resamples of an interval."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Scores of one set, each from the direction fitted without its image.

    Parameters
    ----------
    scores
        Float64 `(n,)`.
    fold
        Int `(n,)`: the fold whose direction gave the score.
    image
        Int `(n,)`: which image it belongs to, or which group of images.
    weights
        Float64 `(n,)`.
    """

    scores: Float64
    fold: NDArray[np.int64]
    image: NDArray[np.int64]
    weights: Float64

    @classmethod
    def of_images(cls, scores: Float64, fold: NDArray[np.int64]) -> HeldOut:
        """Take one score for each image."""
        return cls(scores, fold, np.arange(len(scores)), np.ones(len(scores)))

    def of_things(self, things: NDArray[np.int64]) -> HeldOut:
        """Give the same scores, each of the independent thing that its image belongs to; `things` is `(images,)`."""
        return HeldOut(self.scores, self.fold, things[self.image], self.weights)

    def part(self, keep: NDArray[np.bool_] | NDArray[np.intp]) -> HeldOut:
        """Give some of the scores, by mask or by index."""
        return HeldOut(self.scores[keep], self.fold[keep], self.image[keep], self.weights[keep])


def best_threshold(concept: HeldOut, random: HeldOut) -> float:
    """Choose the threshold with the best balanced accuracy for `score > threshold`.

    Among thresholds as good as each other it takes the middle one, half-way between two scores.
    """
    values = np.unique(np.concatenate([concept.scores, random.scores]))
    cuts = np.concatenate([[values[0] - 1.0], (values[1:] + values[:-1]) / 2, [values[-1] + 1.0]])
    # Shares above each cut; cuts fall between scores, so that no tie is met.
    gain = _share_below(random, cuts) - _share_below(concept, cuts)
    best = np.flatnonzero(gain >= gain.max() - 1e-12)
    return float(cuts[best[len(best) // 2]])


def _share_below(side: HeldOut, cuts: Float64) -> Float64:
    order = np.argsort(side.scores)
    below = np.concatenate([[0.0], np.cumsum(side.weights[order])])
    share: Float64 = below[np.searchsorted(side.scores[order], cuts, side="right")] / below[-1]
    return share


def told(concept: HeldOut, random: HeldOut) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Tell which scores are told right, each fold judged at the threshold that the other folds choose."""
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
    """Give the balanced accuracy and its interval over images."""
    shares = [
        (np.bincount(side.image, side.weights * right), np.bincount(side.image, side.weights))
        for side, right in zip((concept, random), told(concept, random), strict=True)
    ]
    value = float(np.mean([right.sum() / weight.sum() for right, weight in shares]))
    drawn = np.zeros(RESAMPLES)
    for right, weight in shares:
        counts = resamples(len(weight), rng)
        drawn += (counts @ right) / (counts @ weight) / 2
    return value, _interval(drawn)


def auroc(concept: HeldOut, random: HeldOut, rng: np.random.Generator) -> tuple[float, Interval]:
    """Give the area under the ROC curve of concept against random, and its interval over images."""
    wins = _wins(concept, random)
    weights = [np.bincount(side.image, side.weights) for side in (concept, random)]
    value = float(weights[0] @ wins @ weights[1] / (weights[0].sum() * weights[1].sum()))
    drawn = [resamples(len(weight), rng) * weight for weight in weights]
    areas = np.einsum("ki,ij,kj->k", drawn[0], wins, drawn[1], optimize=True)
    return value, _interval(areas / (drawn[0].sum(axis=1) * drawn[1].sum(axis=1)))


def area(
    scores: Float64, other: Float64, weights: Float64 | None = None, other_weights: Float64 | None = None
) -> float:
    """Give the area under the ROC curve of scores against other scores; ties count half."""
    weights = np.ones(len(scores)) if weights is None else weights
    other_weights = np.ones(len(other)) if other_weights is None else other_weights
    return float(weights @ _beaten(scores, other, other_weights) / weights.sum())


def _beaten(scores: Float64, other: Float64, weights: Float64) -> Float64:
    """Give, for each score, the share of the weight of the other scores that it beats."""
    order = np.argsort(other)
    below = np.concatenate([[0.0], np.cumsum(weights[order])])
    left, right = (np.searchsorted(other[order], scores, side=side) for side in ("left", "right"))
    share: Float64 = (below[left] + below[right]) / 2 / max(below[-1], 1e-300)
    return share


def _wins(concept: HeldOut, random: HeldOut) -> Float64:
    """Give, for each pair of images, the share of pairs of locations that the concept's wins, `(images, images)`."""
    concept = concept.part(np.argsort(concept.scores))  # sorted scores are looked up faster
    wins = np.empty((int(concept.image.max()) + 1, int(random.image.max()) + 1))
    totals = np.maximum(np.bincount(concept.image, concept.weights), 1e-300)
    for image in range(wins.shape[1]):
        one = random.part(random.image == image)
        share = _beaten(concept.scores, one.scores, one.weights)
        wins[:, image] = np.bincount(concept.image, concept.weights * share, minlength=len(wins)) / totals
    return wins


def resamples(images: int, rng: np.random.Generator) -> Float64:
    """Give how often each image is drawn in each resample, `(resamples, images)`."""
    drawn = rng.integers(images, size=(RESAMPLES, images)) + images * np.arange(RESAMPLES)[:, None]
    return np.bincount(drawn.ravel(), minlength=RESAMPLES * images).reshape(RESAMPLES, images).astype(np.float64)


def _interval(drawn: Float64) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return (float(low), float(high))
