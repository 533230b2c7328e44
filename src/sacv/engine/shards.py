"""Cut work into shards."""

from __future__ import annotations

from sacv.engine.protocol import Shard

MOST_SHARDS = 128
"""Maximum number of shards of a run, so that the files of finished parts are bounded."""

LEAST_IMAGES = 64
"""Minimum number of images of a shard, if there are so many."""


def cut(count: int, size: int, *, after: int = 0, most: int | None = MOST_SHARDS) -> list[Shard[range]]:
    """Cut `count` images into pieces of `size`, and these into shards.

    Parameters
    ----------
    count
        Number of images.
    size
        Number of images of a piece.
    after
        Number of images before the first.
    most
        Maximum number of shards; None to bound the images of a shard instead, for parts that grow with them.
    """
    pieces = [range(after + start, after + min(start + size, count)) for start in range(0, count, size)]
    images = LEAST_IMAGES if most is None else max(LEAST_IMAGES, -(-count // most))
    each = -(-images // size)
    return [
        Shard(number, tuple(pieces[start : start + each])) for number, start in enumerate(range(0, len(pieces), each))
    ]
