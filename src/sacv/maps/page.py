"""From an explanation to the plain data that `sacv.report` draws."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sacv.concepts import Skipped
from sacv.concepts.formats import Loaded, format_of
from sacv.maps.choice import RULE
from sacv.maps.picture import picture_seen
from sacv.maps.planes import ANATOMICAL, PLAIN, Maps, as_input, of_image, volume_planes
from sacv.maps.tables import image_p_told
from sacv.model import ReceptiveFields
from sacv.report import PageImage, PageMap, PagePatch, PagePlane, PageTrust, render_page

if TYPE_CHECKING:
    from sacv.maps.explanation import Explanation
    from sacv.maps.layer_maps import LayerMaps

SILENT = ("zero contribution", "constant contribution")
"""Kinds of notes on maps of contribution that say nothing about places."""

PATCHES = 8
"""Receptive fields shown at each end of a layer's and concept's locations."""

NAMED = 10
"""Files left out that the page names."""

CHOSEN = (
    f"images are shown: {RULE}. Colours and the strips of places are of these; scores.parquet has a row for each image."
)


def draw(found: Explanation) -> str:
    """Give the page of an explanation, with everything inline; of many images a choice is shown."""
    chosen = [] if len(found.shown) == len(found.images) else [f"{len(found.shown)} of {len(found.images)} {CHOSEN}"]
    skipped = found.pictures.skipped
    found = found.of(found.shown)
    loaded = [item.load() for item in found.pictures]
    shown = [picture_seen(found.model, image, 0.5) for image in loaded]
    input_shape = found.model.inputs(loaded[:1]).shape[1:]
    fields = found.model.receptive_fields(input_shape, found.layers)
    images = [
        PageImage(
            name=image.path,
            picture=picture,
            region=region,
            target=image.target_name,
            logit=image.logit,
            predicted=image.predicted_name,
            probability=image.probability,
        )
        for image, (picture, region) in zip(found.images, shown, strict=True)
    ]
    scores = found.scores()
    maps = []
    for layer in found.layers:
        # A map that says nothing is not drawn; its note says why.
        silent = any(note.layer == layer and note.kind in SILENT for note in found.notes)
        for concept in found.concepts:
            grid = found.relevance(layer, concept).shape[1:]
            beats, number = found.maps[layer], found.concepts.index(concept)
            relevance = _lines(beats.relevance[:, number])
            contribution = _lines(beats.contribution[:, number])
            counted = None if beats.inside is None else _lines(beats.inside)
            rows = scores[(scores["layer"] == layer) & (scores["concept"] == concept)]
            patches = [
                _patches(order, fields[layer] if len(grid) == 2 else None, images, relevance, contribution, input_shape)
                for order in (_extremes(relevance, counted), _extremes(-relevance, counted))
            ]
            told = [
                note.text for note in found.notes if note.layer in (layer, None) and note.concept in (concept, None)
            ]
            marks = (
                beats.present.get(concept, _of_concept(beats.relevance_significant, number)),
                _of_concept(beats.contribution_significant, number),
            )
            relevance_marks, contribution_marks = (None if one is None else _lines(one) for one in marks)
            drawn = relevance, None if silent else contribution, relevance_marks, contribution_marks
            maps.append(
                PageMap(
                    layer=layer,
                    concept=concept,
                    relevance=drawn[0],
                    contribution=drawn[1],
                    unit=found.settings["method"]["unit"],
                    meaning=found.settings["method"]["meaning"],
                    relevance_marks=drawn[2],
                    relevance_line=_line(beats, concept),
                    contribution_marks=drawn[3],
                    numbers=[_numbers(row) for row in rows.to_dict(orient="records")],
                    trust=[_trust(found, layer, number, row) for row in range(len(images))],
                    quality=_quality(found, layer, concept),
                    notes=told + _shape_note(found, grid),
                    most=patches[0],
                    least=patches[1],
                    receptive_field=_describe(fields[layer]),
                    planes=_planes(found, loaded, drawn) if len(grid) == 3 else (),
                    inside=counted,
                )
            )
    return render_page(
        title=f"{', '.join(found.concepts)}: what {found.bank.model['kind']} sees, and where",
        images=images,
        maps=maps,
        facts=_facts(found),
        warnings=[*chosen, *(f"Left out: {entry.reason}" for entry in skipped[:NAMED]), *_more(skipped)],
    )


def _more(skipped: Sequence[Skipped]) -> list[str]:
    return [f"Left out: {len(skipped) - NAMED} more, named in explanation.json"] if len(skipped) > NAMED else []


def _numbers(row: Mapping[Hashable, Any]) -> dict[str, float | str]:
    named = {
        "relevant share": "relevant",
        "largest relevance": "relevance_max",
        "image score": "image_score",
        "SACV score": "sacv_score",
        "positive part": "sacv_positive",
        "negative part": "sacv_negative",
        "sum over all places": "contribution_sum",
    }
    if "inside" in row:
        named["sum over the places that count"] = named.pop("sum over all places")
        named["share of places that count"] = "inside"
    return {label: float(row[key]) for label, key in named.items()} | {"image p": image_p_told(row)}


def _of_concept(values: NDArray[np.bool_] | None, number: int) -> NDArray[np.bool_] | None:
    return None if values is None else values[:, number]


def _line(maps: LayerMaps, concept: str) -> str:
    if concept in maps.present:
        return "present"
    return "" if maps.relevance_significant is None else "beats chance"


def _lines(values: NDArray[Any]) -> NDArray[Any]:
    """Give maps to draw: those of signals `(images, length)` become a row each."""
    return values[:, None, :] if values.ndim == 2 else values


def _planes(found: Explanation, loaded: Sequence[Loaded], drawn: Maps) -> list[list[PagePlane]]:
    """Give of each volume the three planes through the place of greatest relevance."""
    planes = []
    for row, (item, image) in enumerate(zip(found.pictures, loaded, strict=True)):
        planes.append(volume_planes(as_input(found.model, image), of_image(drawn, row), ras=item.ras))
    return planes


def _shape_note(found: Explanation, grid: tuple[int, ...]) -> list[str]:
    if len(grid) == 3:
        anatomical = all(item.ras for item in found.pictures)
        return [f"{ANATOMICAL if anatomical else PLAIN} maps.safetensors holds the whole maps."]
    return ["The locations lie along one axis, drawn from left to right."] if len(grid) == 1 else []


def _trust(found: Explanation, layer: str, number: int, row: int) -> PageTrust:
    if found.checks is None:
        return PageTrust("The checks of this image were not asked for.", ())
    line = found.checks[layer][row][number]
    told = f"Its strongest evidence stands at percentile {line.evidence:.0f} of the held-out guidance."
    told += f" Taking the concept out everywhere changes {found.value} by {line.ablation:+.3g}"
    told += f" (by the gradient {line.ablation_by_gradient:+.3g})"
    if line.sign_agreement is not None:
        told += f"; both agree in sign for {line.sign_agreement:.0%} of the concepts in this image"
    if line.neighbours is not None:
        told += f"; neighbouring layers' maps correlate with it by {line.neighbours:.2f}"
    return PageTrust(told + ".", tuple(line.doubts_of(found.value)))


def _quality(found: Explanation, layer: str, concept: str) -> dict[str, str]:
    quality = found.bank.cav(layer, concept).quality
    return {
        "accuracy, locations": f"{quality.accuracy:.3f}",
        "AUROC, locations": f"{quality.auroc:.3f} ({quality.auroc_interval[0]:.3f} to {quality.auroc_interval[1]:.3f})",
        "accuracy, images": f"{quality.image_accuracy:.3f}",
        "AUROC, images": f"{quality.image_auroc:.3f}",
        "concept": f"{_many(quality.images, quality.groups)}, {quality.locations:.0f} locations",
        **({} if quality.run_cosine is None else {"cosine between runs": f"{quality.run_cosine:.3f}"}),
        "random": f"{_many(quality.random_images, quality.random_groups)}, {quality.random_locations:.0f} locations",
        "mask of presence": found.presence_told(layer, concept),
        **({} if found.within is None else {"within masks": found.within.told(layer, concept)}),
    }


def _many(images: int, groups: int | None) -> str:
    return f"{images} images" if groups is None else f"{images} images of {groups} groups"


def _facts(found: Explanation) -> dict[str, str]:
    return {
        "model": str(found.bank.model["spec"] or found.bank.model["kind"]),
        "fingerprint": str(found.bank.model["fingerprint"])[:16],
        "target": str(found.settings["target"]),
        "solver": _solver(found.bank.solver),
        "contribution": _method(found),
        "seed": str(found.bank.seed),
        **_window(found),
    }


def _window(found: Explanation) -> dict[str, str]:
    """Say how deep values became black and white, where that matters."""
    if found.bank.window is not None:
        return {"window": str(found.bank.window)}
    deep = any(format_of(Path(item.name)) is not None for item in found.pictures)
    return {"window": "each file's own"} if deep else {}


def _solver(told: Mapping[str, Any]) -> str:
    inside = {key: _solver(value) if key == "solver" else value for key, value in told["parameters"].items()}
    return f"{told['name']}({', '.join(f'{key}={value}' for key, value in inside.items())})"


def _method(found: Explanation) -> str:
    method = found.settings["method"]
    parameters = ", ".join(f"{key}={value!r}" for key, value in method["parameters"].items())
    return f"{method['name']}({parameters}), {method['unit']}"


def _describe(fields: ReceptiveFields | None) -> str:
    if fields is None:
        return "not known for this layer"
    return f"{' x '.join(map(str, fields.size))} px of the network's input"


def _extremes(values: NDArray[np.float32], counted: NDArray[np.bool_] | None = None) -> Iterator[tuple[int, int, int]]:
    """Go through the locations (image, row, column) from the greatest value, passing over neighbours of those taken.

    Only those that are counted are taken; all by default.
    """
    taken: list[tuple[int, int, int]] = []
    for flat in np.argsort(-values, axis=None, kind="stable"):
        image, row, column = (int(part) for part in np.unravel_index(flat, values.shape))
        if counted is not None and not counted[image, row, column]:
            continue
        if any(i == image and abs(r - row) <= 1 and abs(c - column) <= 1 for i, r, c in taken):
            continue
        taken.append((image, row, column))
        yield image, row, column


def _patches(
    order: Iterator[tuple[int, int, int]],
    fields: ReceptiveFields | None,
    images: list[PageImage],
    relevance: NDArray[np.float32],
    contribution: NDArray[np.float32],
    input_shape: Sequence[int],
) -> list[PagePatch]:
    if fields is None:
        return []
    patches = []
    for (image, row, column), _ in zip(order, range(PATCHES), strict=False):
        patches.append(
            PagePatch(
                picture=_crop(images[image], fields.box(row, column), input_shape),
                image=images[image].name,
                row=row,
                column=column,
                relevance=float(relevance[image, row, column]),
                contribution=float(contribution[image, row, column]),
            )
        )
    return patches


def _crop(image: PageImage, box: tuple[int, int, int, int], input_shape: Sequence[int]) -> Image.Image:
    """Cut a box of the network's input (left, top, right, bottom) out of the original picture."""
    left, top, right, bottom = image.region
    across, down = (right - left) / input_shape[-1], (bottom - top) / input_shape[-2]
    corners = (left + box[0] * across, top + box[1] * down, left + box[2] * across, top + box[3] * down)
    x0, y0, x1, y1 = (round(value) for value in corners)
    return image.picture.crop((x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)))
