"""Held-out figures of a CAV, from scores of images that it was not fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Scores of one set, each from the direction fitted without its image.

    Parameters
    ----------
    scores
        Float64 `(n,)`.
    fold
        Int `(n,)`: the fold whose direction gave the score.
    """

    scores: Float64
    fold: NDArray[np.int64]

    def but(self, fold: int) -> Float64:
        """Give the scores of the other folds, of which there is at least one."""
        rest: Float64 = self.scores[self.fold != fold]
        return rest


def best_threshold(concept: Float64, random: Float64) -> float:
    """Choose the threshold with the best balanced accuracy for `score > threshold`.

    Among thresholds as good as each other it takes the middle one, half-way between two scores.
    """
    values = np.unique(np.concatenate([concept, random]))
    cuts = np.concatenate([[values[0] - 1.0], (values[1:] + values[:-1]) / 2, [values[-1] + 1.0]])
    # Shares above each cut; cuts fall between scores, so that no tie is met.
    right = 1 - np.searchsorted(np.sort(concept), cuts, side="right") / len(concept)
    wrong = 1 - np.searchsorted(np.sort(random), cuts, side="right") / len(random)
    gain = right - wrong
    best = np.flatnonzero(gain >= gain.max() - 1e-12)
    return float(cuts[best[len(best) // 2]])


def accuracy(concept: HeldOut, random: HeldOut) -> float:
    """Give the balanced accuracy, each fold judged at the threshold that the other folds choose."""
    told = np.zeros(2)
    for fold in np.union1d(concept.fold, random.fold):
        threshold = best_threshold(concept.but(fold), random.but(fold))
        told[0] += np.sum(concept.scores[concept.fold == fold] > threshold)
        told[1] += np.sum(random.scores[random.fold == fold] <= threshold)
    return float(np.mean(told / [len(concept.scores), len(random.scores)]))


def auroc(concept: HeldOut, random: HeldOut) -> float:
    """Give the area under the ROC curve of concept against random."""
    labels = np.concatenate([np.ones(len(concept.scores)), np.zeros(len(random.scores))])
    return float(roc_auc_score(labels, np.concatenate([concept.scores, random.scores])))
