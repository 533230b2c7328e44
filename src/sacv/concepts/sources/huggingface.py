"""Datasets of Hugging Face's `datasets`, in memory or on disk; images are decoded when they are needed.

The column is `image`, or the only one of images; `dataset.select_columns("photo")` selects another.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from sacv.concepts.sources.base import Kind, Stored
from sacv.concepts.sources.columns import content, image_column
from sacv.errors import ImageSetError, UnreadableImageError


class Entry(Stored):
    """An image of a dataset."""

    __slots__ = ("column", "dataset", "row")

    def __init__(self, name: str, dataset: Any, column: str, row: int) -> None:
        super().__init__(name)
        self.dataset, self.column, self.row = dataset, column, row

    def read(self) -> bytes:
        """Return the bytes of the image."""
        try:
            value = self.dataset[self.row][self.column]
        except Exception as error:  # errors of many types, for example if files no longer exist
            raise UnreadableImageError(
                f"{self.name} cannot be read ({error}); skip it with --skip-unreadable (skip_unreadable=True)"
            ) from error
        return content(value, self.name)


def _images(dataset: Any, name: str) -> Iterator[Stored]:
    datasets = sys.modules["datasets"]
    if not isinstance(dataset, datasets.Dataset):
        raise ImageSetError(
            f"{name}: cannot read images from {type(dataset).__name__}; give one split of it, as a Dataset "
            "(dataset['train'], or load_dataset(..., split='train') without streaming)"
        )
    plain = dataset.with_format(None)
    column = image_column(
        plain.features.arrow_schema, None, f"{name}: the dataset", "select one with dataset.select_columns('NAME')"
    )
    bare = plain.select_columns([column])
    if isinstance(bare.features[column], datasets.Image):
        bare = bare.cast_column(column, datasets.Image(decode=False))
    if not len(bare):
        raise ImageSetError(f"{name}: the dataset has no rows")
    for row in range(len(bare)):
        yield Entry(f"{name}[{row}]", bare, column, row)


def _claims(source: Any) -> bool:
    datasets = sys.modules.get("datasets")  # loaded if a dataset exists
    if datasets is None:
        return False
    return isinstance(
        source, datasets.Dataset | datasets.IterableDataset | datasets.DatasetDict | datasets.IterableDatasetDict
    )


DATASET = Kind(_claims, _images, len)
