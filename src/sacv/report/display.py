"""What results show of themselves: names in a line, and tables as HTML for a notebook, with every text escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

NAMED = 6
"""Names that a line holds at most."""

PAGE = (
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    '<meta name="viewport" content="width=device-width, initial-scale=1">\n<title>{title}</title>\n<style>'
    "html{{color-scheme:light dark}}body{{font:16px/1.45 system-ui,sans-serif;margin:1.5rem auto;max-width:80rem;"
    "padding:0 1rem}}main{{overflow-x:auto}}table{{border-collapse:collapse;font-variant-numeric:tabular-nums}}"
    "th,td{{text-align:left;padding:.25rem .7rem .25rem 0;border:0;border-bottom:1px solid #8886;vertical-align:top}}"
    "</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n{body}\n</main>\n</body>\n</html>\n"
)


def few(names: Sequence[str]) -> str:
    """Give names in a line; of many the first, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(names) if more <= 1 else f"{', '.join(names[:NAMED])} and {more} more"


def counted(count: int, what: str) -> str:
    """Give a number of things, such as "1 image" or "2 images"."""
    return f"{count} {what}" + "s" * (count != 1)


def html_table(table: pd.DataFrame, notes: Sequence[str] = ()) -> str:
    """Give a table as HTML, whole, with notes below it; numbers with four significant digits."""
    import pandas as pd

    with pd.option_context("display.max_colwidth", None):
        html: str = table.to_html(index=False, border=0, na_rep="", float_format=lambda value: f"{value:.4g}")
    return html + "".join(f"<p>{escape(note)}</p>" for note in notes)


def html_page(title: str, body: str) -> str:
    """Give a page that holds a table and runs nothing."""
    return PAGE.format(title=escape(title), body=body)
