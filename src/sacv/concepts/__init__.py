"""Where guidance images come from."""

from sacv.concepts.batches import Batch, batches
from sacv.concepts.composites import Composite, Placed, draw_composites
from sacv.concepts.coverage import cell_means
from sacv.concepts.image_set import (
    ImageSet,
    Source,
    image_set,
    require_disjoint,
    shared_images,
    without_repeats,
)
from sacv.concepts.item import ImageItem, Skipped
from sacv.concepts.masks import MaskItem, mask_weights
from sacv.concepts.regions import MarkedPhotos, Region, region_set
from sacv.concepts.stream import count_images, stream_images
from sacv.concepts.within import Within, WithinSource

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
    "Within",
    "WithinSource",
    "batches",
    "cell_means",
    "count_images",
    "draw_composites",
    "image_set",
    "mask_weights",
    "region_set",
    "require_disjoint",
    "shared_images",
    "stream_images",
    "without_repeats",
]
