"""The common form of all reports: the result in a sentence, figures, tables, and the provenance.

A report is one HTML file that opens from disk without a network. The one script that runs and the one
style are named by their hashes in the page's content security policy, which allows nothing else but images that the
page holds. No name is ever read as markup. Without its script the page shows the same; the script sorts tables, writes
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
"""The folders in the path of a file within a sentence."""


@dataclass(frozen=True)
class Column:
    """A column of a table."""

    name: str
    """Head of the column."""
    numeric: bool = False
    """Whether it has numbers, which are aligned right and sorted by value."""
    meaning: str = ""
    """Meaning, shown on hover."""
    wide: bool = False
    """Whether it has sentences."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table."""

    text: str
    """Text that is shown."""
    value: float | None = None
    """Number by which the cell is sorted and that is written to CSV; None for text."""
    full: str = ""
    """The full text, shown on hover and written to CSV, if `text` is a short form."""
    tone: str = ""
    """"good", "bad", "soft", "for", "against", or nothing."""

    @classmethod
    def number(cls, value: float | None) -> Cell:
        """Return a cell of a number with three significant digits; empty for None and NaN."""
        if value is None or isnan(value):
            return cls("")
        return cls(number(value) if isfinite(value) else str(value), float(value))

    @classmethod
    def sentence(cls, text: str) -> Cell:
        """Return a cell of a sentence that shows files without their folders."""
        short = _FOLDERS.sub("", text)
        return cls(short, full="" if short == text else text)


@dataclass(frozen=True)
class Grid:
    """A table."""

    name: str
    """Name of its CSV file, without the suffix."""
    title: str
    columns: Sequence[Column]
    """Columns; the first names the rows."""
    rows: Sequence[Sequence[Cell]]
    """A cell for each column."""
    folded: bool = False
    """Whether the table is folded."""


@dataclass(frozen=True)
class Photo:
    """An image of a report; `png` is its content."""

    title: str
    png: bytes

    @property
    def data(self) -> str:
        """The image as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Section:
    """A section of a report: text, then charts, tables and images; `name` is its anchor."""

    title: str
    words: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    grids: Sequence[Grid] = ()
    photos: Sequence[Photo] = ()
    name: str = ""


@dataclass(frozen=True)
class Page:
    """A report."""

    title: str
    """Title of the window, also shown above the headline."""
    headline: Sentence
    """The result in one plain sentence."""
    points: Sequence[Sentence]
    """Further results."""
    warnings: Sequence[str]
    sections: Sequence[Section]
    provenance: Provenance


def render_page(page: Page) -> str:
    """Return a report as HTML."""
    return render("page.html.j2", provenance=page.provenance, page=page)


def write_page(file: Path, page: Page) -> None:
    """Write a report; an existing file survives any failure.

    Raises OSError if the file cannot be written.
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
    """Render a template that extends `base.html.j2`.

    `style` is a file of additional CSS, `filters` are additional filters of the template, and `content` are its
    variables.
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
    css, script = _source("page.css") + ("" if style is None else _source(style)), _source("page.js")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(css)}; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )
    return environment.get_template(template).render(
        policy=Markup(policy), style=Markup(css), script=Markup(script), provenance=provenance, **content
    )


def _sentence(pieces: Sentence) -> Markup:
    return Markup("").join(Markup("<b>{}</b>").format(str(one)) if isinstance(one, Name) else one for one in pieces)


@cache
def _source(name: str) -> str:
    return (Path(__file__).parent / "templates" / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
