"""How much the bench on real photographs measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class RealEffort:
    """Numbers of things measured; what is measured does not depend on them but its intervals do.

    Parameters
    ----------
    marked
        Numbers of photos on which a concept is marked, each at least 2, which is what `fit` needs.
    draws
        Draws of the photos that are marked, where they are drawn.
    tested
        Photos tested, at most, of each draw.
    labels
        Pictures with a label, at most, of the lesions.
    textures
        Textures of each kind, at most.
    pool
        Photos of `photos/random` taken as random set, at most.
    pasted
        Pictures made for each concept and area.
    explained
        Of these, pictures whose contribution is measured.
    absent
        Pictures without a concept.
    nulls
        CAVs of random against random, for what chance marks.
    quick
        Take the few layers that a quick run asks.
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
