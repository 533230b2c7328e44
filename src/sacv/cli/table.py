"""Options for a table of images, and the images and concepts that it defines."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sacv.cli.options import together
from sacv.errors import OptionError

if TYPE_CHECKING:
    from sacv.concepts import Table
    from sacv.model import Window


table_options = together(
    click.option(
        "--table",
        "table_file",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="A table with a row for each image: CSV, TSV or Parquet (docs/data.md).",
    ),
    click.option(
        "--images",
        "table_images",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="The folder of the images in --table.",
    ),
    click.option(
        "--key",
        metavar="COLUMN",
        help="The column of --table with the file names of the images; their extension may be omitted. [default: path, "
        "file, image, name, or else the first]",
    ),
    click.option(
        "--rows",
        multiple=True,
        metavar="COLUMN:VALUE[,VALUE]",
        help="Use only the rows of --table with one of these values. May be repeated; then all conditions must hold.",
    ),
)
"""The options for a table, its images and its rows."""


concept_options = together(
    click.option(
        "--column",
        "columns",
        multiple=True,
        metavar="NAME=COLUMN:VALUE[,VALUE]",
        help="A concept, and the values of a column of --table that mean it is shown. Rows with other values are its "
        "random set, unless --random is given; rows without a value are left out and counted. May be repeated.",
    ),
    click.option(
        "--strata",
        multiple=True,
        metavar="COLUMN",
        help="A column of --table that a concept may be confounded with, such as the diagnosis. The remarks give their "
        "association, and the AUROC of the concept within one value. May be repeated.",
    ),
    click.option(
        "--match",
        is_flag=True,
        help="Contrast each concept with its random set within the --strata. Images whose stratum has only one "
        "of the two are left out.",
    ),
)
"""The options for the columns of a table that are concepts and strata."""


def parse_columns(texts: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """Parse `NAME=COLUMN:VALUE[,VALUE]`."""
    found: dict[str, tuple[str, list[str]]] = {}
    for text in texts:
        name, _, rest = text.partition("=")
        column, values = _column(f"--column {text}: give NAME=COLUMN:VALUE, such as veil=blue_whitish_veil:P", rest)
        if not name.strip():
            raise OptionError(f"--column {text}: give the concept a name, as in veil=blue_whitish_veil:P")
        if name.strip() in found:
            raise OptionError(
                f"--column {text}: the concept {name.strip()!r} is given twice; give its values in one, as in "
                f"{name.strip()}=COLUMN:VALUE,VALUE, or give the two different names"
            )
        found[name.strip()] = (column, values)
    return found


def parse_rows(texts: Sequence[str]) -> dict[str, list[str]]:
    """Parse `COLUMN:VALUE[,VALUE]`."""
    found: dict[str, list[str]] = {}
    for text in texts:
        column, values = _column(f"--rows {text}: give COLUMN:VALUE, such as diagnosis:melanoma", text)
        if column in found:
            raise OptionError(f"--rows {text}: the column {column!r} is given twice; give all its values in one --rows")
        found[column] = values
    return found


def _column(message: str, text: str) -> tuple[str, list[str]]:
    column, _, values = text.partition(":")
    found = [value.strip() for value in values.split(",")]
    if not column.strip() or not all(found):
        raise OptionError(message)
    return column.strip(), found


def open_table(
    file: Path,
    table_images: Path | None,
    *,
    key: str | None = None,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    group: str | None = None,
    strata: Sequence[str] = (),
    skip_unreadable: bool = False,
    window: Window | None = None,
) -> Table:
    """Read the table that the options name, with its images."""
    from sacv.concepts import from_table

    if table_images is None:
        raise OptionError(f"--table {file}: give the folder of its images with --images DIR")
    return from_table(
        file,
        table_images,
        parse_columns(columns),
        key=key,
        rows=parse_rows(rows),
        group=group,
        strata=strata,
        skip_unreadable=skip_unreadable,
        window=window,
    )


def require_table(file: Path | None, **given: object) -> None:
    """Check that options of a table are given only with --table."""
    for name, value in given.items():
        if file is None and value:
            raise OptionError(f"--{name} needs a table; give --table FILE")


def images_of(
    images: Sequence[str],
    file: Path | None,
    table_images: Path | None,
    key: str | None,
    rows: Sequence[str],
    *,
    group: str | None = None,
    skip_unreadable: bool = False,
    window: Window | None = None,
) -> Any:
    """Return the images of a command: IMAGES, or the images of a table; an empty list if neither is given."""
    require_table(file, images=table_images, key=key, rows=rows)
    if file is None:
        return list(images)
    if images:
        raise OptionError(f"IMAGES ({images[0]}) and --table {file} are given; give one of them")
    return open_table(
        file, table_images, key=key, rows=rows, group=group, skip_unreadable=skip_unreadable, window=window
    ).images


def require_images(images: Sequence[str], file: Path | None) -> None:
    """Check that images are given."""
    if not images and file is None:
        raise click.UsageError("Missing argument 'IMAGES...', or '--table FILE'.")
