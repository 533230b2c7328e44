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
    """A location of an image with its surroundings."""

    pixels: Image.Image
    """The surroundings of the location."""
    box: tuple[float, float, float, float]
    """The cell of the location: left, top, right, bottom in its pixels."""
    image: str
    short: str
    """Name of the image, and the name that is shown."""
    value: float
    """Value by which the list is sorted."""
    location: str
    """The location, in words."""
    present: bool | None
    """Whether the location is inside the presence mask; None if none is calibrated."""


@dataclass(frozen=True, eq=False)
class PatchList:
    """A list of locations, the highest value first."""

    title: str
    measure: str
    """Name of the values."""
    remarks: Sequence[str]
    patches: Sequence[Patch]
    """Patches of different images."""


def render_patches(
    *,
    title: str,
    provenance: Provenance,
    warnings: Sequence[str],
    first: Sequence[PatchList],
    rest: Mapping[str, Sequence[PatchList]],
) -> str:
    """Return the report as HTML.

    The lists `first` are shown; `rest` are folded lists by their heading.
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
