"""What a concept with regions is contrasted with, written from the equations with loops, in float64.

A set is a list of images; an image is its activations `(locations, channels)` and a weight for each location.
"""

import numpy as np


def image_mean(values, weights):
    total = np.zeros(values.shape[1])
    for vector, weight in zip(values, weights, strict=True):
        total += weight * vector
    return total / sum(weights)


def set_mean(images, times):
    """The mean over all locations of all images; the weights of each image are multiplied by its number of `times`."""
    total, count = np.zeros(images[0][0].shape[1]), 0.0
    for (values, weights), factor in zip(images, times, strict=True):
        for vector, weight in zip(values, weights, strict=True):
            total += factor * weight * vector
            count += factor * weight
    return total / count


def share_of_wins(scores, others, weights=None, other_weights=None):
    """The share of pairs in which the score is the greater one; a tie is half a pair."""
    weights = [1.0] * len(scores) if weights is None else weights
    other_weights = [1.0] * len(others) if other_weights is None else other_weights
    won, pairs = 0.0, 0.0
    for score, weight in zip(scores, weights, strict=True):
        for other, its in zip(others, other_weights, strict=True):
            won += weight * its * (1.0 if score > other else 0.5 if score == other else 0.0)
            pairs += weight * its
    return won / pairs


def kind_auroc(first, folds, second, other_folds):
    """A: how well the images of two sets are separated, on folds that the direction never saw."""
    means = [[image_mean(*image) for image in side] for side in (first, second)]
    found = []
    for fold in sorted(set(folds) & set(other_folds)):
        kept, held = [], []
        for side, its in zip(means, (folds, other_folds), strict=True):
            kept.append([mean for mean, where in zip(side, its, strict=True) if where != fold])
            held.append([mean for mean, where in zip(side, its, strict=True) if where == fold])
        if not (kept[0] and kept[1]):
            continue
        direction = sum(kept[0]) / len(kept[0]) - sum(kept[1]) / len(kept[1])
        found.append(share_of_wins(*([mean @ direction for mean in side] for side in held)))
    return sum(found) / len(found) if found else 0.5


def pool_weight(apart, photos):
    """k = 2 (1 - A) n / (n + 2), from 0 to 1; what is below a hundredth is nothing."""
    share = 2 * (1 - apart)
    share = 1.0 if share > 1 else share
    found = share * photos / (photos + 2)
    return found if found >= 0.01 else 0.0


def random_mean(rest, pool, weight):
    """The mean of the random set: each image of the pool counts alike, all of them `weight` times the whole rest."""
    whole = sum(sum(weights) for _, weights in rest)
    times = [weight * whole / len(pool) / sum(weights) for _, weights in pool]
    return set_mean([*rest, *pool], [1.0] * len(rest) + times)


def place_auroc(marked, rest):
    """The mean over photos of the AUROC of locations in regions over others; a side is scores and weights by photo."""
    found = []
    for (scores, weights), (others, its) in zip(marked, rest, strict=True):
        if sum(weights) and sum(its):
            found.append(share_of_wins(scores, others, weights, its))
    return sum(found) / len(found)


def detector_shrinkage(images, same_photos, apart):
    """The shrinkage that "auto" chooses, from the number of the concept's images."""
    own = images / (images + 8)
    if same_photos:
        return 1 - own if own < 0.5 else 0.5
    own = own if own < 0.2 else 0.2
    if apart > 0.9:
        own = own * 10 * (1 - apart)
    return 1 - own if own > 0.1 else 0.9
