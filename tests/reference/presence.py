"""Where a concept is present, written from the definition with loops, in float64.

A new image and n images without the concept are put in a row by their greatest evidence w . a(p). A location of the
new one is present if so few of the n reach as high as it does that the image, were it without the concept too, would
stand among the highest alpha (n + 1) of the row.
"""

from fractions import Fraction

import numpy as np

ALPHA = Fraction(1, 20)


def direction(solve, detector, concept, random, learned):
    """The direction u along which presence is read.

    `concept`, `random` and `learned` are activations `(images, locations, channels)`; `solve` gives a detector of the
    locations of the concept, and of others with their weights.
    """
    hard = []
    for picture in learned:
        by_reach = sorted(picture, key=lambda place: -(place @ detector))
        hard += by_reach[: max(1, round(0.1 * len(picture)))]
    shown, others = np.concatenate(concept), np.concatenate(random)
    weights = [1.0] * len(others) + [len(others) / len(hard)] * len(hard)
    other = solve(shown, np.concatenate([others, hard]), weights)
    found = detector / np.std(shown @ detector) + other / np.std(shown @ other)
    return found / np.linalg.norm(found)


def greatest(detector, picture):
    """Of w . a(p), over the locations `(rows, columns, channels)` of an image."""
    return max(sum(w * a for w, a in zip(detector, place, strict=True)) for row in picture for place in row)


def p_value(reached, groups):
    """The p-value of an image that reaches so far, against groups of images without the concept.

    `groups` holds for each group what its images reach. Each group has the weight of one image, and so has the new
    image, which reaches itself.
    """
    weight = Fraction(1)
    for its in groups:
        for other in its:
            if other >= reached:
                weight += Fraction(1, len(its))
    return weight / (len(groups) + 1)


def present(detector, picture, absent):
    """For each location of an image, as rows of bools."""
    reached = [greatest(detector, other) for other in absent]
    found = []
    for row in picture:
        marks = []
        for place in row:
            evidence = sum(w * a for w, a in zip(detector, place, strict=True))
            as_high = sum(other >= evidence for other in reached)
            # its rank from above, among n + 1, is at worst as_high + 1
            marks.append(Fraction(as_high + 1, len(reached) + 1) <= ALPHA)
        found.append(marks)
    return found
