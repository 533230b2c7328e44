"""The page of an explanation: one HTML file with everything inline, drawn from plain data."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from PIL import Image

from sacv.report.overlay import Scale, bar, diverging, drawn_size, lay_over, sequential

PATCH = 112
"""Longest side of a drawn patch in pixels."""


@dataclass(frozen=True, eq=False)
class PageImage:
    """One image.

    Parameters
    ----------
    name
        For people.
    picture
        The original, RGB.
    region
        The part of it that every map covers: left, top, right, bottom in its pixels.
    target, logit
        The class explained and its logit.
    predicted, probability
        The most likely class and its softmax probability; none where the network has no logits.
    """

    name: str
    picture: Image.Image
    region: tuple[float, float, float, float]
    target: str
    logit: float
    predicted: str | None
    probability: float | None


@dataclass(frozen=True, eq=False)
class PagePatch:
    """The receptive field of one location, cut from the original picture."""

    picture: Image.Image
    image: str
    row: int
    column: int
    relevance: float
    contribution: float


@dataclass(frozen=True, eq=False)
class PagePlane:
    """One plane of a volume, with what the maps are there.

    Parameters
    ----------
    caption
        Which plane, for people.
    picture
        The plane, RGB.
    relevance, contribution, relevance_marks, contribution_marks
        As in `PageMap`, each `(h, w)` over the whole picture.
    """

    caption: str
    picture: Image.Image
    relevance: NDArray[np.floating]
    contribution: NDArray[np.floating] | None
    relevance_marks: NDArray[np.bool_] | None
    contribution_marks: NDArray[np.bool_] | None


@dataclass(frozen=True)
class PageTrust:
    """What speaks for and against the maps of one image: a line, and doubts if there are any."""

    line: str
    doubts: Sequence[str]


@dataclass(frozen=True, eq=False)
class PageMap:
    """The maps of one layer and concept.

    Parameters
    ----------
    layer, concept
        What they are of.
    relevance
        Float `(images, h, w)`; above 0 the concept is seen. Of volumes `(images, depth, h, w)`, as all maps below.
    contribution
        Float `(images, h, w)`; none where a map would say nothing, as a note tells.
    unit, meaning
        Of the contribution: its unit, and what it says in words that follow "says".
    relevance_marks, contribution_marks
        Bool `(images, h, w)`: where the concept is present, or its relevance beats chance, and where the derivative of
        the value explained along its vector v beats chance; none where that is not known.
    relevance_line
        What the marks of relevance say: "present", "beats chance", or nothing.
    numbers
        For each image, values by their label.
    trust
        For each image.
    quality
        Figures of the CAV by their label.
    notes
        What the reader must know.
    most, least
        The most and least relevant receptive fields.
    receptive_field
        Its size in words.
    planes
        Of volumes: for each image, the planes that are drawn.
    inside
        Bool `(images, h, w)`: the locations that count; none where all do. The others are drawn faded, and do not
        stretch the scale.
    """

    layer: str
    concept: str
    relevance: NDArray[np.floating]
    contribution: NDArray[np.floating] | None
    unit: str
    meaning: str
    relevance_marks: NDArray[np.bool_] | None
    contribution_marks: NDArray[np.bool_] | None
    relevance_line: str
    numbers: Sequence[Mapping[str, float]]
    trust: Sequence[PageTrust]
    quality: Mapping[str, str]
    notes: Sequence[str]
    most: Sequence[PagePatch]
    least: Sequence[PagePatch]
    receptive_field: str
    planes: Sequence[Sequence[PagePlane]] = ()
    inside: NDArray[np.bool_] | None = None


def render_page(
    *,
    title: str,
    images: Sequence[PageImage],
    maps: Sequence[PageMap],
    facts: Mapping[str, str],
    warnings: Sequence[str],
) -> str:
    """Give the page as HTML.

    Parameters
    ----------
    title
        Headline.
    images
        What is explained.
    maps
        A section each. Within a layer all relevance maps share one scale, and all contribution maps another.
    facts
        How it was made, by label.
    warnings
        What the reader must know first.
    """
    scales = {layer: _scales([one for one in maps if one.layer == layer]) for layer in {one.layer for one in maps}}
    environment = Environment(
        loader=PackageLoader("sacv.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["number"] = number
    pictures: dict[int, dict[str, Any]] = {}
    sections = [_section(one, images, pictures, *scales[one.layer]) for one in maps]
    return environment.get_template("explanation.html.j2").render(
        title=title,
        facts=facts,
        warnings=warnings,
        images=[
            {
                "name": image.name,
                "target": image.target,
                "logit": image.logit,
                "predicted": image.predicted,
                "probability": image.probability,
            }
            for image in images
        ],
        pictures=list(pictures.values()),
        sections=sections,
        within=any(one.inside is not None for one in maps),
    )


def _scales(maps: Sequence[PageMap]) -> tuple[Scale, Scale]:
    return (
        sequential([_counting(one, one.relevance) for one in maps]),
        diverging([np.zeros(1), *(_counting(one, one.contribution) for one in maps if one.contribution is not None)]),
    )


def _counting(one: PageMap, values: NDArray[np.floating]) -> NDArray[np.floating]:
    return values if one.inside is None else values[one.inside]


def _section(
    one: PageMap, images: Sequence[PageImage], pictures: dict[int, dict[str, Any]], relevant: Scale, given: Scale
) -> dict[str, Any]:
    return {
        "map": one,
        "bars": [
            _bar(relevant, "relevance", "above the white line: seen"),
            _bar(given, "contribution", one.unit),
        ],
        "rows": [
            {
                "views": [
                    {
                        "caption": plane.caption,
                        "photo": _photo(plane.picture, pictures),
                        "relevance": _layer(
                            plane.relevance, relevant, plane, region, 0.0, plane.relevance_marks, _of(one.inside, index)
                        ),
                        "contribution": None
                        if plane.contribution is None
                        else _layer(
                            plane.contribution,
                            given,
                            plane,
                            region,
                            None,
                            plane.contribution_marks,
                            _of(one.inside, index),
                        ),
                    }
                    for plane, region in _planes(one, image, index)
                ],
                "numbers": one.numbers[index],
                "trust": one.trust[index],
            }
            for index, image in enumerate(images)
        ],
        "strips": [
            {"title": f"{word} relevant receptive fields", "patches": [_patch(patch) for patch in patches]}
            for word, patches in (("Most", one.most), ("Least", one.least))
        ],
    }


def _bar(scale: Scale, name: str, unit: str) -> dict[str, Any]:
    middle = (scale.low + scale.high) / 2
    return {"name": name, "unit": unit, "data": png(bar(scale)), "ticks": [scale.low, middle, scale.high]}


def _planes(
    one: PageMap, image: PageImage, index: int
) -> list[tuple[PagePlane, tuple[float, float, float, float] | None]]:
    """Give what is drawn of one image, each with the part that the map covers, or none for all of it."""
    if one.planes:
        return [(plane, None) for plane in one.planes[index]]
    contribution = None if one.contribution is None else one.contribution[index]
    marks = _of(one.relevance_marks, index), _of(one.contribution_marks, index)
    return [(PagePlane("picture", image.picture, one.relevance[index], contribution, *marks), image.region)]


def _photo(picture: Image.Image, pictures: dict[int, dict[str, Any]]) -> int:
    """Give the number of a picture among those of the page, and add it if it is new."""
    if id(picture) not in pictures:
        size = drawn_size(picture)
        data = jpeg(picture.resize(size, Image.Resampling.LANCZOS))
        pictures[id(picture)] = {"number": len(pictures), "size": size, "data": data}
    number: int = pictures[id(picture)]["number"]
    return number


def _of(marks: NDArray[np.bool_] | None, index: int) -> NDArray[np.bool_] | None:
    return None if marks is None else marks[index]


def _layer(
    values: NDArray[np.floating],
    scale: Scale,
    plane: PagePlane,
    region: tuple[float, float, float, float] | None,
    outline_at: float | None,
    marks: NDArray[np.bool_] | None,
    inside: NDArray[np.bool_] | None,
) -> str:
    size = drawn_size(plane.picture)
    across, down = size[0] / plane.picture.width, size[1] / plane.picture.height
    left, top, right, bottom = region or (0.0, 0.0, *plane.picture.size)
    place = (left * across, top * down, right * across, bottom * down)
    return png(lay_over(values, scale, size, place, outline_at, marks, inside))


def _patch(patch: PagePatch) -> dict[str, Any]:
    factor = PATCH / max(patch.picture.size)
    size = (max(round(patch.picture.width * factor), 1), max(round(patch.picture.height * factor), 1))
    return {"patch": patch, "data": jpeg(patch.picture.resize(size, Image.Resampling.LANCZOS)), "size": size}


def png(picture: Image.Image) -> str:
    """Give a picture with transparency as a data URI, of at most 256 colours, which take a quarter of the bytes."""
    buffer = io.BytesIO()
    picture.quantize(256, method=Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def jpeg(picture: Image.Image) -> str:
    """Give a picture as a data URI."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()


def number(value: float) -> str:
    """Format with three significant digits and a true minus sign."""
    return f"{value:.3g}".replace("-", "\N{MINUS SIGN}") if value else "0"
