"""Helpers of the passes over images to explain or to score: keys of shards, and masks of a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sacv.cav.inside import Inside, inside_of
from sacv.concepts import ImageItem, MaskItem
from sacv.concepts.item import Loaded
from sacv.engine import Shard
from sacv.model import VisionModel


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
