"""Cross-validation folds: all locations of an image have one fold, and so have all images of a group.

Locations of one image are strongly correlated. With a split by location, pure noise reaches an accuracy of 0.8 to 0.99.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray


def assign_folds(
    digests: Sequence[str], folds: int, rng: np.random.Generator, known: Mapping[str, int] | None = None
) -> NDArray[np.int64]:
    """Assign each image of a set to a fold, at random, with folds of equal size where possible.

    There are at least 2 hashes; with fewer images than folds, each has its own. `known` are folds that are already
    assigned, such as those of images that another set holds too. Return int `(images,)` in `[0, folds)`.
    """
    known = {} if known is None else known
    free = [index for index, digest in enumerate(digests) if digest not in known]
    found = np.array([known.get(digest, 0) for digest in digests], dtype=np.int64)
    found[free] = rng.permutation(np.arange(len(free)) % min(folds, max(len(digests), 1)))
    return found


def common_folds(sets: Sequence[Sequence[str]], folds: int, rng: np.random.Generator) -> dict[str, int]:
    """Assign each key to one fold for all sets, with folds of equal size in each set where possible.

    The smallest sets are assigned first, since a larger set can compensate.

    `sets` are the keys of the images or groups of each set; a key may occur several times.
    """
    ordered = sorted((list(dict.fromkeys(keys)) for keys in sets), key=len)
    sets_of: dict[str, list[int]] = {}
    for number, keys in enumerate(ordered):
        for key in keys:
            sets_of.setdefault(key, []).append(number)
    counts = [[0] * folds for _ in ordered]
    found: dict[str, int] = {}
    for keys in ordered:
        free = [key for key in keys if key not in found]
        for key in (free[index] for index in rng.permutation(len(free)).tolist()):
            sizes = {fold: [counts[number][fold] for number in sets_of[key]] for fold in range(folds)}
            found[key] = min(rng.permutation(folds).tolist(), key=sizes.__getitem__)
            for number in sets_of[key]:
                counts[number][found[key]] += 1
    return found
