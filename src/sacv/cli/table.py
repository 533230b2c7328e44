"""Options that name a table of pictures, and the pictures and concepts that they give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sacv.errors import OptionError

if TYPE_CHECKING:
    from sacv.concepts import Table
    from sacv.model import Window

Command = TypeVar("Command", bound=Callable[..., Any])


def table_options(command: Command) -> Command:
    """Add the options that name a table, its pictures and its rows."""
    for option in reversed(
        [
            click.option(
                "--table",
                "table_file",
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="A table with a row for each picture: CSV, TSV or Parquet (docs/data.md).",
            ),
            click.option(
                "--images",
                "pictures",
                type=click.Path(path_type=Path),
                metavar="DIR",
                help="The folder of the pictures that --table names.",
            ),
            click.option(
                "--key",
                metavar="COLUMN",
                help="The column of --table that names the picture; its ending may be left out. [default: path, file, "
                "image, name, or else the first]",
            ),
            click.option(
                "--rows",
                multiple=True,
                metavar="COLUMN:VALUE[,VALUE]",
                help="Take only the rows of --table with one of these values; may be repeated, and then all must hold.",
            ),
        ]
    ):
        command = option(command)
    return command


def concept_options(command: Command) -> Command:
    """Add the options that say which columns of a table are concepts and strata."""
    for option in reversed(
        [
            click.option(
                "--column",
                "columns",
                multiple=True,
                metavar="NAME=COLUMN:VALUE[,VALUE]",
                help="A concept, and the values of a column of --table that show it; may be repeated. Rows with other "
                "values are its random set, unless --random is given; those without a value are left out and counted.",
            ),
            click.option(
                "--strata",
                multiple=True,
                metavar="COLUMN",
                help="A column of --table that a concept may be confounded with, such as the diagnosis; may be "
                "repeated. The card says how the two go together, and how well the concept is told apart within one "
                "value.",
            ),
            click.option(
                "--match",
                is_flag=True,
                help="Compare each concept with its random set within the --strata; images whose stratum has only one "
                "of the two are left out.",
            ),
        ]
    ):
        command = option(command)
    return command


def parse_columns(texts: Sequence[str]) -> dict[str, tuple[str, list[str]]]:
    """Read `NAME=COLUMN:VALUE[,VALUE]`.

    Raises
    ------
    OptionError
        If something is not of this form, or a name comes twice.
    """
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
    """Read `COLUMN:VALUE[,VALUE]`.

    Raises
    ------
    OptionError
        If something is not of this form, or a column comes twice.
    """
    found: dict[str, list[str]] = {}
    for text in texts:
        column, values = _column(f"--rows {text}: give COLUMN:VALUE, such as diagnosis:melanoma", text)
        if column in found:
            raise OptionError(f"--rows {text}: the column {column!r} is given twice; give its values in one")
        found[column] = values
    return found


def _column(told: str, text: str) -> tuple[str, list[str]]:
    column, _, values = text.partition(":")
    found = [value.strip() for value in values.split(",")]
    if not column.strip() or not all(found):
        raise OptionError(told)
    return column.strip(), found


def open_table(
    file: Path,
    pictures: Path | None,
    *,
    key: str | None = None,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    group: str | None = None,
    strata: Sequence[str] = (),
    skip_unreadable: bool = False,
    window: Window | None = None,
) -> Table:
    """Read the table that the options name, with its pictures.

    Raises
    ------
    OptionError
        If the folder of the pictures is not given, or as `sacv.from_table`.
    """
    from sacv.concepts import from_table

    if pictures is None:
        raise OptionError(f"--table {file}: give the folder of its pictures with --images DIR")
    return from_table(
        file,
        pictures,
        parse_columns(columns),
        key=key,
        rows=parse_rows(rows),
        group=group,
        strata=strata,
        skip_unreadable=skip_unreadable,
        window=window,
    )


def require_table(file: Path | None, **given: object) -> None:
    """Check that no option of a table is given without one.

    Raises
    ------
    OptionError
        If one is; it names the option.
    """
    for name, value in given.items():
        if file is None and value:
            raise OptionError(f"--{name} is of a table; give --table FILE")


def pictures_of(
    images: Sequence[str],
    file: Path | None,
    pictures: Path | None,
    key: str | None,
    rows: Sequence[str],
    *,
    group: str | None = None,
    skip_unreadable: bool = False,
    window: Window | None = None,
) -> Any:
    """Give the pictures that a command is for: IMAGES, or those of a table; nothing where neither is given.

    Raises
    ------
    OptionError
        If both are given, or as `open_table`.
    """
    require_table(file, images=pictures, key=key, rows=rows)
    if file is None:
        return list(images)
    if images:
        raise OptionError(f"IMAGES ({images[0]}) and --table {file} are given; give one of them")
    return open_table(
        file, pictures, key=key, rows=rows, group=group, skip_unreadable=skip_unreadable, window=window
    ).images


def require_pictures(images: Sequence[str], file: Path | None) -> None:
    """Check that a command is given pictures.

    Raises
    ------
    click.UsageError
        If it is not.
    """
    if not images and file is None:
        raise click.UsageError("Missing argument 'IMAGES...', or '--table FILE' in its place.")
