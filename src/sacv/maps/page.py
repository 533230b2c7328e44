"""From an explanation to the plain data that `sacv.report` draws."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sacv.concepts.image_set import Loaded
from sacv.model import Box, Framed, ReceptiveFields, VisionModel
from sacv.report import PageImage, PageMap, PagePatch, PageTrust, render_page

if TYPE_CHECKING:
    from sacv.maps.explanation import Explanation, LayerMaps

SILENT = ("zero contribution", "constant contribution")
"""Kinds of notes on maps of contribution that say nothing about places."""

PATCHES = 8
"""Receptive fields shown at each end of a layer's and concept's locations."""


def draw(found: Explanation) -> str:
    """Give the page of an explanation, with everything inline."""
    loaded = [item.load() for item in found.pictures]
    slices = [_strongest(found, row) for row in range(len(loaded))]
    shown = [_shown(found.model, image, part) for image, part in zip(loaded, slices, strict=True)]
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
            relevance = _flat(found.relevance(layer, concept), slices)
            contribution = _flat(found.contribution(layer, concept), slices)
            rows = scores[(scores["layer"] == layer) & (scores["concept"] == concept)]
            patches = [
                _patches(order, fields[layer] if len(grid) == 2 else None, images, relevance, contribution, input_shape)
                for order in (_extremes(relevance), _extremes(-relevance))
            ]
            beats = found.maps[layer]
            number = found.concepts.index(concept)
            told = [
                note.text for note in found.notes if note.layer in (layer, None) and note.concept in (concept, None)
            ]
            maps.append(
                PageMap(
                    layer=layer,
                    concept=concept,
                    relevance=relevance,
                    contribution=None if silent else contribution,
                    unit=found.settings["method"]["unit"],
                    meaning=found.settings["method"]["meaning"],
                    relevance_marks=_flat(beats.present[concept], slices)
                    if concept in beats.present
                    else _marks(beats.relevance_significant, number, slices),
                    relevance_line=_line(beats, concept),
                    contribution_marks=_marks(beats.contribution_significant, number, slices),
                    numbers=[_numbers(row) for row in rows.to_dict(orient="records")],
                    trust=[_trust(found, layer, number, row) for row in range(len(images))],
                    quality=_quality(found, layer, concept),
                    notes=told + _shape_note(grid),
                    most=patches[0],
                    least=patches[1],
                    receptive_field=_describe(fields[layer]),
                )
            )
    return render_page(
        title=f"{', '.join(found.concepts)}: what {found.bank.model['kind']} sees, and where",
        images=images,
        maps=maps,
        facts=_facts(found),
        warnings=[f"Left out: {entry.reason}" for entry in found.pictures.skipped],
    )


def _numbers(row: Mapping[Hashable, Any]) -> dict[str, float]:
    named = {
        "relevant share": "relevant",
        "largest relevance": "relevance_max",
        "SACV score": "sacv_score",
        "positive part": "sacv_positive",
        "negative part": "sacv_negative",
        "sum over all places": "contribution_sum",
    }
    return {label: float(row[key]) for label, key in named.items()}


def _marks(values: NDArray[np.bool_] | None, number: int, slices: Sequence[float]) -> NDArray[np.bool_] | None:
    return None if values is None else _flat(values[:, number], slices)


def _line(maps: LayerMaps, concept: str) -> str:
    if concept in maps.present:
        return "present"
    return "" if maps.relevance_significant is None else "beats chance"


def _flat(values: NDArray[Any], slices: Sequence[float]) -> NDArray[Any]:
    """Give maps `(images, h, w)` to draw: of a volume one slice of each image, of a signal a row."""
    if values.ndim == 2:
        return values[:, None, :]
    if values.ndim == 4:
        depth = values.shape[1]
        return np.stack([one[min(int(part * depth), depth - 1)] for one, part in zip(values, slices, strict=True)])
    return values


def _strongest(found: Explanation, row: int) -> float:
    """Give, for a volume, how deep along its first axis the first concept is most relevant at the first layer."""
    values = found.relevance(found.layers[0], found.concepts[0])[row]
    if values.ndim != 3:
        return 0.5
    return (int(values.max(axis=(1, 2)).argmax()) + 0.5) / len(values)


def _shape_note(grid: tuple[int, ...]) -> list[str]:
    if len(grid) == 3:
        return [
            "Of each volume one slice is drawn, that in which the first concept is most relevant at the first layer; "
            "maps.safetensors holds all."
        ]
    return ["The locations lie along one axis, drawn from left to right."] if len(grid) == 1 else []


def _trust(found: Explanation, layer: str, number: int, row: int) -> PageTrust:
    if found.checks is None:
        return PageTrust("The checks of this image were not asked for.", ())
    line = found.checks[layer][row][number]
    told = f"Its strongest evidence stands at percentile {line.evidence:.0f} of the held-out guidance."
    told += f" Taking the concept out everywhere changes the logit by {line.ablation:+.3g}"
    told += f" (by the gradient {line.ablation_by_gradient:+.3g})"
    if line.sign_agreement is not None:
        told += f"; both agree in sign for {line.sign_agreement:.0%} of the concepts in this image"
    if line.neighbours is not None:
        told += f"; neighbouring layers' maps correlate with it by {line.neighbours:.2f}"
    return PageTrust(told + ".", tuple(line.doubts))


def _quality(found: Explanation, layer: str, concept: str) -> dict[str, str]:
    quality = found.bank.cav(layer, concept).quality
    return {
        "accuracy, locations": f"{quality.accuracy:.3f}",
        "AUROC, locations": f"{quality.auroc:.3f} ({quality.auroc_interval[0]:.3f} to {quality.auroc_interval[1]:.3f})",
        "accuracy, images": f"{quality.image_accuracy:.3f}",
        "AUROC, images": f"{quality.image_auroc:.3f}",
        "concept": f"{quality.images} images, {quality.locations:.0f} locations",
        **({} if quality.run_cosine is None else {"cosine between runs": f"{quality.run_cosine:.3f}"}),
        "random": f"{quality.random_images} images, {quality.random_locations:.0f} locations",
        "mask of presence": found.presence_told(layer, concept),
    }


def _facts(found: Explanation) -> dict[str, str]:
    return {
        "model": str(found.bank.model["spec"] or found.bank.model["kind"]),
        "fingerprint": str(found.bank.model["fingerprint"])[:16],
        "target": str(found.settings["target"]),
        "solver": _solver(found.bank.solver),
        "contribution": _method(found),
        "seed": str(found.bank.seed),
    }


def _solver(told: Mapping[str, Any]) -> str:
    inside = {key: _solver(value) if key == "solver" else value for key, value in told["parameters"].items()}
    return f"{told['name']}({', '.join(f'{key}={value}' for key, value in inside.items())})"


def _method(found: Explanation) -> str:
    method = found.settings["method"]
    parameters = ", ".join(f"{key}={value!r}" for key, value in method["parameters"].items())
    return f"{method['name']}({parameters}), {method['unit']}"


def _shown(model: VisionModel, image: Loaded, part: float) -> tuple[Image.Image, Box]:
    """Give the picture to draw on, and the part of it that the grid covers; of a volume the slice at `part`."""
    if isinstance(image, Image.Image) and isinstance(model.transform, Framed):
        return image, model.transform.region(image.size)
    # The way back to the original is not known here, so the input itself is drawn, its contrast stretched.
    values = (image if isinstance(image, torch.Tensor) else model.transform(image)).detach().cpu().float()
    if values.ndim == 4:
        values = values[:, min(int(part * values.shape[1]), values.shape[1] - 1)]
    if values.ndim == 2:
        values = values[:, None, :].repeat(1, max(values.shape[1] // 8, 1), 1)
    low, high = float(values.min()), float(values.max())
    scaled = ((values - low) / (high - low or 1.0) * 255).byte().numpy()
    planes = scaled[:3] if len(scaled) >= 3 else np.repeat(scaled[:1], 3, axis=0)
    picture = Image.fromarray(np.ascontiguousarray(np.moveaxis(planes, 0, -1)))
    return picture, (0.0, 0.0, float(picture.width), float(picture.height))


def _describe(fields: ReceptiveFields | None) -> str:
    if fields is None:
        return "not known for this layer"
    return f"{' x '.join(map(str, fields.size))} px of the network's input"


def _extremes(values: NDArray[np.float32]) -> Iterator[tuple[int, int, int]]:
    """Go through the locations (image, row, column) from the greatest value, passing over neighbours of those taken."""
    taken: list[tuple[int, int, int]] = []
    for flat in np.argsort(-values, axis=None, kind="stable"):
        image, row, column = (int(part) for part in np.unravel_index(flat, values.shape))
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
