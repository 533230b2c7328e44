"""What follows a layer, run on other activations of the images of a batch.

Most layers hold all that what follows reads of an image; then the rest runs on activations of all images together.
Where something passes by the layer, as beside the branch of a residual block, each image's activations run by
themselves, after what stands before the layer has run on that image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from sacv.model.capture import LayerRecord, Select
from sacv.model.vision_model import VisionModel

Aim = Callable[[torch.Tensor], Select]
"""From the numbers of images, int `(m,)`, to what is explained of each, in this order."""

WIDEST = 8
"""Times the images of a pass that activations are run at once, at most, where little follows."""


@dataclass(frozen=True, eq=False)
class Rest:
    """The part of a network that follows a layer, for a batch of images.

    Parameters
    ----------
    model, inputs
        The model, and the batch `(n, channels, *size)`.
    layer, record
        The layer, and what it gave for the batch.
    aim
        What is explained of each image.
    batch_size
        Images a pass. The less work follows the layer, the more activations run at once.
    """

    model: VisionModel
    inputs: torch.Tensor
    layer: str
    record: LayerRecord
    aim: Aim
    batch_size: int

    @property
    def share(self) -> float:
        """Share of the network's work that follows the layer, above 0 to 1."""
        return self.model.share_after(self.inputs, self.layer)

    @property
    def width(self) -> int:
        """Activations run at once: the images of a pass, and more of them the less work follows the layer."""
        return int(self.batch_size * min(1 / max(self.share, 1 / WIDEST), WIDEST))

    def values(self, rows: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        """Return the scalars explained, float64 `(m,)`, after activations `(m, *grid, channels)` of the images `rows`."""
        found = torch.empty(len(rows), dtype=torch.float64, device=cells.device)
        for part in self._parts(rows):
            found[part] = self._run(rows[part], cells[part].to(self.record.cells.dtype)).double()
        return found

    def slopes(self, rows: torch.Tensor, cells: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the scalars explained, as `values` does, and their gradients `(m, *grid, channels)`, float64 each."""
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
        """Part the activations into passes: of all images together where that is possible, else image by image."""
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
