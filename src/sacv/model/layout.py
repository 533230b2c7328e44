"""The one place where axes are permuted.

A network's activations come in some layout; everything else in sacv sees *cells*: `(n, *grid, channels)`, channels
last. A `Layout` goes both ways. Reshaping `(channels, height * width)` into `(height * width, channels)` instead of
transposing it mixes channels and places without any error, so no other module touches axes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from einops import rearrange

from sacv.errors import LayerError


class Layout(ABC):
    """How a layer arranges channels and places."""

    name: str

    @abstractmethod
    def cells(self, activation: torch.Tensor) -> torch.Tensor:
        """Give the activation `(n, *grid, channels)`, a view where possible."""

    @abstractmethod
    def restore(self, cells: torch.Tensor) -> torch.Tensor:
        """Undo `cells`."""


class ChannelsFirst(Layout):
    """`(n, channels, height, width)`, as convolutional networks have it."""

    name = "NCHW"

    def cells(self, activation: torch.Tensor) -> torch.Tensor:
        """Give `(n, height, width, channels)`."""
        return rearrange(activation, "n c h w -> n h w c")

    def restore(self, cells: torch.Tensor) -> torch.Tensor:
        """Give `(n, channels, height, width)`."""
        return rearrange(cells, "n h w c -> n c h w")


def recognise(shape: Sequence[int], layer: str) -> Layout:
    """Tell the layout of a layer from the shape of its activation.

    Raises
    ------
    LayerError
        If the layer has no locations.
    """
    if len(shape) == 4:
        return ChannelsFirst()
    raise LayerError(
        f"layer {layer!r} gives a tensor of shape {tuple(shape)}; sacv needs maps of shape "
        "(images, channels, height, width): ask about an earlier layer ('sacv layers' lists those that fit)"
    )
