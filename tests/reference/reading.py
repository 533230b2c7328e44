r"""How activations are read, written from the equation with loops over the locations, in float64.

    a'(p) = sum over q of w(p - q) a(q) / \|a(q)\|

w is normal in the distance along each axis of the grid, with a standard deviation of so many locations; it is cut off
beyond three of these along each axis, rounded up to whole locations, and scaled to sum to 1 over the locations that
there are.
"""

import itertools
import math

import numpy as np


def unit_length(activations):
    """Each location's activation `(*grid, channels)`, divided by its norm; zero stays zero."""
    found = np.zeros(np.shape(activations))
    for place in np.ndindex(found.shape[:-1]):
        length = math.sqrt(sum(value * value for value in activations[place].tolist()))
        if length > 0:
            found[place] = activations[place] / length
    return found


def smoothed(activations, deviation):
    """The average around each location of activations `(*grid, channels)`."""
    grid = np.shape(activations)[:-1]
    found = np.zeros(np.shape(activations))
    for place in itertools.product(*(range(side) for side in grid)):
        total = 0.0
        for other in itertools.product(*(range(side) for side in grid)):
            apart = [abs(here - there) for here, there in zip(place, other, strict=True)]
            if max(apart) > math.ceil(3 * deviation):
                continue
            weight = math.exp(-sum(step * step for step in apart) / (2 * deviation**2))
            found[place] += weight * activations[other]
            total += weight
        found[place] /= total
    return found


def read(activations, deviation=0.0):
    """Activations `(*grid, channels)` at unit length, averaged over neighbours where there is a deviation."""
    found = unit_length(np.asarray(activations, dtype=np.float64))
    return smoothed(found, deviation) if deviation else found
