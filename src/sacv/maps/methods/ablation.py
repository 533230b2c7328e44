"""Ablation: take the concept out of a location, run the rest of the network, and measure the change.

    A(p) = z(a) - z(a with a(p) - s(p) v instead of a(p))

The sum over p is not the change if the concept is taken out everywhere: of two locations with the same evidence, taking
out one may change nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from sacv.errors import OptionError
from sacv.maps.methods.base import Method, Scene


@dataclass(frozen=True)
class Ablation(Method):
    """The exact change of the logit when the concept is taken out of a location.

    It takes a pass from the layer on for each location, image and concept.

    Parameters
    ----------
    window
        Odd side of the square (or cube) of locations around each that the concept is taken out of together; 1 for the
        location alone.

    Raises
    ------
    OptionError
        If `window` is not odd and positive.
    """

    window: int = 1

    def __post_init__(self) -> None:
        if self.window < 1 or self.window % 2 == 0:
            raise OptionError(f"window must be odd and at least 1, not {self.window}")

    unit = "logits"
    meaning = "how much the value explained falls when the concept is taken out of a location"

    def maps(self, scene: Scene) -> torch.Tensor:
        """Return A(p); see `Method.maps`."""
        amounts = scene.amount()
        grid = amounts.shape[2:]
        locations = torch.cartesian_prod(*(torch.arange(side) for side in grid)).reshape(-1, len(grid))
        found, half = torch.zeros_like(amounts), self.window // 2
        for row, cells in enumerate(scene.cells.double()):
            whole = scene.explained(row, cells[None])
            for number in range(len(scene.cavs)):
                step = amounts[row, number][..., None] * scene.direction(number)
                changes = []
                for part in torch.split(locations, scene.rest.batch_size):
                    edited = cells.repeat(len(part), *[1] * cells.ndim)
                    for one, location in zip(edited, part.tolist(), strict=True):
                        around = tuple(slice(max(at - half, 0), at + half + 1) for at in location)
                        one[around] -= step[around]
                    changes.append(whole - scene.explained(row, edited))
                found[row, number] = torch.cat(changes).reshape(grid)
        return found.float()
