"""The significance mask, written from the equations with loops, in float64.

With s the distance of the means of the two sets along v, h the middle between them (of the CAV, v . mu + s / 2, mu the
mean of all locations of the random images), and sd^2 the sum of the variance within the images of both sets and of
that of the means of the random images, along v::

    e(p) = s (v . a(p) - h) / sd^2        c(p) = v . g(p)

Each deal gives the greatest e over all locations of all images, and the greatest s |c|; each null vector the greatest
|c|. Of n maxima the ceil(0.95 (n + 1))-th smallest is the threshold; where there is none so large, nothing exceeds it.
Contribution must exceed both of its thresholds.
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


def spread(vector, concept, random):
    """sd along a vector, of activations of both sets."""
    within, count = 0.0, 0
    for image in (*concept, *random):
        _, covariance = mean_and_covariance([image])
        places = image.shape[0] * image.shape[1]
        within += places * (vector @ covariance @ vector)
        count += places
    means = [vector @ mean_and_covariance([image])[0] for image in random]
    middle = sum(means) / len(means)
    return math.sqrt(within / count + sum((mean - middle) ** 2 for mean in means) / len(means))


def evidence(vector, separation, middle, sd, activations):
    """e(p) of each image, `(images, rows, columns)`."""
    found = np.zeros(np.shape(activations)[:-1])
    for place in np.ndindex(found.shape):
        found[place] = separation / sd * ((vector @ activations[place] - middle) / sd)
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


def marks(cav, deals, nulls, activations, gradients, concept, random):
    """The significance masks of relevance and of contribution.

    `cav` is a vector and its separation, each of `deals` a vector, separation, middle and spread, each of `nulls` a
    vector; `concept` and `random` are the activations of their images, of one size.
    """
    vector, separation = cav
    mean, _ = mean_and_covariance(random)
    greatest = [evidence(*deal, activations).max() for deal in deals]
    strongest = [np.abs(along(null, gradients)).max() for null in nulls]
    steps = [deal[1] * np.abs(along(deal[0], gradients)).max() for deal in deals]
    sd = spread(vector, concept, random)
    seen = evidence(vector, separation, vector @ mean + separation / 2, sd, activations) > threshold(greatest)
    size = np.abs(along(vector, gradients))
    return seen, (size > threshold(strongest)) & (separation * size > threshold(steps))
