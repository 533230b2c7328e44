"""The cells of a table as strings, from CSV, TSV, Parquet, a DataFrame or a `datasets.Dataset`.

Cells of text files are not converted, so `1` and `007` stay different; surrounding whitespace is ignored. In typed
columns a whole number becomes `1`, also if missing values made it a float, and a boolean becomes `True`.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from sacv.errors import OptionError

if TYPE_CHECKING:
    from pandas import DataFrame

PARQUET = (".parquet", ".pq")
TABS = (".tsv", ".tab")
COMMAS = (".csv",)

MISSING = frozenset({"", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NULL", "null"})
"""Cells that mean a missing value."""


@dataclass(frozen=True)
class Cells:
    """A table."""

    where: str
    """Its name, for messages."""
    names: tuple[str, ...]
    count: int
    read: Callable[[int], list[str]]
    """Function that returns the cells of a column, as strings, by the column's index."""

    def column(self, name: str) -> list[str]:
        """Return the cells of a column, as strings."""
        if name not in self.names:
            raise OptionError(f"{self.where} has no column {name!r}; it has {', '.join(self.names)}")
        if self.names.count(name) > 1:
            raise OptionError(f"{self.where} has {self.names.count(name)} columns {name!r}; rename all but one")
        return self.read(self.names.index(name))


def is_dataset(source: object) -> bool:
    """Return whether an object is a `datasets.Dataset`."""
    datasets = sys.modules.get("datasets")  # loaded if a dataset exists
    return datasets is not None and isinstance(source, datasets.Dataset)


def cells_of(source: Any) -> Cells:
    """Return the cells of a table."""
    if isinstance(source, str | Path):
        found = _from_file(Path(source))
    elif is_dataset(source):
        found = _from_dataset(source)
    else:
        found = _from_frame(source)
    if not found.count:
        raise OptionError(f"{found.where} has no rows")
    return found


def text(value: Any) -> str:
    """Return a value as the string of a cell; empty if it is missing."""
    if value is None or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


def _from_file(path: Path) -> Cells:
    name = path.name.lower()
    if not path.is_file():
        raise OptionError(f"there is no table {path}")
    if name.endswith(PARQUET):
        return _from_parquet(path)
    if name.endswith((*TABS, *COMMAS)):
        return _from_text(path, tabs=name.endswith(TABS))
    raise OptionError(
        f"{path} does not have the extension of a table; give one of {', '.join(COMMAS + TABS + PARQUET)}"
    )


def _from_parquet(path: Path) -> Cells:
    try:
        names = pq.read_schema(path).names
        count = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from error

    def read(number: int) -> list[str]:
        try:
            return _texts(pq.read_table(path, columns=[names[number]])[0].to_pylist())
        except (OSError, pa.ArrowException) as error:
            raise _unreadable(path, error) from error

    return Cells(str(path), tuple(names), count, read)


def _from_text(path: Path, *, tabs: bool) -> Cells:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            # a semicolon, if the header has semicolons but no commas
            separator = "\t" if tabs else ";" if ";" in first and "," not in first else ","
            header, *rows = [row for row in csv.reader(file, delimiter=separator, strict=True) if row]
    except (OSError, ValueError, csv.Error) as error:  # ValueError if it is not text or is empty
        raise _unreadable(path, error) from error
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise OptionError(
                f"row {number} of {path} has {len(row)} cells and the header {len(header)}; write all separators, and "
                "quote cells that contain one"
            )
    return Cells(str(path), tuple(map(text, header)), len(rows), lambda column: _texts(row[column] for row in rows))


def _from_frame(source: Any) -> Cells:
    import pandas as pd

    if not isinstance(source, pd.DataFrame):
        raise OptionError(
            f"{type(source).__name__} is not a table; give a CSV, TSV or Parquet file, a DataFrame or datasets.Dataset"
        )
    frame: DataFrame = source
    names = tuple(map(str, frame.columns))
    return Cells("the DataFrame", names, len(frame), lambda number: _texts(frame.iloc[:, number].tolist()))


def _from_dataset(dataset: Any) -> Cells:
    plain = dataset.with_format(None)
    names = tuple(plain.features.arrow_schema.names)

    def read(number: int) -> list[str]:
        values = plain.select_columns([names[number]])[:][names[number]]
        labels = getattr(plain.features[names[number]], "names", None)  # of a ClassLabel, which stores numbers
        if labels is None:
            return _texts(values)
        return ["" if value is None or value < 0 else text(labels[value]) for value in values]

    return Cells("the dataset", names, len(plain), read)


def _texts(values: Iterable[Any]) -> list[str]:
    return [text(value) for value in values]


def _unreadable(path: Path, error: Exception) -> OptionError:
    reason = " ".join(str(error).split())
    return OptionError(f"{path} cannot be read as a table ({reason}); write it again")
