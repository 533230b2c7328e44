"""Helpers of the passes over images to explain or to score: progress, keys of shards, and masks of a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

from sacv.cav.inside import Inside, inside_of
from sacv.concepts import ImageItem, MaskItem
from sacv.concepts.item import Loaded
from sacv.engine import Shard
from sacv.model import VisionModel

Progress = Callable[[int, int], None]
"""Called with the number of finished batches, and the number of all."""


def in_batches(progress: Progress | None, images: int, size: int) -> Callable[[int], None]:
    """Return a function that reports the progress of batches of `size` images when some more are finished."""
    total, done = -(-images // size), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    return advance


def shard_key(basis: str, shard: Shard[range], items: Sequence[ImageItem], masks: Sequence[MaskItem] | None) -> str:
    """Return a SHA-256 of the settings of a pass (`basis`) and of the shard's images with their masks."""
    digest = hashlib.sha256(basis.encode())
    for piece in shard.pieces:
        digest.update(repr(piece).encode())
        for number in piece:
            digest.update(items[number].digest.encode())
            if masks is not None:
                digest.update(masks[number].digest.encode())
    return digest.hexdigest()


def insides_of(
    model: VisionModel,
    items: Sequence[ImageItem],
    masks: Sequence[MaskItem] | None,
    piece: range,
    images: Sequence[Loaded],
) -> tuple[Inside, ...] | None:
    """Return the loaded mask of each image of a batch; None without masks."""
    if masks is None:
        return None
    return tuple(
        inside_of(model, items[number], image, masks[number]) for number, image in zip(piece, images, strict=True)
    )
