"""The display of results: names in a line, and tables as HTML for a notebook, with every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

NAMED = 6
"""Most names in a line."""


def few(names: Sequence[str]) -> str:
    """Return names in a line; of many the first ones and the number of others."""
    more = len(names) - NAMED
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:NAMED])} and {more} more"


def counted(count: int, what: str) -> str:
    """Return a number of things, such as "1 image" or "2 images"."""
    return f"{count} {what}" + "s" * (count != 1)


def html_table(table: pd.DataFrame, notes: Sequence[str] = ()) -> str:
    """Return a table as HTML, whole, with notes below it; numbers with four significant digits."""
    import pandas as pd

    with pd.option_context("display.max_colwidth", None):
        html: str = table.to_html(index=False, border=0, na_rep="", float_format=lambda value: f"{value:.4g}")
    return html + "".join(f"<p>{escape(note)}</p>" for note in notes)
