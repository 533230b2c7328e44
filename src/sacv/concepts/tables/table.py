"""`from_table`: from the rows of a table to concepts, each with a random set of its own.

Of the rows of a column, those with the values named show the concept, those with other values do not, and those without
a value say nothing of it and are left out and counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from sacv.concepts.image_set import ImageSet, require_readable, stored_items
from sacv.concepts.item import ImageItem, Skipped
from sacv.concepts.sources import stored_images
from sacv.concepts.sources.base import Stored
from sacv.concepts.sources.folder import File
from sacv.concepts.tables.cells import MISSING, Cells, cells_of, is_dataset, text
from sacv.concepts.tables.pictures import Pictures
from sacv.errors import ImageSetError, OptionError
from sacv.model.window import Window

KEYS = ("path", "file", "image", "name")
"""Columns that name the picture, the first that is there; else it is the first column."""

SHOWN = 10
"""Rows or values that an error names."""

Values: TypeAlias = Sequence[Any]


@dataclass(frozen=True, eq=False)
class Labelled:
    """The pictures of a concept that stands in a table; one of the `concepts` that `sacv.fit` takes.

    Parameters
    ----------
    images
        Those that show it.
    others
        Those that do not: its own random set, unless `fit` is given random images.
    missing
        How many rows have no value, and so are in neither.
    """

    images: ImageSet
    others: ImageSet
    missing: int = 0


@dataclass(frozen=True, eq=False)
class Table:
    """What `from_table` gives.

    Parameters
    ----------
    images
        The pictures of all rows selected, in the order of their names, and those that could not be read.
    concepts
        By name. Concepts share the images of the rows that they share.
    """

    images: ImageSet
    concepts: Mapping[str, Labelled]

    @property
    def missing(self) -> dict[str, int]:
        """For each concept, how many rows have no value."""
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
    """Gather the concepts of a table that has a row for each picture.

    Cells are compared as texts, so that `1` and `007` stay what they are. A cell that is empty, `NaN`, `NA`, `N/A` or
    `NULL` has no value, unless such a text is named as one. The order of the rows counts for nothing.

    Parameters
    ----------
    source
        Path of a CSV, TSV or Parquet file; a `pandas.DataFrame`; a `datasets.Dataset` with a column of images.
    images
        The folder of the pictures; none for a `datasets.Dataset`, which holds its own.
    columns
        For each concept the column, and the values of the rows that show it: `{"veil": ("blue_whitish_veil", ["P"])}`.
    key
        The column that names each picture: its path within the folder, or its name anywhere below; its ending may be
        left out. By default the first that exists of `path`, `file`, `image` and `name`, or else the first column.
    rows
        Take only the rows that have one of these values in each of these columns: `{"diagnosis": ["melanoma"]}`.
    group
        The column that says what a picture belongs with, such as its patient (`ImageItem.group`).
    strata
        Columns that a concept may be confounded with (`ImageItem.strata`).
    skip_unreadable, window
        As of `image_set`.

    Raises
    ------
    OptionError
        If the table cannot be read, or there is no such column, value or row, a value is given twice, or a row selected
        has no group.
    ImageSetError
        If a row names no picture, or several, or two rows name the same.
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
    order = sorted(range(len(items)), key=lambda number: _place(stored[number], number))
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
    """Give the numbers of the rows that have one of the values wanted in each of the columns."""
    found = list(range(cells.count))
    for column, values in rows.items():
        wanted = _wanted(cells, f"rows {column!r}", column, values)
        texts = cells.column(column)
        found = [row for row in found if texts[row] in wanted]
    if not found:
        told = " and ".join(f"{column} is {' or '.join(map(text, values))}" for column, values in rows.items())
        raise OptionError(f"{cells.where} has no row whose {told}; select others")
    return found


def _labels(cells: Cells, name: str, given: tuple[str, Values], chosen: Sequence[int]) -> list[bool | None]:
    """Tell of each row chosen whether it shows a concept; None where it has no value."""
    if isinstance(given, str) or len(given) != 2:
        raise OptionError(
            f"concept {name!r}: give its column and a list of values, such as ('veil', ['P']), not {given!r}"
        )
    column, values = given
    wanted = _wanted(cells, f"concept {name!r}", column, values)
    found = [None if cell == "" else cell in wanted for cell in _cells(cells, column, chosen, wanted)]
    if True not in found:
        raise OptionError(
            f"concept {name!r}: none of the {len(chosen)} rows selected of {cells.where} has {column} "
            f"{' or '.join(wanted)}; select others"
        )
    return found


def _wanted(cells: Cells, what: str, column: str, values: Values) -> dict[str, None]:
    """Give the values named as texts, in their order, each of which some row has."""
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
                f"{what}: no row of {cells.where} has {value!r} in the column {column!r}; it holds "
                f"{_listed(sorted(known - {''}))}"
            )
        wanted[value] = None
    return wanted


def _cells(cells: Cells, column: str, chosen: Sequence[int], wanted: Mapping[str, None]) -> list[str]:
    """Give the cells of the rows chosen, empty where there is no value."""
    texts = cells.column(column)
    return ["" if texts[row] in MISSING and texts[row] not in wanted else texts[row] for row in chosen]


def _groups(cells: Cells, column: str, chosen: Sequence[int]) -> list[str]:
    found = _cells(cells, column, chosen, {})
    empty = [f"row {row + 1}" for row, cell in zip(chosen, found, strict=True) if not cell]
    if empty:
        raise OptionError(
            f"{cells.where} has no {column!r}, which says what a picture belongs with, in {_listed(empty)}; fill it "
            "in, or select other rows"
        )
    return found


# Pictures


def _stored(
    source: Any, cells: Cells, images: str | Path | None, key: str | None, chosen: Sequence[int]
) -> list[Stored]:
    """Give the picture of each row chosen."""
    if is_dataset(source):
        if images is not None or key is not None:
            raise OptionError("a datasets.Dataset holds its pictures; leave out the folder of images and the key")
        every = list(stored_images(source, cells.where))
        return [every[row] for row in chosen]
    if images is None:
        raise OptionError(f"give the folder of the pictures that {cells.where} names (images=DIR)")
    column = key if key is not None else next((name for name in KEYS if name in cells.names), cells.names[0])
    names = cells.column(column)
    pictures = Pictures(images)
    found = [(row, names[row], pictures.find(names[row]) if names[row] else []) for row in chosen]
    told = [(f"row {row + 1} ({name})", files) for row, name, files in found]
    bare = [where for where, files in told if not files]
    if bare:
        raise ImageSetError(
            f"{pictures.folder} has no picture for {_listed(bare)} of {cells.where}; the column {column!r} names them: "
            "add the pictures, name another column, or select other rows"
        )
    unclear = [f"{where}: {' or '.join(files[:3])}" for where, files in told if len(files) > 1]
    if unclear:
        raise ImageSetError(
            f"it is not clear which picture is meant in {cells.where} by {_listed(unclear)}; give paths within "
            f"{pictures.folder}, with their endings"
        )
    _require_once(cells, told)
    return [File(files[0]) for _, _, files in found]


def _require_once(cells: Cells, told: Sequence[tuple[str, Sequence[str]]]) -> None:
    """Check that no two rows name the same picture."""
    first: dict[str, str] = {}
    twice = []
    for where, (file,) in told:
        if file in first:
            twice.append(f"{first[file]} and {where}")
        first.setdefault(file, where)
    if twice:
        raise ImageSetError(f"{cells.where} names a picture twice, in {_listed(twice)}; leave one row for each picture")


def _place(stored: Stored, number: int) -> tuple[tuple[str, ...], int]:
    """Give where a picture stands: a file where it would in its folder, another in the order of the rows."""
    return (tuple(stored.name.split(os.sep)) if isinstance(stored, File) else ()), number


def _image_set(name: str, items: Iterable[ImageItem | Skipped]) -> ImageSet:
    both = list(items)
    return ImageSet(
        name,
        tuple(item for item in both if isinstance(item, ImageItem)),
        tuple(item for item in both if isinstance(item, Skipped)),
    )


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
