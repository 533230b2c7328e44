"""The rest of a network after a layer, run with replaced activations of the images of a batch.

Usually the rest depends on the image only through the layer's output; then it runs on activations of all images
together. If a path bypasses the layer, such as the shortcut of a residual block, it runs on the activations of one
image at a time, after the part before the layer has run on that image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from sacv.model.capture import LayerRecord, Select
from sacv.model.vision_model import VisionModel

Aim = Callable[[torch.Tensor], Select]
"""Function from indices of images, int `(m,)`, to the target of these images, in this order."""

WIDEST = 8
"""Most activations in a pass, as a multiple of the batch size, if little work follows the layer."""


@dataclass(frozen=True, eq=False)
class Rest:
    """The part of a network after a layer, for a batch of images."""

    model: VisionModel
    inputs: torch.Tensor
    """The model, and the batch `(n, channels, *size)`."""
    layer: str
    record: LayerRecord
    """The layer, and its output for the batch."""
    aim: Aim
    """The target of each image."""
    batch_size: int
    """Images in a pass. The less work follows the layer, the more activations run at once."""

    @property
    def share(self) -> float:
        """Share of the network's work after the layer, above 0 to 1."""
        return self.model.share_after(self.inputs, self.layer)

    @property
    def width(self) -> int:
        """Activations in a pass: the batch size, times up to `WIDEST` if little work follows the layer."""
        return int(self.batch_size * min(1 / max(self.share, 1 / WIDEST), WIDEST))

    def values(self, rows: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """Compute the scalars, float64 `(m,)`, with activations `(m, *grid, channels)` of the images `rows`."""
        found = torch.empty(len(rows), dtype=torch.float64, device=cells.device)
        for part in self._parts(rows):
            found[part] = self._run(rows[part], cells[part].to(self.record.cells.dtype)).double()
        return found

    def slopes(self, rows: torch.Tensor, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Compute the scalars as `values` does, and their gradients `(m, *grid, channels)`, both float64."""
        found = torch.empty(len(rows), dtype=torch.float64, device=cells.device)
        gradients = torch.zeros(cells.shape, dtype=torch.float64, device=cells.device)
        for part in self._parts(rows):
            start = cells[part].to(self.record.cells.dtype).detach().requires_grad_()
            values = self._run(rows[part], start)
            found[part] = values.detach().double()
            if values.requires_grad:
                (slope,) = torch.autograd.grad(values.sum(), start, allow_unused=True)
                gradients[part] = 0.0 if slope is None else slope.double()
        return found, gradients

    def _parts(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """Divide the activations into passes: of all images together if possible, else image by image."""
        numbers = torch.arange(len(rows))
        if self.model.holds_all(self.inputs, self.layer, self.record):
            return list(torch.split(numbers, self.width))
        images = sorted(set(rows.tolist()))
        return [part for row in images for part in torch.split(numbers[rows == row], self.width)]

    def _run(self, rows: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        first, output = int(rows[0]), self.record.output
        image = self.inputs[first : first + 1]
        given = None if output is None else output[rows]
        return self.model.resume(image, self.layer, cells, self.aim(rows), given)
