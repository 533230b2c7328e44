"""`from_table`: concepts, each with its own random set, from the rows of a table.

A row shows a concept if its cell in the concept's column has one of the named values, and does not if it has another
value. Rows without a value are left out and counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from sacv.concepts.image_set import ImageSet, require_readable, stored_items
from sacv.concepts.item import ImageItem, Skipped, listed
from sacv.concepts.sources import stored_images
from sacv.concepts.sources.base import Stored
from sacv.concepts.sources.folder import File
from sacv.concepts.tables.cells import MISSING, Cells, cells_of, is_dataset, text
from sacv.concepts.tables.image_folder import ImageFolder
from sacv.errors import ImageSetError, OptionError
from sacv.model.window import Window

KEYS = ("path", "file", "image", "name")
"""Default key columns: the first that exists names the image, or else the first column of the table."""

Values: TypeAlias = Sequence[Any]


@dataclass(frozen=True, eq=False)
class Labelled:
    """The images of a concept of a table; a legal value of the `concepts` of `sacv.fit`.

    Parameters
    ----------
    images
        The images that show the concept.
    others
        The images that do not: its random set, unless random images are given to `fit`.
    missing
        Number of rows without a value, which are in neither set.
    """

    images: ImageSet
    others: ImageSet
    missing: int = 0


@dataclass(frozen=True, eq=False)
class Table:
    """The result of `from_table`.

    Parameters
    ----------
    images
        The images of all selected rows, in the order of their names, and those that could not be read.
    concepts
        The concepts by name. Several concepts may use the same images.
    """

    images: ImageSet
    concepts: Mapping[str, Labelled]

    @property
    def missing(self) -> dict[str, int]:
        """Number of rows without a value, for each concept."""
        return {name: labelled.missing for name, labelled in self.concepts.items()}


def from_table(
    source: Any,
    images: str | Path | None = None,
    columns: Mapping[str, tuple[str, Values]] | None = None,
    *,
    key: str | None = None,
    rows: Mapping[str, Values] | None = None,
    group: str | None = None,
    strata: Sequence[str] = (),
    skip_unreadable: bool = False,
    window: Window | None = None,
) -> Table:
    """Return the concepts of a table that has a row for each image.

    Cells are compared as strings, so `1` and `007` differ. A cell that is empty, `NaN`, `NA`, `N/A` or `NULL` has no
    value, unless that string is one of the named values. The order of the rows does not matter.

    Parameters
    ----------
    source
        Path of a CSV, TSV or Parquet file; a `pandas.DataFrame`; a `datasets.Dataset` with a column of images.
    images
        The folder of the images; None for a `datasets.Dataset`, which holds its images.
    columns
        For each concept its column, and the values of the rows that show it: `{"veil": ("blue_whitish_veil", ["P"])}`.
    key
        The column that names each image: its path within the folder, or its name anywhere below it; the extension may
        be omitted. By default the first that exists of `path`, `file`, `image` and `name`, or else the first column.
    rows
        Select the rows that have one of these values in each of these columns: `{"diagnosis": ["melanoma"]}`.
    group
        The column of the group of an image, such as its patient (`ImageItem.group`).
    strata
        Columns that a concept may be confounded with (`ImageItem.strata`).
    skip_unreadable, window
        As in `image_set`.

    Raises
    ------
    OptionError
        If the table cannot be read; a column, value or row does not exist; a value is given twice; or a selected row
        has no group.
    ImageSetError
        If a row matches no image or several, or two rows match the same image.
    UnreadableImageError
        As in `image_set`.
    """
    cells = cells_of(source)
    chosen = _selected(cells, rows or {})
    shows = {name: _labels(cells, name, given, chosen) for name, given in (columns or {}).items()}
    groups = None if group is None else _groups(cells, group, chosen)
    strata_cells = {column: _cells(cells, column, chosen, {}) for column in strata}
    stored = _stored(source, cells, images, key, chosen)
    items: list[ImageItem | Skipped] = []
    for number, item in enumerate(stored_items(stored, decode=skip_unreadable, window=window)):
        if isinstance(item, ImageItem):
            item.group = None if groups is None else groups[number]
            item.strata = {column: values[number] for column, values in strata_cells.items()}
        items.append(item)
    order = sorted(range(len(items)), key=lambda number: _sort_key(stored[number], number))
    every = _image_set(cells.where, (items[number] for number in order))
    if not skip_unreadable:
        require_readable(cells.where, every.skipped)
    found = {}
    for name, labels in shows.items():
        has, lacks = (
            _image_set(name, (items[number] for number in order if labels[number] is wanted))
            for wanted in (True, False)
        )
        found[name] = Labelled(has, lacks, labels.count(None))
    return Table(every, found)


# Rows and values


def _selected(cells: Cells, rows: Mapping[str, Values]) -> list[int]:
    """Return the indices of the rows that have one of the named values in each of the columns."""
    found = list(range(cells.count))
    for column, values in rows.items():
        wanted = _wanted(cells, f"rows {column!r}", column, values)
        texts = cells.column(column)
        found = [row for row in found if texts[row] in wanted]
    if not found:
        wish = " and ".join(f"{column} is {' or '.join(map(text, values))}" for column, values in rows.items())
        raise OptionError(f"{cells.where} has no row whose {wish}; select other rows")
    return found


def _labels(cells: Cells, name: str, given: tuple[str, Values], chosen: Sequence[int]) -> list[bool | None]:
    """Return whether each selected row shows a concept; None if it has no value."""
    if isinstance(given, str) or len(given) != 2:
        raise OptionError(
            f"concept {name!r}: give its column and a list of values, such as ('veil', ['P']), not {given!r}"
        )
    column, values = given
    wanted = _wanted(cells, f"concept {name!r}", column, values)
    found = [None if cell == "" else cell in wanted for cell in _cells(cells, column, chosen, wanted)]
    if True not in found:
        raise OptionError(
            f"concept {name!r}: none of the {len(chosen)} selected rows of {cells.where} has {column} "
            f"{' or '.join(wanted)}; select other rows"
        )
    return found


def _wanted(cells: Cells, what: str, column: str, values: Values) -> dict[str, None]:
    """Return the named values as strings, in their order; each must occur in the column."""
    if isinstance(values, str) or not len(values):
        raise OptionError(f"{what}: give a list of one or more values of the column {column!r}, not {values!r}")
    texts = cells.column(column)
    known = set(texts)
    wanted: dict[str, None] = {}
    for value in map(text, values):
        if value in wanted:
            raise OptionError(f"{what}: the value {value!r} of the column {column!r} is given twice; give it once")
        if value not in known or value == "":
            raise OptionError(
                f"{what}: no row of {cells.where} has {value!r} in the column {column!r}; its values are "
                f"{listed(sorted(known - {''}))}"
            )
        wanted[value] = None
    return wanted


def _cells(cells: Cells, column: str, chosen: Sequence[int], wanted: Mapping[str, None]) -> list[str]:
    """Return the cells of the selected rows; empty if there is no value."""
    texts = cells.column(column)
    return ["" if texts[row] in MISSING and texts[row] not in wanted else texts[row] for row in chosen]


def _groups(cells: Cells, column: str, chosen: Sequence[int]) -> list[str]:
    found = _cells(cells, column, chosen, {})
    empty = [f"row {row + 1}" for row, cell in zip(chosen, found, strict=True) if not cell]
    if empty:
        raise OptionError(
            f"{cells.where} has no {column!r}, the group of an image, in {listed(empty)}; fill it in, or select other "
            "rows"
        )
    return found


# Images


def _stored(
    source: Any, cells: Cells, images: str | Path | None, key: str | None, chosen: Sequence[int]
) -> list[Stored]:
    if is_dataset(source):
        if images is not None or key is not None:
            raise OptionError("a datasets.Dataset holds its images; omit the folder of images and the key")
        every = list(stored_images(source, cells.where))
        return [every[row] for row in chosen]
    if images is None:
        raise OptionError(f"give the folder of the images that {cells.where} names (images=DIR)")
    column = key if key is not None else next((name for name in KEYS if name in cells.names), cells.names[0])
    names = cells.column(column)
    folder = ImageFolder(images)
    matches = [(f"row {row + 1} ({names[row]})", folder.find(names[row]) if names[row] else []) for row in chosen]
    bare = [where for where, files in matches if not files]
    if bare:
        raise ImageSetError(
            f"{folder.folder} has no image for {listed(bare)} of {cells.where}; the column {column!r} names them: "
            "add the images, name another column, or select other rows"
        )
    unclear = [f"{where}: {' or '.join(files[:3])}" for where, files in matches if len(files) > 1]
    if unclear:
        raise ImageSetError(
            f"several images match in {cells.where} {listed(unclear)}; give paths within {folder.folder}, with their "
            "extensions"
        )
    _require_once(cells, matches)
    return [File(files[0]) for _, files in matches]


def _require_once(cells: Cells, matches: Sequence[tuple[str, Sequence[str]]]) -> None:
    first: dict[str, str] = {}
    twice = []
    for where, (file,) in matches:
        if file in first:
            twice.append(f"{first[file]} and {where}")
        first.setdefault(file, where)
    if twice:
        raise ImageSetError(f"{cells.where} names an image twice, in {listed(twice)}; leave one row for each image")


def _sort_key(stored: Stored, number: int) -> tuple[tuple[str, ...], int]:
    """Return the sort key of an image: files in the order of their folder, others in the order of the rows."""
    return (tuple(stored.name.split(os.sep)) if isinstance(stored, File) else ()), number


def _image_set(name: str, items: Iterable[ImageItem | Skipped]) -> ImageSet:
    both = list(items)
    return ImageSet(
        name,
        tuple(item for item in both if isinstance(item, ImageItem)),
        tuple(item for item in both if isinstance(item, Skipped)),
    )
