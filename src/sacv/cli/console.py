"""Output of all commands: errors in one line, progress on a terminal, results as text or JSON."""

from __future__ import annotations

import json
import shlex
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from sacv.errors import SacvError

WIDTH = 100
"""Characters of a line of a table that is not printed to a terminal."""

USER_ERROR = 2
"""Exit status of every error that the user can fix."""


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error if it is a terminal; yield a function of (done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as display:
        task = display.add_task(title, total=None)

        def advance(done: int, total: int) -> None:
            display.update(task, completed=done, total=total)

        yield advance


def say(text: str = "") -> None:
    """Print a line to standard output."""
    click.echo(text)


def say_json(content: Any) -> None:
    """Print machine-readable results to standard output."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def say_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table, `WIDTH` wide where it fits; numbers are right-aligned and never cut."""
    from rich.console import Console
    from rich.measure import Measurement
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        numeric = all(isinstance(row[column], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in rows:
        table.add_row(*(_text(row[column]) for column in columns))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        needed = Measurement.get(console, console.options, table).minimum
        console = Console(highlight=False, markup=False, width=max(WIDTH, needed))
    console.print(table)


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """Return the file name of each path, with as many of its folders as distinguish it from the others."""
    paths = list(dict.fromkeys(paths))
    parts = {path: path.split("/") for path in paths}
    depths = dict.fromkeys(paths, 1)
    while True:
        names = {path: "/".join(parts[path][-depths[path] :]) for path in paths}
        times = Counter(names.values())
        longer = [path for path in paths if times[names[path]] > 1 and depths[path] < len(parts[path])]
        if not longer:
            return names
        for path in longer:
            depths[path] += 1


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print each warning once, in one line, without its source file."""
    shown: set[str] = set()

    def show(message: Warning | str, *_where: object, **_more: object) -> None:
        if str(message) not in shown:
            click.echo(f"Warning: {message}", err=True)
        shown.add(str(message))

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def run(command: click.Command, arguments: Sequence[str] | None) -> int:
    """Run a command and return its exit status; print every user error in one line."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        with _plain_warnings():
            status = command.main(
                args=list(given), prog_name="sacv", standalone_mode=False, obj=shlex.join(["sacv", *given])
            )
        return status if isinstance(status, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return USER_ERROR
    except click.ClickException as error:
        return _fail(error.format_message(), USER_ERROR)
    except SacvError as error:
        return _fail(str(error), USER_ERROR)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", 130)
    except BrokenPipeError:  # the reader of a pipe has closed it
        sys.stderr.close()
        return 1


def _fail(message: str, status: int) -> int:
    click.echo(f"sacv: error: {' '.join(message.split())}", err=True)
    return status
