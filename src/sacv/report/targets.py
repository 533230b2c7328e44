"""The page that leads to the explanations of several targets, drawn from plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined

from sacv.report.page import number


@dataclass(frozen=True, eq=False)
class TargetRow:
    """A target: its name, where its page is, its figures by column, and what the reader must know of it."""

    name: str
    page: str
    values: Sequence[float]
    notes: Sequence[str]


def render_targets(*, title: str, measure: str, columns: Sequence[str], rows: Sequence[TargetRow]) -> str:
    """Give the page as HTML.

    Parameters
    ----------
    title
        Headline.
    measure
        What the figures are.
    columns
        What each figure of a row is of.
    rows
        The targets.
    """
    environment = Environment(
        loader=PackageLoader("sacv.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["number"] = number
    page = environment.get_template("targets.html.j2")
    return page.render(title=title, measure=measure, columns=columns, rows=rows)
