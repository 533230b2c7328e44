"""The representation of results in notebooks: names in a line, and tables as HTML with every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

NAMED = 6
"""Maximum number of names in a line."""


def few(names: Sequence[str]) -> str:
    """Return names in a line; of many, the first ones and the number of the others."""
    more = len(names) - NAMED
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:NAMED])} and {more} more"


def counted(count: int, what: str) -> str:
    """Return a count with its noun, such as "1 image" or "2 images"."""
    return f"{count} {what}" + "s" * (count != 1)


def in_groups(images: int, groups: int | None) -> str:
    """Return a number of images, and of their groups if they have any."""
    return f"{images} images" if groups is None else f"{images} images of {groups} groups"


def html_table(table: pd.DataFrame, notes: Sequence[str] = ()) -> str:
    """Return a table as HTML with notes below it; numbers have four significant digits."""
    import pandas as pd

    with pd.option_context("display.max_colwidth", None):
        html: str = table.to_html(index=False, border=0, na_rep="", float_format=lambda value: f"{value:.4g}")
    return html + "".join(f"<p>{escape(note)}</p>" for note in notes)
