"""The one form of every page: the result in a sentence, figures, tables, and at the end how it was made.

A page is one HTML file that opens from disk and asks the network for nothing. The one script that runs and the one
style are named by their hashes in the page's content security policy, which allows nothing else but images that the
page holds. No name is ever read as markup. Without its script the page shows all of it; the script sorts tables, writes
them as CSV, and writes figures as SVG and PNG.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isfinite, isnan
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sacv.report.chart import Chart
from sacv.report.drawing import number
from sacv.report.provenance import Provenance
from sacv.report.sentence import Name, Sentence

_FOLDERS = re.compile(r"(?<![^\s('\"])[^\s(),;'\"]*[/\\](?=[^\s(),;'\"/\\]+\.\w{2,5}\b)")
"""The folders before a file that a sentence names."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name
        Its head.
    numeric
        Whether it holds numbers, which stand to the right and are sorted by their values.
    meaning
        What it is, shown on hover.
    wide
        Whether it holds sentences.
    """

    name: str
    numeric: bool = False
    meaning: str = ""
    wide: bool = False


@dataclass(frozen=True)
class Cell:
    """A cell of a table.

    Parameters
    ----------
    text
        What is shown.
    value
        What it is sorted by, and written to CSV, where it is a number.
    full
        The whole text, shown on hover and written to CSV, where the text is short for it.
    tone
        "good", "bad", "soft", "for", "against", or nothing.
    """

    text: str
    value: float | None = None
    full: str = ""
    tone: str = ""

    @classmethod
    def number(cls, value: float | None) -> Cell:
        """Return a cell of a number with three significant digits; empty where there is none."""
        if value is None or isnan(value):
            return cls("")
        return cls(number(value) if isfinite(value) else str(value), float(value))

    @classmethod
    def sentence(cls, text: str) -> Cell:
        """Return a cell of a sentence in which files stand without their folders."""
        short = _FOLDERS.sub("", text)
        return cls(short, full="" if short == text else text)


@dataclass(frozen=True)
class Grid:
    """A table.

    Parameters
    ----------
    name
        Of its file when it is downloaded, without the ending.
    title
        What it shows.
    columns
        Its columns; the first names the rows.
    rows
        As many cells as there are columns.
    folded
        Whether it is opened by a click.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False


@dataclass(frozen=True)
class Photo:
    """An image that is no chart; `png` is its content."""

    title: str
    png: bytes

    @property
    def data(self) -> str:
        """The image as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Section:
    """A part of a page: words, then charts beside one another, tables and photos; `name` is its anchor."""

    title: str
    words: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    grids: Sequence[Grid] = ()
    photos: Sequence[Photo] = ()
    name: str = ""


@dataclass(frozen=True)
class Page:
    """A page.

    Parameters
    ----------
    title
        Of the window, and above the headline.
    headline
        The result, in one plain sentence.
    points
        What else belongs to the result.
    warnings
        What the reader must know first.
    sections
        The rest.
    provenance
        How it was made.
    """

    title: str
    headline: Sentence
    points: Sequence[Sentence]
    warnings: Sequence[str]
    sections: Sequence[Section]
    provenance: Provenance


def render_page(page: Page) -> str:
    """Return a page as HTML."""
    return render("page.html.j2", provenance=page.provenance, page=page)


def write_page(file: Path, page: Page) -> None:
    """Write a page; an existing one survives any failure.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    fresh = file.with_name(f".{file.name}-fresh")
    try:
        fresh.write_text(render_page(page), encoding="utf-8", newline="\n")
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def render(
    template: str,
    *,
    provenance: Provenance,
    style: str | None = None,
    filters: Mapping[str, Callable[..., str]] = MappingProxyType({}),
    **content: Any,
) -> str:
    """Fill a template that extends `base.html.j2`.

    Parameters
    ----------
    template
        Its name.
    provenance
        What stands at the end.
    style
        A file of CSS beyond that of every page.
    filters
        Further filters of the template.
    content
        What it draws.
    """
    environment = Environment(
        loader=PackageLoader("sacv.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(filters)
    environment.filters["number"] = number
    environment.filters["sentence"] = _sentence
    look, script = _source("page.css") + ("" if style is None else _source(style)), _source("page.js")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(look)}; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return environment.get_template(template).render(
        policy=Markup(policy), style=Markup(look), script=Markup(script), provenance=provenance, **content
    )


def _sentence(pieces: Sentence) -> Markup:
    return Markup("").join(Markup("<b>{}</b>").format(str(one)) if isinstance(one, Name) else one for one in pieces)


@cache
def _source(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
