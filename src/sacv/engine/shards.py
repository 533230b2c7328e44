"""Cut work into shards."""

from __future__ import annotations

from sacv.engine.protocol import Shard

MOST_SHARDS = 128
"""Shards of a run at most, so that what is written beside a result is bounded too."""

LEAST_IMAGES = 64
"""Images of a shard at least, as long as there are so many."""


def cut(count: int, size: int, *, after: int = 0, most: int | None = MOST_SHARDS) -> list[Shard[range]]:
    """Cut `count` images into pieces of `size`, and these into shards.

    Parameters
    ----------
    count
        Number of images.
    size
        Images of a piece.
    after
        Number of images before the first.
    most
        Shards at most; none where a part grows with its images, so that it is the part that is bounded.
    """
    pieces = [range(after + start, after + min(start + size, count)) for start in range(0, count, size)]
    images = LEAST_IMAGES if most is None else max(LEAST_IMAGES, -(-count // most))
    each = -(-images // size)
    return [
        Shard(number, tuple(pieces[start : start + each])) for number, start in enumerate(range(0, len(pieces), each))
    ]
