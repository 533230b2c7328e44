"""`sacv view`: the report of a saved result, in the browser."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from sacv.cli.console import say

FINISHED = {"study.json": "report.html", "search.json": "index.html", "bench.json": "index.html"}
"""Results whose report is shown as it was written: the file that identifies their folder, and the report."""


@click.command("view")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to write the report to. [default: the report in FOLDER]"
)
@click.option("--no-open", is_flag=True, help="Write the report and open no browser.")
@click.argument("folder", type=click.Path(path_type=Path))
def view_command(folder: Path, out: Path | None, no_open: bool) -> None:
    """Open the report of a saved result in the browser.

    Reports of explanations, scores and audits are written again.
    """
    import webbrowser

    from sacv.errors import StorageError

    name, write = _page(folder)
    file = folder / name if out is None else out
    try:
        write(file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror or error}; give another with --out") from error
    opened = not no_open and webbrowser.open(file.resolve().as_uri())
    say(f"{'Opened' if opened else 'Open'} {file}")


def _page(folder: Path) -> tuple[str, Callable[[Path], object]]:
    """Return the name of a folder's report, and a function that writes it to a file."""
    from sacv.errors import CorruptFileError
    from sacv.maps import open_saved
    from sacv.scores import ClassScores
    from sacv.trust import Audit
    from sacv.viewer import write_page

    for marker, name in FINISHED.items():
        if (folder / marker).exists():
            if not (folder / name).exists():
                raise CorruptFileError(
                    f"{folder / name} is missing, the report of this result; create the result again"
                )
            return name, partial(_copy, folder / name)
    if (folder / "scores.json").exists():
        return "index.html", ClassScores.load(folder).write_page
    if (folder / "audit.json").exists():
        return "index.html", Audit.load(folder).write_page
    data = open_saved(folder).viewer_data()
    return "index.html", lambda file: write_page(file, data)


def _copy(saved: Path, file: Path) -> None:
    if not (file.exists() and file.samefile(saved)):
        shutil.copyfile(saved, file)
