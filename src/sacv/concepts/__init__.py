"""Where guidance images come from."""

from sacv.concepts.batches import Batch, batches
from sacv.concepts.image_set import (
    ImageItem,
    ImageSet,
    Skipped,
    Source,
    image_set,
    require_disjoint,
    without_repeats,
)

__all__ = [
    "Batch",
    "ImageItem",
    "ImageSet",
    "Skipped",
    "Source",
    "batches",
    "image_set",
    "require_disjoint",
    "without_repeats",
]
