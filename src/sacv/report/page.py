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
        Float `(images, h, w)`; above 0 the concept is seen.
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
                "size": drawn_size(image.picture),
                "data": jpeg(image.picture.resize(drawn_size(image.picture), Image.Resampling.LANCZOS)),
            }
            for image in images
        ],
        sections=[_section(one, images, *scales[one.layer]) for one in maps],
    )


def _scales(maps: Sequence[PageMap]) -> tuple[Scale, Scale]:
    return (
        sequential([one.relevance for one in maps]),
        diverging([np.zeros(1), *(one.contribution for one in maps if one.contribution is not None)]),
    )


def _section(one: PageMap, images: Sequence[PageImage], relevant: Scale, given: Scale) -> dict[str, Any]:
    return {
        "map": one,
        "bars": [
            _bar(relevant, "relevance", "above the white line: seen"),
            _bar(given, "contribution", one.unit),
        ],
        "rows": [
            {
                "relevance": _layer(one.relevance[index], relevant, image, 0.0, _of(one.relevance_marks, index)),
                "contribution": None
                if one.contribution is None
                else _layer(one.contribution[index], given, image, None, _of(one.contribution_marks, index)),
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
    return {"name": name, "unit": unit, "data": _png(bar(scale)), "ticks": [scale.low, middle, scale.high]}


def _of(marks: NDArray[np.bool_] | None, index: int) -> NDArray[np.bool_] | None:
    return None if marks is None else marks[index]


def _layer(
    values: NDArray[np.floating],
    scale: Scale,
    image: PageImage,
    outline_at: float | None,
    marks: NDArray[np.bool_] | None,
) -> str:
    size = drawn_size(image.picture)
    across, down = size[0] / image.picture.width, size[1] / image.picture.height
    left, top, right, bottom = image.region
    region = (left * across, top * down, right * across, bottom * down)
    return _png(lay_over(values, scale, size, region, outline_at, marks))


def _patch(patch: PagePatch) -> dict[str, Any]:
    factor = PATCH / max(patch.picture.size)
    size = (max(round(patch.picture.width * factor), 1), max(round(patch.picture.height * factor), 1))
    return {"patch": patch, "data": jpeg(patch.picture.resize(size, Image.Resampling.LANCZOS)), "size": size}


def _png(picture: Image.Image) -> str:
    # A palette takes a quarter of the bytes.
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
