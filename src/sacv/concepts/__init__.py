"""Where guidance images come from."""

from sacv.concepts.batches import Batch, batches
from sacv.concepts.composites import Composite, Placed, draw_composites
from sacv.concepts.coverage import cell_means
from sacv.concepts.groups import Groups, agreeing, group_rule, independent, with_groups
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
from sacv.concepts.tables import Labelled, Table, from_table
from sacv.concepts.within import Within, WithinSource

__all__ = [
    "Batch",
    "Composite",
    "Groups",
    "ImageItem",
    "ImageSet",
    "Labelled",
    "MarkedPhotos",
    "MaskItem",
    "Placed",
    "Region",
    "Skipped",
    "Source",
    "Table",
    "Within",
    "WithinSource",
    "agreeing",
    "batches",
    "cell_means",
    "count_images",
    "draw_composites",
    "from_table",
    "group_rule",
    "image_set",
    "independent",
    "mask_weights",
    "region_set",
    "require_disjoint",
    "shared_images",
    "stream_images",
    "with_groups",
    "without_repeats",
]
