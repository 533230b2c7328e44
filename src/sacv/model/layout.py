"""Layouts of activations. Only this module permutes axes.

The rest of sacv uses *cells*, `(n, *grid, channels)`, channels last. A `Layout` converts an activation to cells and
back. Reshaping `(channels, height * width)` to `(height * width, channels)` instead of transposing it would mix
channels and locations without any error.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from einops import rearrange

from sacv.errors import OptionError

AXES = {1: "L", 2: "HW", 3: "DHW"}
"""Names of a grid's axes, by the number of axes."""


class Layout(ABC):
    """The order of the axes of an activation."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the layout, as `parse_layout` reads it."""

    @abstractmethod
    def fits(self, shape: torch.Size) -> bool:
        """Return whether an activation of this shape can have this layout."""

    @abstractmethod
    def cells(self, activation: torch.Tensor) -> torch.Tensor:
        """Return the activation `(n, *grid, channels)`, a view where possible."""

    @abstractmethod
    def restore(self, cells: torch.Tensor, activation: torch.Tensor) -> torch.Tensor:
        """Invert `cells`. Values without a location, such as a class token, come from `activation` of n or 1 images."""


@dataclass(frozen=True)
class _OfGrid(Layout):
    """A layout in which the locations have axes of their own."""

    dims: int = 2
    """Axes of the grid, 1 to 3."""

    def fits(self, shape: torch.Size) -> bool:
        """Return whether there are as many axes."""
        return len(shape) == self.dims + 2


@dataclass(frozen=True)
class ChannelsFirst(_OfGrid):
    """`(n, channels, *grid)`, as in convolutional networks."""

    @property
    def name(self) -> str:
        """NCL, NCHW or NCDHW."""
        return f"NC{AXES[self.dims]}"

    def cells(self, activation: torch.Tensor) -> torch.Tensor:
        """Return `(n, *grid, channels)`."""
        return rearrange(activation, "n c ... -> n ... c")

    def restore(self, cells: torch.Tensor, activation: torch.Tensor) -> torch.Tensor:
        """Return `(n, channels, *grid)`."""
        return rearrange(cells, "n ... c -> n c ...")


@dataclass(frozen=True)
class ChannelsLast(_OfGrid):
    """`(n, *grid, channels)`, as in Swin and the blocks of ConvNeXt."""

    @property
    def name(self) -> str:
        """NLC, NHWC or NDHWC."""
        return f"N{AXES[self.dims]}C"

    def cells(self, activation: torch.Tensor) -> torch.Tensor:
        """Return the activation unchanged."""
        return activation

    def restore(self, cells: torch.Tensor, activation: torch.Tensor) -> torch.Tensor:
        """Return the cells unchanged."""
        return cells


@dataclass(frozen=True)
class Tokens(Layout):
    """`(n, tokens, channels)`: class, distillation and register tokens, then the locations row by row."""

    grid: tuple[int, ...]
    """Number of locations along each axis."""
    prefix: int = 0
    """Number of tokens before the first location."""

    @property
    def name(self) -> str:
        """For example `tokens 14x14+1`."""
        return f"tokens {'x'.join(map(str, self.grid))}" + (f"+{self.prefix}" if self.prefix else "")

    def fits(self, shape: torch.Size) -> bool:
        """Return whether the number of tokens is the same."""
        return len(shape) == 3 and shape[1] == self.prefix + math.prod(self.grid)

    def cells(self, activation: torch.Tensor) -> torch.Tensor:
        """Return the locations `(n, *grid, channels)`."""
        patches = activation[:, self.prefix :]
        return patches.reshape(len(patches), *self.grid, patches.shape[-1])

    def restore(self, cells: torch.Tensor, activation: torch.Tensor) -> torch.Tensor:
        """Return all tokens; the first `prefix` come from `activation`."""
        before = activation[:, : self.prefix].expand(len(cells), -1, -1).to(cells.dtype)
        return torch.cat([before, cells.flatten(1, -2)], dim=1)


LEGAL = "legal are NCHW, NHWC, NCDHW, NDHWC, NCL, NLC and for example 'tokens 14x14+1' (a grid, and tokens before it)"


def parse_layout(text: str) -> Layout:
    """Read the name of a layout."""
    for dims in AXES:
        for layout in (ChannelsFirst(dims), ChannelsLast(dims)):
            if layout.name == text:
                return layout
    found = re.fullmatch(r"tokens (\d+(?:x\d+)*)(?:\+(\d+))?", text)
    if found is None:
        raise OptionError(f"there is no layout {text!r}; {LEGAL}")
    return Tokens(tuple(int(side) for side in found[1].split("x")), int(found[2] or 0))
