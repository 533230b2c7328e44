"""Where guidance images come from."""

from sacv.concepts.batches import Batch, batches
from sacv.concepts.composites import Composite, Placed, draw_composites
from sacv.concepts.coverage import cell_means
from sacv.concepts.image_set import (
    ImageItem,
    ImageSet,
    Skipped,
    Source,
    image_set,
    require_disjoint,
    shared_images,
    without_repeats,
)
from sacv.concepts.masks import MaskItem, mask_weights
from sacv.concepts.regions import MarkedPhotos, Region, region_set

__all__ = [
    "Batch",
    "Composite",
    "ImageItem",
    "ImageSet",
    "MarkedPhotos",
    "MaskItem",
    "Placed",
    "Region",
    "Skipped",
    "Source",
    "batches",
    "cell_means",
    "draw_composites",
    "image_set",
    "mask_weights",
    "region_set",
    "require_disjoint",
    "shared_images",
    "without_repeats",
]
