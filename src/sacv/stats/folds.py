"""Folds by image: every location of an image falls in the same fold, and every image of a group.

Locations of one image resemble each other so much that a split by location validates pure noise at 0.8 to 0.99.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def assign_folds(
    digests: Sequence[str], folds: int, rng: np.random.Generator, known: Mapping[str, int] | None = None
) -> NDArray[np.int64]:
    """Give each image of a set its fold, shuffled and as even as can be.

    Parameters
    ----------
    digests
        What tells the images apart; at least 2.
    folds
        Number of folds wanted; with fewer images there are as many folds as images.
    rng
        Source of the shuffle.
    known
        Folds of images that stand in another set too, and so must fall in the same fold here.

    Returns
    -------
    Int `(images,)` in `[0, folds)`.
    """
    known = {} if known is None else known
    free = [index for index, digest in enumerate(digests) if digest not in known]
    found = np.array([known.get(digest, 0) for digest in digests], dtype=np.int64)
    found[free] = rng.permutation(np.arange(len(free)) % min(folds, max(len(digests), 1)))
    return found


def common_folds(sets: Sequence[Sequence[str]], folds: int, rng: np.random.Generator) -> dict[str, int]:
    """Give each thing one fold, the same in every set that it stands in, as even in each set as can be.

    The smallest sets come first: in a larger one there is more to even out with.

    Parameters
    ----------
    sets
        What stands in each set; a thing may come several times.
    folds
        Number of folds.
    rng
        Source of the shuffles.
    """
    things = sorted((list(dict.fromkeys(entry)) for entry in sets), key=len)
    places: dict[str, list[int]] = {}
    for number, entry in enumerate(things):
        for thing in entry:
            places.setdefault(thing, []).append(number)
    counts = [[0] * folds for _ in things]
    found: dict[str, int] = {}
    for entry in things:
        free = [thing for thing in entry if thing not in found]
        for thing in (free[index] for index in rng.permutation(len(free)).tolist()):
            fullness = {fold: [counts[place][fold] for place in places[thing]] for fold in range(folds)}
            found[thing] = min(rng.permutation(folds).tolist(), key=fullness.__getitem__)
            for place in places[thing]:
                counts[place][found[thing]] += 1
    return found
