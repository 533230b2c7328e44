"""The form of every report: the result in a sentence, figures, tables, and provenance at the end.

A report is one HTML file that opens from disk without network access. Its content security policy allows only its one
script and style, by their hashes, and images inside the file. Names are never read as markup. All content is visible
without the script, which sorts tables, writes them as CSV, and writes figures as SVG and PNG.
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
"""The folders of a file in a sentence."""


@dataclass(frozen=True)
class Column:
    """A column of a table.

    Parameters
    ----------
    name
        Its header.
    numeric
        Whether it holds numbers, which are right-aligned and sorted by value.
    meaning
        Its explanation, shown on hover.
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
        The text shown.
    value
        The number that is used for sorting and CSV, if any.
    full
        The full text, for hover and CSV, if `text` is a short form.
    tone
        "good", "bad", "soft", "for", "against", or nothing.
    """

    text: str
    value: float | None = None
    full: str = ""
    tone: str = ""

    @classmethod
    def number(cls, value: float | None) -> Cell:
        """Return a cell of a number with three significant digits; empty without one."""
        if value is None or isnan(value):
            return cls("")
        return cls(number(value) if isfinite(value) else str(value), float(value))

    @classmethod
    def sentence(cls, text: str) -> Cell:
        """Return a cell of a sentence, with files shown without their folders."""
        short = _FOLDERS.sub("", text)
        return cls(short, full="" if short == text else text)


@dataclass(frozen=True)
class Grid:
    """A table.

    Parameters
    ----------
    name
        Name of its file when it is downloaded, without suffix.
    title
        Title.
    columns
        Its columns; the first names the rows.
    rows
        Rows with a cell for each column.
    folded
        Whether it is folded until clicked.
    """

    name: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]
    folded: bool = False


@dataclass(frozen=True)
class Photo:
    """An image other than a chart; `png` is its content."""

    title: str
    png: bytes

    @property
    def data(self) -> str:
        """The image as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode()


@dataclass(frozen=True)
class Section:
    """A section of a report: paragraphs, charts, tables and images; `name` is its anchor."""

    title: str
    words: Sequence[str] = ()
    charts: Sequence[Chart] = ()
    grids: Sequence[Grid] = ()
    photos: Sequence[Photo] = ()
    name: str = ""


@dataclass(frozen=True)
class Page:
    """A report.

    Parameters
    ----------
    title
        Of the window, and above the headline.
    headline
        The result, in one plain sentence.
    points
        Further sentences of the result.
    warnings
        Warnings above the sections.
    sections
        The sections.
    provenance
        Provenance of the result.
    """

    title: str
    headline: Sentence
    points: Sequence[Sentence]
    warnings: Sequence[str]
    sections: Sequence[Section]
    provenance: Provenance


def render_page(page: Page) -> str:
    """Return a report as HTML."""
    return render("page.html.j2", provenance=page.provenance, page=page)


def write_page(file: Path, page: Page) -> None:
    """Write a report; an existing one survives any failure.

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
        Provenance at the end.
    style
        A file of additional CSS.
    filters
        Further filters of the template.
    content
        Values of its variables.
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
