"""The report of a search as plain data for `sacv.report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image

from sacv.errors import UnreadableImageError
from sacv.index.boxes import cell_box
from sacv.index.top import Match, ScoredLocation, Top
from sacv.maps.planes import image_seen
from sacv.model import Box, VisionModel
from sacv.report import Patch, PatchList, render_patches
from sacv.report.display import counted
from sacv.report.provenance import Provenance, model_text, solver_text, versions, versions_text

if TYPE_CHECKING:
    from sacv.index.search_result import SearchResult

PATCHES = 12
"""Patches of a list."""

MOST = 360
"""Most patches of the report; further lists are only named."""

CONTEXT = 5
"""Side of the square around a location, in sides of its cell."""

SHOWN = 10
"""Most lists that are named but not drawn."""


@dataclass(frozen=True)
class _List:
    """A list to draw, with its title and its images."""

    title: str
    measure: str
    remarks: tuple[str, ...]
    top: Top


def draw(found: SearchResult, command: str | None = None) -> str:
    """Return the report of a search as HTML."""
    first, *others = found.ranked
    alike = [_List(f"Like {query.name}, at {query.layer}", "cosine", (), top) for query, top in found.alike.items()]
    shown = [*(_concept(found, first, concept) for concept in found.bank.concepts), *alike]
    folded = {layer: [_concept(found, layer, concept) for concept in found.bank.concepts] for layer in others}
    drawn, missing = _within_bounds([*shown, *(one for lists in folded.values() for one in lists)])
    patches, lost = _patches(found.model, drawn)
    return render_patches(
        title=f"{', '.join(found.bank.concepts)}: the best locations among {counted(found.count, 'image')}",
        provenance=_provenance(found, command),
        warnings=[*found.notes, *lost, *_missing(missing)],
        first=[_list(one, patches) for one in shown if one in drawn],
        rest={
            f"At {layer}": [_list(one, patches) for one in lists if one in drawn]
            for layer, lists in folded.items()
            if any(one in drawn for one in lists)
        },
    )


def _concept(found: SearchResult, layer: str, concept: str) -> _List:
    quality = found.bank.cav(layer, concept).quality
    remark = f"Held-out AUROC of its locations {quality.auroc:.3f}."
    return _List(f"{concept}, at {layer}", "relevance", (remark,), found.best[layer, concept])


def _within_bounds(lists: Sequence[_List]) -> tuple[list[_List], list[_List]]:
    room = MOST // PATCHES
    return list(lists[:room]), list(lists[room:])


def _list(one: _List, patches: Mapping[tuple[_List, int], Patch]) -> PatchList:
    found = [patches[one, number] for number in range(PATCHES) if (one, number) in patches]
    return PatchList(one.title, one.measure, one.remarks, found)


def _patches(model: VisionModel, lists: Sequence[_List]) -> tuple[dict[tuple[_List, int], Patch], list[str]]:
    """Cut the patches of all lists, reading each image once; return also warnings about unreadable images."""
    wanted: dict[str, list[tuple[_List, int, Match]]] = {}
    for one in lists:
        for number, match in enumerate(one.top.matches[:PATCHES]):
            wanted.setdefault(match.item.digest, []).append((one, number, match))
    found: dict[tuple[_List, int], Patch] = {}
    lost = []
    for parts in wanted.values():
        item = parts[0][2].item
        try:
            image = item.load()
        except UnreadableImageError as error:
            lost.append(f"Not drawn, because the image could not be read again: {error}")
            continue
        for one, number, match in parts:
            best = match.locations[0]
            depth = (best.location[-3] + 0.5) / match.grid[-3] if len(match.grid) > 2 else 0.5
            found[one, number] = _patch(*image_seen(model, image, depth), match, best)
    return found, lost


def _patch(image: Image.Image, region: Box, match: Match, scored: ScoredLocation) -> Patch:
    """Cut a square around a location, within the part of the image that the network sees."""
    left, top, right, bottom = cell_box(scored.location, match.grid, region)
    side = max(right - left, bottom - top) * CONTEXT
    x0, x1 = _stretch((left + right) / 2, side, max(region[0], 0), min(region[2], image.width))
    y0, y1 = _stretch((top + bottom) / 2, side, max(region[1], 0), min(region[3], image.height))
    return Patch(
        pixels=image.crop((x0, y0, x1, y1)),
        box=(left - x0, top - y0, right - x0, bottom - y0),
        image=match.item.name,
        short=match.item.name.rsplit("/", 1)[-1],
        value=scored.value,
        location=_words(scored.location),
        present=scored.present,
    )


def _stretch(middle: float, length: float, least: float, most: float) -> tuple[int, int]:
    """Return a range of pixels around a middle, shifted into the bounds, or cut to them if it is longer."""
    start = max(min(middle - length / 2, most - length), least)
    first = int(start)
    return first, max(round(min(start + length, most)), first + 1)


def _words(location: Sequence[int]) -> str:
    axes = ("slice", "row", "column")[-len(location) :]
    return ", ".join(f"{axis} {part}" for axis, part in zip(axes, location, strict=True))


def _provenance(found: SearchResult, command: str | None) -> Provenance:
    bank = found.bank
    return Provenance(
        {
            "model": model_text(bank.model),
            "fingerprint": str(bank.model["fingerprint"]),
            "bank": bank.fingerprint,
            "solver": solver_text(bank.solver),
            "layer shown first": f"{found.ranked[0]} (first for location)",
            "lists": f"the best {counted(found.settings['top'], 'image')} of each layer and concept",
            "images": str(found.count),
            "seed": f"bank {bank.seed}",
            "versions": versions_text(versions()),
            **({} if command is None else {"command": command}),
        },
        [entry.reason for entry in found.skipped],
        "search.json",
    )


def _missing(lists: Sequence[_List]) -> list[str]:
    if not lists:
        return []
    return [
        f"{counted(len(lists), 'list')} not drawn to limit the report; locations.parquet has all: "
        f"{'; '.join(one.title for one in lists[:SHOWN])}{' ...' if len(lists) > SHOWN else ''}."
    ]
