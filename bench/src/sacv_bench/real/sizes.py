"""How much the bench on real photographs measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RealEffort:
    """Numbers of images and draws; they change the intervals, not what is measured.

    Parameters
    ----------
    marked
        Numbers of annotated photos, each at least 2, which `fit` needs.
    draws
        Random draws of the annotated photos.
    tested
        Photos tested, at most, of each draw.
    labels
        Images with a label, at most, of the lesions.
    textures
        Textures of each kind, at most.
    pool
        Photos of `photos/random` taken as random set, at most.
    pasted
        Images made for each concept and area.
    explained
        Of these, images whose contribution is measured.
    absent
        Images without a concept.
    nulls
        CAVs of random against random, for the significance mask.
    quick
        Use only the few layers of a quick run.
    """

    marked: tuple[int, ...]
    draws: int
    tested: int
    labels: int
    textures: int
    pool: int
    pasted: int
    explained: int
    absent: int
    nulls: int
    quick: bool = False


FULL = RealEffort((2, 5, 10, 20), 4, 40, 100, 80, 60, 6, 3, 32, 199)
QUICK = RealEffort((5,), 1, 8, 24, 16, 12, 1, 1, 8, 199, quick=True)
