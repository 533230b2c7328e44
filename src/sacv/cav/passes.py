"""What the passes over pictures to explain or to score share: what a shard is known by, and what counts of a batch."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sacv.cav.inside import Inside, inside_of
from sacv.concepts import ImageItem, MaskItem
from sacv.concepts.item import Loaded
from sacv.engine import Shard
from sacv.model import VisionModel


def shard_key(basis: str, shard: Shard[range], items: Sequence[ImageItem], masks: Sequence[MaskItem] | None) -> str:
    """Give a SHA-256 of what every part of a pass depends on, and of the shard's pictures with their masks."""
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
    """Give what counts of each picture of a batch; none where all of them do as a whole."""
    if masks is None:
        return None
    return tuple(
        inside_of(model, items[number], image, masks[number]) for number, image in zip(piece, images, strict=True)
    )
