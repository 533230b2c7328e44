"""One image of an explanation, and its figures as a row of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from sacv.model import Box, VisionModel
from sacv.stats import Float64
from sacv.targets import Target

COLUMNS = (
    "logit", "target", "predicted", "probability", "width", "height", "left", "top", "right", "bottom", "in_fit",
)  # fmt: skip


@dataclass(frozen=True)
class ExplainedImage:
    """One image of an explanation.

    Parameters
    ----------
    path
        Its path, or its index among the images given.
    size
        Width and height of the original image in pixels, or of a tensor.
    region
        The part of the image that the network saw: left, top, right, bottom in pixels. The grid of every map
        divides it evenly. None if the transform does not state it.
    target, target_name
        The class explained; no index if the target is not a class (`sacv.targets`).
    logit
        The logit of the class explained, or the value of the target.
    predicted, predicted_name, probability
        The class with the greatest logit, and its softmax probability; None if the network has no logits.
    in_fit
        Whether the bank was fitted or calibrated on it.
    """

    path: str
    size: tuple[int, int]
    region: Box | None
    target: int | None
    target_name: str
    logit: float
    predicted: int | None
    predicted_name: str | None
    probability: float | None
    in_fit: bool


def figures(
    values: torch.Tensor,
    logits: torch.Tensor | None,
    classes: torch.Tensor | None,
    seen: Sequence[tuple[tuple[int, int], Box | None]],
    in_fit: Sequence[bool],
) -> Float64:
    """Return the figures of a batch, float64 `(n, len(COLUMNS))`; missing ones are NaN.

    `values` are the explained values `(n,)`; `logits`, `(n, classes)`, if the network has any; `classes`, int `(n,)`,
    the class explained of each image, if the target is a class; `seen`, the size of each and the part that the network
    sees; `in_fit`, whether the bank was fitted or calibrated on it.
    """
    found = np.full((len(values), len(COLUMNS)), np.nan)
    found[:, 0] = values.double().cpu().numpy()
    if classes is not None:
        found[:, 1] = classes.cpu().numpy()
    for row, (size, region) in enumerate(seen):
        if logits is not None:
            probabilities = logits[row].double().softmax(dim=0)
            found[row, 2:4] = int(probabilities.argmax()), float(probabilities.max())
        found[row, 4:6] = size
        if region is not None:
            found[row, 6:10] = region
    found[:, 10] = in_fit
    return found


def explained_image(path: str, row: Float64, model: VisionModel, target: Target) -> ExplainedImage:
    """Return an image from its figures."""
    values = {name: None if np.isnan(value) else float(value) for name, value in zip(COLUMNS, row, strict=True)}
    index, best = (None if values[name] is None else int(values[name] or 0) for name in ("target", "predicted"))
    return ExplainedImage(
        path=path,
        size=(int(row[4]), int(row[5])),
        region=None if values["left"] is None else (float(row[6]), float(row[7]), float(row[8]), float(row[9])),
        target=index,
        target_name=str(target) if index is None else model.class_name(index),
        logit=float(row[0]),
        predicted=best,
        predicted_name=None if best is None else model.class_name(best),
        probability=values["probability"],
        in_fit=bool(row[10]),
    )
