"""The cells of a table as texts, whatever holds it: CSV, TSV, Parquet, a DataFrame or a `datasets.Dataset`.

Texts of files stay what they are, so that `1` and `007` are neither numbers nor each other; blanks around them count
for nothing. Of typed columns a whole number is `1`, also where missing values have made it a float, and a truth value
`True`.
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
"""Texts of cells that hold no value."""


@dataclass(frozen=True)
class Cells:
    """A table.

    Parameters
    ----------
    where
        What it is, for errors.
    names
        Of its columns.
    count
        Number of rows.
    read
        Gives the cells of the column of a number, as texts.
    """

    where: str
    names: tuple[str, ...]
    count: int
    read: Callable[[int], list[str]]

    def column(self, name: str) -> list[str]:
        """Give the cells of a column, as texts.

        Raises
        ------
        OptionError
            If there is none of that name, or there are several.
        """
        if name not in self.names:
            raise OptionError(f"{self.where} has no column {name!r}; it has {', '.join(self.names)}")
        if self.names.count(name) > 1:
            raise OptionError(
                f"{self.where} has {self.names.count(name)} columns {name!r}, so that it is not clear which is meant; "
                "rename all but one"
            )
        return self.read(self.names.index(name))


def is_dataset(source: object) -> bool:
    """Tell whether something is a `datasets.Dataset`."""
    datasets = sys.modules.get("datasets")  # whoever has a dataset has loaded it
    return datasets is not None and isinstance(source, datasets.Dataset)


def cells_of(source: Any) -> Cells:
    """Give the cells of a table.

    Raises
    ------
    OptionError
        If it is no table, or cannot be read.
    """
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
    """Give a value as the text of a cell; nothing, where it is missing."""
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
        f"{path} is no table that is known by its ending; give one of {', '.join(COMMAS + TABS + PARQUET)}"
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
            # the semicolon, where only that stands in the header
            separator = "\t" if tabs else ";" if ";" in first and "," not in first else ","
            header, *rows = [row for row in csv.reader(file, delimiter=separator, strict=True) if row]
    except (OSError, ValueError, csv.Error) as error:  # of what is no text, or has no line
        raise _unreadable(path, error) from error
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise OptionError(
                f"row {number} of {path} has {len(row)} cells and the header {len(header)}; write it with all its "
                "separators, and cells that hold one in quotes"
            )
    return Cells(str(path), tuple(map(text, header)), len(rows), lambda column: _texts(row[column] for row in rows))


def _from_frame(source: Any) -> Cells:
    import pandas as pd

    if not isinstance(source, pd.DataFrame):
        raise OptionError(
            f"{type(source).__name__} is no table; give a CSV, TSV or Parquet file, a DataFrame or a datasets.Dataset"
        )
    frame: DataFrame = source
    names = tuple(map(str, frame.columns))
    return Cells("the DataFrame", names, len(frame), lambda number: _texts(frame.iloc[:, number].tolist()))


def _from_dataset(dataset: Any) -> Cells:
    plain = dataset.with_format(None)
    names = tuple(plain.features.arrow_schema.names)

    def read(number: int) -> list[str]:
        values = plain.select_columns([names[number]])[:][names[number]]
        labels = getattr(plain.features[names[number]], "names", None)  # of a ClassLabel, whose cells are numbers
        if labels is None:
            return _texts(values)
        return ["" if value is None or value < 0 else text(labels[value]) for value in values]

    return Cells("the dataset", names, len(plain), read)


def _texts(values: Iterable[Any]) -> list[str]:
    return [text(value) for value in values]


def _unreadable(path: Path, error: Exception) -> OptionError:
    reason = " ".join(str(error).split())
    return OptionError(f"{path} cannot be read as a table ({reason}); write it again")
