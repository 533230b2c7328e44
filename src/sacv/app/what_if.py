"""Logits before and after a concept, or the pixels, are removed from a painted region.

A concept is removed as in `sacv.maps.methods.Ablation`: the activation at location p becomes `a(p) - c(p) s(p) v`,
where s(p) is the amount of the concept, v its direction, and c(p) the painted share of the cell. The rest of the
network runs on the result. Pixels become the mean colour of the photo, or are blurred.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageFilter

from sacv.app.http_errors import Refusal
from sacv.app.masks import read_mask
from sacv.app.workspace import Workplace
from sacv.cav import ConceptBank
from sacv.concepts.decoding import read_picture
from sacv.concepts.masks import Mask, mask_weights
from sacv.maps.explained_layer import ExplainedLayer
from sacv.model import Rest, VisionModel

PIXELS = ("grey", "blur")
SHOWN = 6
"""Number of classes listed."""


def what_if(
    model: VisionModel, workspace: Workplace, photo: Path, mask: bytes, how: str, bank: str, layer: str, concept: str
) -> dict[str, Any]:
    """Return the classes with their logits and probabilities before and after.

    `mask` is a PNG with the size of the upright photo; `how` is "concept", "grey" or "blur", and only "concept" uses
    the last three parameters.
    """
    picture = read_picture(photo)
    inside = read_mask(mask, picture.size)
    if not inside.any():
        raise Refusal("nothing is painted; paint the region to change")
    before = model.logits(model.inputs([picture]))[0].double().cpu()
    if how == "concept":
        after = without_concept(model, workspace.bank(bank), layer, concept, picture, inside)
    elif how in PIXELS:
        after = model.logits(model.inputs([without_pixels(picture, inside, how)]))[0].double().cpu()
    else:
        raise Refusal(f"{how[:40]!r} is not a way to change a region; give concept, {', '.join(PIXELS)}")
    return {"classes": _classes(model, before, after)}


def without_pixels(picture: Image.Image, inside: Mask, how: str) -> Image.Image:
    """Return an image whose painted pixels are its mean colour, or blurred."""
    if how == "grey":
        mean = np.asarray(picture).reshape(-1, 3).mean(axis=0).round().astype(int)
        changed = Image.new("RGB", picture.size, tuple(mean.tolist()))
    else:
        changed = picture.filter(ImageFilter.GaussianBlur(max(picture.size) / 20))
    return Image.composite(changed, picture, Image.fromarray(inside.astype(np.uint8) * 255))


def without_concept(
    model: VisionModel, bank: ConceptBank, layer: str, concept: str, picture: Image.Image, inside: Mask
) -> torch.Tensor:
    """Return the logits, float64 `(classes,)`, with a concept removed from the painted region."""
    bank.require(model)
    bank.cav(layer, concept)
    inputs = model.inputs([picture])
    region = model.seen(picture)[1]
    seen: list[torch.Tensor] = []

    def first(logits: torch.Tensor) -> torch.Tensor:
        seen.append(logits.detach())
        return logits[:, 0]

    trace = model.trace(inputs, [layer], [first])
    record = trace.activations[layer]
    grid = tuple(record.cells.shape[1:-1])
    if region is None or len(grid) != 2:
        raise Refusal(f"the part of the photo that a location of {layer!r} covers is not known; choose another layer")
    rest = Rest(model, inputs, layer, record, lambda rows: first, 1)
    scene = ExplainedLayer(bank, layer).scene(rest, trace.scalars[0], trace.gradients[0][layer])
    number = bank.concepts.index(concept)
    cover = torch.from_numpy(mask_weights(inside, (grid[0], grid[1]), region)).to(record.cells.device)
    step = (cover * scene.amount()[0, number])[..., None] * scene.direction(number)
    rest.values(torch.zeros(1, dtype=torch.int64), record.cells.double() - step[None])
    return seen[-1][0].double().cpu()


def _classes(model: VisionModel, before: torch.Tensor, after: torch.Tensor) -> list[dict[str, Any]]:
    """Return the most probable classes, before or after."""
    order = torch.maximum(before.softmax(0), after.softmax(0)).argsort(descending=True)[:SHOWN].tolist()
    probabilities = before.softmax(0).tolist(), after.softmax(0).tolist()
    return [
        {
            "name": model.class_name(index),
            "before": float(before[index]),
            "after": float(after[index]),
            "probability": [probabilities[0][index], probabilities[1][index]],
        }
        for index in order
    ]
