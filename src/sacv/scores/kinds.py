r"""The scores, as sums over images.

For image i with activations a(p) and gradients g(p) of the logit at the layer, v the CAV, w its detector (v itself
unless the solver parts them) and t its threshold::

    d_i  = v . sum_p g(p)                                       the derivative of the logit for v tiled over the grid
    s_i  = sum over p with w . a(p) > t of v . g(p)             the SACV score of the image, in logits per unit of v

    tcav           share of images with d_i > 0                        0 to 1, no effect at 0.5 (arXiv 1711.11279)
    magnitude      sum of positive d_i / sum of \|d_i\|                 0 to 1, no effect at 0.5
    smooth         mean of Phi(sqrt(channels) d_i / \|sum_p g(p)\|)     0 to 1, no effect at 0.5
    sacv           mean of s_i                                         signed, no effect at 0 (arXiv 2205.11511)
    sacv_density   sum of s_i / number of locations they sum over      signed, no effect at 0

Where images are scored within masks, every sum over p is over the locations that count.

Phi is the normal distribution function: for a direction drawn evenly its argument has variance 1, so that the smooth
score does what the sign does without its jump. An image whose gradient is zero counts as half.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.stats import Float64

CENTRES = {"tcav": 0.5, "magnitude": 0.5, "smooth": 0.5, "sacv": 0.0, "sacv_density": 0.0}
"""By score, its value of no effect."""

COLUMNS = (
    "positive_count",
    "positive_sum",
    "absolute_sum",
    "smooth_sum",
    "sacv_positive",
    "sacv_negative",
    "relevant",
    "images",
)
"""The terms that are summed over images."""

BLOCK = 256
"""Vectors multiplied at a time."""


@dataclass(frozen=True, eq=False)
class ImageTerms:
    """The terms of each image, for many vectors."""

    derivative: Float64
    """d_i, float64 `(images, vectors)`."""
    smooth: Float64
    """Phi of its standardised value, float64 `(images, vectors)`."""
    positive: Float64
    negative: Float64
    """The parts of s_i above and below zero, float64 `(images, vectors)`."""
    relevant: Float64
    """Number of locations that s_i sums over, float64 `(images, vectors)`."""

    def columns(self) -> Float64:
        """Return the terms in the order of `COLUMNS`, `(images, vectors, columns)`."""
        sign = (np.sign(self.derivative) + 1) / 2
        return np.stack(
            [
                sign,
                self.derivative.clip(min=0),
                np.abs(self.derivative),
                self.smooth,
                self.positive,
                self.negative,
                self.relevant,
                np.ones_like(sign),
            ],
            axis=-1,
        )


def image_terms(
    cells: torch.Tensor,
    gradients: torch.Tensor,
    vectors: Float64,
    thresholds: Float64,
    detectors: Float64 | None = None,
    inside: NDArray[np.bool_] | None = None,
) -> ImageTerms:
    """Return the terms of a batch.

    `cells` are activations after the bank's preprocessing, `(n, *grid, channels)`, and `gradients` of the logit have
    the same shape; `vectors` and `thresholds` are `(k, channels)` and `(k,)`. A location is compared with the threshold
    along `detectors` `(k, channels)`, by default the vectors. `inside`, bool `(n, *grid)`, are the locations that all
    sums are over; all by default.
    """
    dtype = torch.float64 if cells.dtype == torch.float64 else torch.float32
    seen, given = (values.flatten(1, -2).to(dtype) for values in (cells, gradients))
    counts = None if inside is None else torch.from_numpy(inside).flatten(1).to(cells.device)[..., None]
    if counts is not None:
        given = torch.where(counts, given, 0)
    whole = given.sum(dim=1, dtype=torch.float64)
    directions = torch.from_numpy(vectors.T).to(cells.device)
    derivative = whole @ directions
    length = whole.norm(dim=1, keepdim=True).clamp_min(torch.finfo(torch.float64).tiny)
    smooth = torch.special.ndtr(derivative / length * vectors.shape[1] ** 0.5)
    parts: list[list[torch.Tensor]] = [[], [], []]
    detecting = directions if detectors is None else torch.from_numpy(detectors.T).to(cells.device)
    for part, filters, cuts in zip(
        torch.split(directions.to(dtype), BLOCK, dim=1),
        torch.split(detecting.to(dtype), BLOCK, dim=1),
        torch.split(torch.from_numpy(thresholds).to(cells.device), BLOCK),
        strict=True,
    ):
        relevant = (seen @ filters).double() > cuts
        if counts is not None:
            relevant &= counts
        gated = torch.where(relevant, (given @ part).double(), 0.0)
        for found_parts, values in zip(parts, (gated.clamp(min=0), gated.clamp(max=0), relevant.double()), strict=True):
            found_parts.append(values.sum(dim=1))
    found = (derivative, smooth, *(torch.cat(found_parts, dim=1) for found_parts in parts))
    return ImageTerms(*(values.cpu().numpy() for values in found))


def evaluate(kind: str, sums: Float64) -> Float64:
    """Return a score from sums over images `(..., columns)`."""
    column = dict(zip(COLUMNS, np.moveaxis(sums, -1, 0), strict=True))
    if kind == "tcav":
        found: Float64 = column["positive_count"] / column["images"]
    elif kind == "magnitude":
        some = column["absolute_sum"] > 0
        found = np.where(some, column["positive_sum"] / np.where(some, column["absolute_sum"], 1), 0.5)
    elif kind == "smooth":
        found = column["smooth_sum"] / column["images"]
    else:
        shared = column["images"] if kind == "sacv" else np.maximum(column["relevant"], 1)
        found = (column["sacv_positive"] + column["sacv_negative"]) / shared
    return found
