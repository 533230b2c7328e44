"""`sacv view`: what was saved, in the browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from sacv.cli.console import say


@click.command("view")
@click.option("--out", type=click.Path(path_type=Path), help="File to write the page to; by default FOLDER/index.html.")
@click.option("--no-open", is_flag=True, help="Write the page and open no browser.")
@click.argument("folder", type=click.Path(path_type=Path))
def view_command(folder: Path, out: Path | None, no_open: bool) -> None:
    """Write the page of a saved explanation, of scores or of an audit anew, and open it in the browser."""
    import webbrowser

    from sacv.errors import StorageError

    write = _writer(folder)
    file = folder / "index.html" if out is None else out
    try:
        write(file)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror or error}; name another with --out") from error
    opened = not no_open and webbrowser.open(file.resolve().as_uri())
    say(f"{'Opened' if opened else 'Open'} {file}")


def _writer(folder: Path) -> Callable[[Path], object]:
    """Give what writes the page of a folder to a file."""
    from sacv.maps import open_saved
    from sacv.scores import ClassScores
    from sacv.trust import Audit
    from sacv.viewer import write_page

    if (folder / "scores.json").exists():
        return ClassScores.load(folder).write_page
    if (folder / "audit.json").exists():
        return Audit.load(folder).write_page
    data = open_saved(folder).page_data()
    return lambda file: write_page(file, data)
