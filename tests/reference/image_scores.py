"""Image scores written from the definition with loops, in float64, for directions that are differences of means."""

import numpy as np


def direction(pictures, shows, weights):
    """The unit vector from the mean of the locations of those without to that of those with the concept."""
    sides = []
    for wanted in (True, False):
        total, count = 0.0, 0.0
        for picture, shown, shares in zip(pictures, shows, weights, strict=True):
            if shown == wanted:
                for cell, share in zip(picture, shares, strict=True):
                    total, count = total + share * cell, count + share
        sides.append(total / count)
    found = sides[0] - sides[1]
    return found / np.linalg.norm(found)


def without_fold(pictures, shows, folds, weights=None):
    """The direction of all images but those of each fold, by fold."""
    weights = [np.ones(len(picture)) for picture in pictures] if weights is None else weights
    found = {}
    for fold in sorted(set(folds)):
        kept = [number for number, its in enumerate(folds) if its != fold]
        found[fold] = direction(*([values[number] for number in kept] for values in (pictures, shows, weights)))
    return found


def score(vector, picture, counts=None):
    """The greatest evidence over the locations that count."""
    counts = [True] * len(picture) if counts is None else counts
    return max(float(cell @ vector) for cell, its in zip(picture, counts, strict=True) if its)


def p_value(picture, directions, scores, shows, folds, groups, counts=None):
    """Against each of the others along the direction that was found without its fold."""
    total = 1.0
    others = [number for number, shown in enumerate(shows) if not shown]
    for number in others:
        mine = sum(groups[other] == groups[number] for other in others)
        reached = score(directions[folds[number]], picture, counts)
        total += (scores[number] >= reached) / mine
    return total / (len({groups[number] for number in others}) + 1)
