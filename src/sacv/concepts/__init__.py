"""Concept and random images: their sources, formats, masks and groups."""

from sacv.concepts.batches import Batch, batches
from sacv.concepts.composites import Composite, FoldComposite, draw_composites
from sacv.concepts.coverage import cell_means
from sacv.concepts.groups import Groups, count_units, group_rule, with_groups, with_shared_groups
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
from sacv.concepts.regions import AnnotatedImages, Region, region_set
from sacv.concepts.stream import count_images, stream_images
from sacv.concepts.tables import Labelled, Table, from_table
from sacv.concepts.within import Within, WithinSource

__all__ = [
    "AnnotatedImages",
    "Batch",
    "Composite",
    "FoldComposite",
    "Groups",
    "ImageItem",
    "ImageSet",
    "Labelled",
    "MaskItem",
    "Region",
    "Skipped",
    "Source",
    "Table",
    "Within",
    "WithinSource",
    "batches",
    "cell_means",
    "count_images",
    "count_units",
    "draw_composites",
    "from_table",
    "group_rule",
    "image_set",
    "mask_weights",
    "region_set",
    "require_disjoint",
    "shared_images",
    "stream_images",
    "with_groups",
    "with_shared_groups",
    "without_repeats",
]
