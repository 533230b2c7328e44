"""Activations and gradients of images, computed once and used by every method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sacv.concepts import mask_weights
from sacv.model import VisionModel
from sacv.targets import PREDICTED
from sacv_bench.baselines import edge_strength, grad_cam

Float64 = NDArray[np.float64]
Map = NDArray[np.floating]
Mask = NDArray[np.bool_]
BATCH = 8


@dataclass(frozen=True, eq=False)
class Seen:
    """Activations and maps of images.

    Parameters
    ----------
    regions
        Of each image, the part that the grids divide.
    cells
        By layer, activations `(n, *grid, channels)`.
    cams
        By class and layer, Grad-CAM `(n, *grid)`.
    edges
        By layer, edge strength on its grid, `(n, *grid)`.
    logits
        `(n, classes)`.
    """

    regions: tuple[tuple[float, float, float, float] | None, ...]
    cells: Mapping[str, torch.Tensor]
    cams: Mapping[tuple[str, str], Map]
    edges: Mapping[str, Map]
    logits: NDArray[np.float32]

    def shares(self, layer: str, number: int, mask: Mask) -> Float64:
        """Return the share of each cell of a layer that a mask on an image covers, `grid`."""
        rows, columns = self.cells[layer].shape[1:3]
        return np.clip(mask_weights(mask, (rows, columns), self.regions[number]), 0, 1)

    def norms(self, layer: str) -> Map:
        """Return the L2 norm of every activation, `(n, *grid)`."""
        found: Map = torch.linalg.vector_norm(self.cells[layer], dim=-1).numpy()
        return found


def see(model: VisionModel, layers: Sequence[str], images: Sequence[Image.Image], targets: Sequence[str] = ()) -> Seen:
    """Run a network on images.

    Parameters
    ----------
    model, layers
        The network and its layers.
    images
        In memory.
    targets
        Classes of Grad-CAM, by name; "predicted" is each image's own.
    """
    cells: dict[str, list[torch.Tensor]] = {layer: [] for layer in layers}
    cams: dict[tuple[str, str], list[Map]] = {(target, layer): [] for target in targets for layer in layers}
    logits = []
    with model.frozen():
        for start in range(0, len(images), BATCH):
            inputs = model.inputs(images[start : start + BATCH])
            trace = model.trace(
                inputs, layers, [partial(_of_class, model, target) for target in targets or [PREDICTED]]
            )
            logits.append(torch.zeros(len(inputs), 0) if trace.logits is None else trace.logits)
            for layer in layers:
                cells[layer].append(trace.activations[layer].cells.float())
                for target, gradients in zip(targets, trace.gradients, strict=False):
                    cams[target, layer].append(grad_cam(cells[layer][-1].numpy(), gradients[layer].numpy()))
    joined = {layer: torch.cat(parts) for layer, parts in cells.items()}
    regions = tuple(model.seen(image)[1] for image in images)
    grids = {layer: (int(found.shape[1]), int(found.shape[2])) for layer, found in joined.items()}
    drawn = {grid: _edges(images, grid, regions) for grid in set(grids.values())}
    return Seen(
        regions,
        joined,
        {key: np.concatenate(parts) for key, parts in cams.items()},
        {layer: drawn[grid] for layer, grid in grids.items()},
        torch.cat(logits).numpy(),
    )


def _of_class(model: VisionModel, target: str, logits: torch.Tensor) -> torch.Tensor:
    if target == PREDICTED:
        return logits.amax(dim=1)
    return logits[:, model.class_index(target, logits.shape[1])]


def _edges(
    images: Sequence[Image.Image],
    grid: tuple[int, int],
    regions: Sequence[tuple[float, float, float, float] | None],
) -> Map:
    return np.stack([edge_strength(one, grid, region) for one, region in zip(images, regions, strict=True)])
