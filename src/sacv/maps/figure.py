"""Figures for papers: layers and concepts of one image on one scale, and the files of `sacv explain --png`."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sacv.deprecation import warn_renamed
from sacv.errors import OptionError, StorageError
from sacv.maps.display_images import DisplayImage, display_image
from sacv.maps.viewer_data import UNDRAWN_NOTES
from sacv.report.display import few

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sacv.maps.explanation import Explanation
    from sacv.report.figure import Panel

Kind = Literal["relevance", "contribution"]

KINDS: tuple[Kind, ...] = ("relevance", "contribution")
OUTLINES = ("present", "significant", "none")


def figure(
    found: Explanation,
    concepts: Sequence[str],
    layers: Sequence[str],
    image: int,
    kind: str,
    outline: str | None,
    most: float | None,
    width: float,
) -> Figure:
    """Draw the figure; see `Explanation.figure`."""
    from sacv.report.figure import Scale, draw

    _require("kind", kind, KINDS)
    if outline == "beats chance":
        warn_renamed('outline="beats chance"', 'outline="significant"', stacklevel=4)
        outline = "significant"
    if outline is not None:
        _require("outline", outline, OUTLINES)
    if not concepts or not layers:
        raise OptionError("a figure needs at least one concept and one layer; leave them out for all")
    if not -len(found.images) <= image < len(found.images):
        raise OptionError(f"image is {image}; the explanation has {len(found.images)}, numbered from 0")
    for limit, name in ((most, "most"), (width, "width")):
        if limit is not None and not (limit > 0 and np.isfinite(limit)):
            raise OptionError(f"{name} is {limit}; it must be above 0, and finite")
    beneath = _beneath(found, image % len(found.images))
    one = found.subset([image % len(found.images)])
    panels = [[_panel(one, beneath, layer, concept, kind, outline) for concept in concepts] for layer in layers]
    top = greatest(one, concepts, layers, kind) if most is None else most
    scale = Scale(top, kind == "contribution", _unit(found, kind))
    return draw(panels, layers, concepts, scale, width)


def _require(name: str, given: str, legal: Sequence[str]) -> None:
    if given not in legal:
        raise OptionError(f"{name} is {given!r}; it must be one of {', '.join(map(repr, legal))}")


def _unit(found: Explanation, kind: str) -> str:
    if kind == "relevance":
        return "relevance (units of activation; above 0 the concept is seen)"
    return f"contribution to {found.settings['target']} ({found.settings['method']['unit']})"


def greatest(found: Explanation, concepts: Iterable[str], layers: Iterable[str], kind: str) -> float:
    """Return the end of a scale: the greatest relevance, or size of contribution, that counts; 1 if none does."""
    concepts, ends = list(concepts), [0.0]
    for layer in layers:
        for concept in concepts:
            values = getattr(found, kind)(layer, concept)
            finite = values[np.isfinite(values)]
            ends.append(float((np.abs(finite) if kind == "contribution" else finite).max(initial=0)))
    return max(ends) or 1.0


def _beneath(found: Explanation, image: int) -> DisplayImage:
    if found.display_images is not None:
        one = found.display_images[image]
        if one is not None:
            return one
        have = [str(number) for number, each in enumerate(found.display_images) if each is not None]
        raise OptionError(f"image {image} was not saved for drawing; images {few(have)} were")
    if found.model is None:
        raise OptionError("an explanation without its model and its images cannot be drawn")
    return display_image(found.model, found.image_set.items[image])


def _panel(
    found: Explanation, beneath: DisplayImage, layer: str, concept: str, kind: str, outline: str | None
) -> Panel:
    from sacv.report.figure import Panel

    maps, number = found.maps[layer], found.concepts.index(concept)
    values = getattr(maps, kind)[0, number]
    present, significant = maps.present.get(concept), getattr(maps, f"{kind}_significant")
    if outline is None:
        outline = "present" if kind == "relevance" and present is not None else "significant"
        outline = "none" if outline == "significant" and significant is None else outline
    elif outline == "present":
        present = found.present(layer, concept)
    elif outline == "significant":
        found.significant(layer, concept)
    masks = {"present": None if present is None else present[0], "none": None}
    mark = significant[0, number] if outline == "significant" else masks[outline]
    inside = None if maps.inside is None else maps.inside[0]
    at, words = 0, ""
    if beneath.planes:
        plane, cells = beneath.planes[0], values.shape[0]
        cell = int(np.argmax(maps.relevance[0, number].max(axis=(1, 2))))
        at = int((cell + 0.5) * len(plane.captions) / cells)
        words = plane.captions[at]
        values, mark, inside = (_slice(each, cell, plane.flipped) for each in (values, mark, inside))
    silent = kind == "contribution" and any(note.layer == layer and note.kind in UNDRAWN_NOTES for note in found.notes)
    picture = Image.open(io.BytesIO(beneath.pictures[at]))
    if silent:
        return Panel(picture, beneath.region, None, words="the same at every location: not drawn")
    return Panel(picture, beneath.region, _rows(values), _rows(mark), _rows(inside), words)


def _slice(values: NDArray[Any] | None, cell: int, flipped: bool) -> NDArray[Any] | None:
    if values is None:
        return None
    plane: NDArray[Any] = values[cell]
    return plane[::-1] if flipped else plane


def _rows(values: NDArray[Any] | None) -> Any:
    return values[None] if values is not None and values.ndim == 1 else values


def write_pngs(found: Explanation, folder: Path) -> int:
    """Write a PNG for each listed image, layer, concept and kind of map; return their number.

    The files are `NUMBER_LAYER_CONCEPT_relevance.png` and `..._contribution.png`, with names that are legal in file
    names. The maps of a layer and kind share a scale.
    """
    listed = found.subset(found.listed)
    pairs = [(layer, concept) for layer in found.layers for concept in found.concepts]
    names = dict(zip(pairs, plain_names(["_".join(pair) for pair in pairs], "map"), strict=True))
    scales = {
        (layer, kind): greatest(listed, found.concepts, [layer], kind) for layer in found.layers for kind in KINDS
    }
    try:
        folder.mkdir(exist_ok=True)
        for image in found.listed:
            for layer, concept in pairs:
                for kind in KINDS:
                    one = found.figure([concept], [layer], image, kind, most=scales[layer, kind], width=4)
                    file = folder / f"{image:06}_{names[layer, concept]}_{kind}.png"
                    one.savefig(file, dpi=150, metadata={"Software": None})
    except OSError as error:
        raise StorageError(
            f"{folder} cannot be written: {error.strerror or error}; free disk space, and try again"
        ) from error
    return len(found.listed) * len(pairs) * len(KINDS)


def plain_names(names: Sequence[str], otherwise: str) -> list[str]:
    """Return a legal file name for each name; they differ in more than upper and lower case."""
    found: list[str] = []
    for each in names:
        plain = re.sub(r"[^\w.]+", "-", each).strip("-.")[:60] or otherwise
        taken = {name.casefold() for name in found}
        numbered = (plain, *(f"{plain}-{number}" for number in range(2, len(names) + 2)))
        found.append(next(name for name in numbered if name.casefold() not in taken))
    return found
