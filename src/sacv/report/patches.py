"""The report of a search: lists of patches in one HTML file, drawn from plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from PIL import Image, ImageDraw

from sacv.report.drawing import jpeg
from sacv.report.page import render
from sacv.report.provenance import Provenance

SIDE = 176
"""Longest side of a patch in its data URI, in pixels; the report shows it smaller."""

INK = ("#000000", "#ffd400")
"""Colours of a box: a wide line and a narrow one on top, visible on any image."""


@dataclass(frozen=True, eq=False)
class Patch:
    """A location of an image with its surroundings.

    Parameters
    ----------
    pixels
        The part of the image around the location.
    box
        The location's cell: left, top, right, bottom in its pixels.
    image, short
        Name of the image, and its short form.
    value
        Value that the list is sorted by.
    location
        The location, in words.
    present
        Whether the concept is present; None if unknown.
    """

    pixels: Image.Image
    box: tuple[float, float, float, float]
    image: str
    short: str
    value: float
    location: str
    present: bool | None


@dataclass(frozen=True, eq=False)
class PatchList:
    """A list of locations, the best first.

    Parameters
    ----------
    title
        Concept and layer, or query.
    measure
        Name of its values.
    remarks
        Remarks for the reader.
    patches
        Patches of different images.
    """

    title: str
    measure: str
    remarks: Sequence[str]
    patches: Sequence[Patch]


def render_patches(
    *,
    title: str,
    provenance: Provenance,
    warnings: Sequence[str],
    first: Sequence[PatchList],
    rest: Mapping[str, Sequence[PatchList]],
) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    title
        Headline.
    provenance
        Provenance of the search.
    warnings
        Warnings above the lists.
    first
        Lists that are open.
    rest
        Further lists by heading, folded.
    """
    return render(
        "patches.html.j2",
        style="patches.css",
        provenance=provenance,
        title=title,
        warnings=warnings,
        first=[_drawn(one) for one in first],
        rest={heading: [_drawn(one) for one in lists] for heading, lists in rest.items()},
    )


def _drawn(one: PatchList) -> dict[str, Any]:
    return {"list": one, "patches": [{"patch": patch, "data": jpeg(with_box(patch))} for patch in one.patches]}


def with_box(patch: Patch) -> Image.Image:
    """Enlarge a patch and draw its box."""
    factor = SIDE / max(patch.pixels.size)
    size = (max(round(patch.pixels.width * factor), 1), max(round(patch.pixels.height * factor), 1))
    image = patch.pixels.resize(size, Image.Resampling.LANCZOS)
    left, top, right, bottom = (round(side * factor) for side in patch.box)
    corners = (
        max(left, 0),
        max(top, 0),
        min(max(right, left + 1), size[0]) - 1,
        min(max(bottom, top + 1), size[1]) - 1,
    )
    pen = ImageDraw.Draw(image)
    for colour, width in zip(INK, (4, 2), strict=True):
        pen.rectangle(corners, outline=colour, width=width)
    return image
