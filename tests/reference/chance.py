"""Which locations beat chance, written from the equations with loops, in float64.

With mu and S the mean and covariance of all locations of the random images, s the distance of the means of the two sets
along v, and h the middle between them (of the CAV, v . mu + s / 2)::

    e(p) = s (v . a(p) - h) / (v^T S v)        c(p) = v . g(p)

Each null vector gives the greatest e over all locations of all images, once for v and once for -v, and the greatest
|c|. Of n maxima the ceil(0.95 (n + 1))-th smallest is the threshold; where there is none so large, nothing exceeds it.
"""

import math

import numpy as np


def mean_and_covariance(activations):
    """Over all locations of activations `(images, rows, columns, channels)`."""
    channels = activations[0].shape[-1]
    mean, covariance, count = np.zeros(channels), np.zeros((channels, channels)), 0
    for image in activations:
        for row in image:
            for place in row:
                mean += place
                count += 1
    mean /= count
    for image in activations:
        for row in image:
            for place in row:
                covariance += np.outer(place - mean, place - mean)
    return mean, covariance / count


def evidence(vector, separation, middle, activations, covariance):
    """e(p) of each image, `(images, rows, columns)`."""
    spread = math.sqrt(vector @ covariance @ vector)
    found = np.zeros(np.shape(activations)[:-1])
    for place in np.ndindex(found.shape):
        found[place] = separation / spread * ((vector @ activations[place] - middle) / spread)
    return found


def along(vector, gradients):
    """c(p) of each image, `(images, rows, columns)`."""
    found = np.zeros(np.shape(gradients)[:-1])
    for place in np.ndindex(found.shape):
        found[place] = vector @ gradients[place]
    return found


def threshold(maxima):
    ordered = sorted(maxima)
    place = -(-95 * (len(ordered) + 1) // 100)
    return ordered[place - 1] if place <= len(ordered) else math.inf


def marks(cav, nulls, activations, gradients, random):
    """Where relevance, and where contribution, beats chance.

    `cav` is a vector and its separation, each of `nulls` the middle of its sets too; `random` are the activations of
    the random images.
    """
    mean, covariance = mean_and_covariance(random)
    greatest, strongest = [], []
    for vector, separation, middle in nulls:
        for sign in (1, -1):
            greatest.append(evidence(sign * vector, separation, sign * middle, activations, covariance).max())
        strongest.append(np.abs(along(vector, gradients)).max())
    middle = cav[0] @ mean + cav[1] / 2
    seen = evidence(*cav, middle, activations, covariance) > threshold(greatest)
    return seen, np.abs(along(cav[0], gradients)) > threshold(strongest)
