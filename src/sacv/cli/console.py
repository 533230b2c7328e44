"""What every command shares: errors in one line, progress when somebody watches, results as text or JSON."""

from __future__ import annotations

import json
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import click

from sacv.errors import SacvError

USER_ERROR = 2
"""Exit status of every error that the user can mend."""


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar on standard error, if that is a terminal; give the function to call with (done, total)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bars:
        task = bars.add_task(title, total=None)

        def advance(done: int, total: int) -> None:
            bars.update(task, completed=done, total=total)

        yield advance


def say(text: str = "") -> None:
    """Print a line to standard output."""
    click.echo(text)


def say_json(content: Any) -> None:
    """Print machine-readable results to standard output."""
    click.echo(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def say_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Print a table; numbers are right-aligned and wide enough never to be cut."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        numeric = all(isinstance(row[column], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
    for row in rows:
        table.add_row(*(_text(row[column]) for column in columns))
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, width=200)
    console.print(table)


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


@contextmanager
def _plain_warnings() -> Iterator[None]:
    """Print each warning once, as one line, without the place in the code that it comes from."""
    shown: set[str] = set()

    def show(message: Warning | str, *_where: object, **_more: object) -> None:
        if str(message) not in shown:
            click.echo(f"Warning: {message}", err=True)
        shown.add(str(message))

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def run(command: click.Command, arguments: Sequence[str] | None) -> int:
    """Run a command; give its exit status, with every user error told in one line."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        with _plain_warnings():
            status = command.main(
                args=list(given), prog_name="sacv", standalone_mode=False, obj=shlex.join(["sacv", *given])
            )
        return status if isinstance(status, int) else 0
    except click.ClickException as error:
        return _fail(error.format_message(), USER_ERROR)
    except SacvError as error:
        return _fail(str(error), USER_ERROR)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", 130)
    except BrokenPipeError:  # the reader of a pipe has left
        sys.stderr.close()
        return 1


def _fail(message: str, status: int) -> int:
    click.echo(f"sacv: error: {' '.join(message.split())}", err=True)
    return status
