"""Return the layout of every layer while the network runs once, from modules, shapes and what ran before.

- A convolution, a batch normalisation or a pooling gives channels first, as torch defines them.
- Any other map has its channels where they leave a grid whose strides are alike along height and width: `(96, 56, 56)`
  of a square input is channels first, `(56, 56, 96)` channels last. Where both are so, it is as the layer before.
- Tokens lie on the grid of a map seen before that has as many locations, but for up to 16 tokens that come first; without
  such a map, on the grid of as many locations with the input's proportions.
- What has not one entry of its first axis for each image is windows of a partition, a table, or has tokens first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from sacv.errors import LayerError
from sacv.model.layout import ChannelsFirst, ChannelsLast, Layout, Tokens

PREFIX = 16
"""Most tokens that may come before the locations."""

CHANNELS_FIRST = (
    nn.modules.conv._ConvNd,
    nn.modules.batchnorm._NormBase,
    nn.GroupNorm,
    nn.modules.pooling._MaxPoolNd,
    nn.modules.pooling._AvgPoolNd,
    nn.modules.pooling._AdaptiveAvgPoolNd,
    nn.modules.pooling._AdaptiveMaxPoolNd,
)


class Recogniser:
    """The layouts of one forward pass, asked in the order in which layers finish.

    Parameters
    ----------
    shape
        Of the input, `(n, channels, *size)`.
    layouts
        By name of a layer: what the user says of it.
    """

    def __init__(self, shape: Sequence[int], layouts: Mapping[str, Layout]) -> None:
        self._images = shape[0]
        self._size = tuple(shape[2:])
        self._layouts = layouts
        self._grids: list[tuple[int, ...]] = []
        self._before: tuple[tuple[int, ...], Layout] | None = None

    def recognise(self, name: str, module: nn.Module, activation: torch.Tensor) -> Layout:
        """Return the layout of a layer's activation.

        Raises
        ------
        LayerError
            If it has no locations; the message begins with "gives".
        """
        shape = activation.shape
        found = self._told(name, shape) if name in self._layouts else self._found(module, activation)
        grid = tuple(found.cells(activation).shape[1:-1])
        if math.prod(grid) > 1:
            self._grids.append(grid)
        self._before = (tuple(shape), found)
        return found

    def _told(self, name: str, shape: torch.Size) -> Layout:
        layout = self._layouts[name]
        if not layout.fits(shape):
            raise LayerError(f"gives shape {tuple(shape)}, which is not {layout.name} as was said")
        return layout

    def _found(self, module: nn.Module, activation: torch.Tensor) -> Layout:
        shape = activation.shape
        dims, axes = len(self._size), len(shape) - 2
        if len(shape) < 3:
            raise LayerError(f"gives shape {tuple(shape)[1:]}, which has no locations")
        if shape[0] % self._images:
            raise LayerError(f"gives shape {tuple(shape)}, which is not one activation for each image")
        if shape[0] != self._images:
            raise LayerError(
                f"gives {shape[0] // self._images} parts of shape {tuple(shape)[1:]} for each image, as windows of a "
                "partition do"
            )
        if axes == dims and isinstance(module, CHANNELS_FIRST):
            return ChannelsFirst(dims)
        if axes == dims and dims == 1:
            return self._signal(module, shape)
        if axes == dims and _attention(activation):
            raise LayerError(f"gives shape {tuple(shape)[1:]}, attention between tokens, which has no locations")
        if axes == dims:
            return self._map(shape)
        if axes == 1:
            return self._of_tokens(shape)
        raise LayerError(f"gives shape {tuple(shape)[1:]}, which has no locations")

    def _signal(self, module: nn.Module, shape: torch.Size) -> Layout:
        if isinstance(module, nn.LayerNorm | nn.Linear):
            return ChannelsLast(1)
        if self._before is not None and self._before[0] == tuple(shape):
            return self._before[1]
        return ChannelsFirst(1)

    def _map(self, shape: torch.Size) -> Layout:
        dims = len(self._size)
        first, last = self._even(shape[2:]), self._even(shape[1:-1])
        if first and last:
            same = self._before is not None and self._before[0] == tuple(shape)
            return self._before[1] if same and self._before is not None else ChannelsFirst(dims)
        if first or last:
            return ChannelsFirst(dims) if first else ChannelsLast(dims)
        raise LayerError(
            f"gives shape {tuple(shape)[1:]}, in which no axes lie as height and width of the input do; if they are "
            "locations, say how they lie (layouts={...}, --layout)"
        )

    def _even(self, grid: Sequence[int]) -> bool:
        """Return whether a grid has the input's proportions in height and width, to a row or a tenth."""
        if any(side > full + 1 for side, full in zip(grid, self._size, strict=True)):
            return False
        (rows, columns), (height, width) = grid[-2:], self._size[-2:]
        wide, high = abs(rows * width / height - columns), abs(columns * height / width - rows)
        return wide <= max(1.0, 0.1 * columns) or high <= max(1.0, 0.1 * rows)

    def _of_tokens(self, shape: torch.Size) -> Layout:
        tokens = shape[1]
        for grid in reversed(self._grids):
            if 0 <= tokens - math.prod(grid) <= PREFIX:
                return Tokens(grid, tokens - math.prod(grid))
        turned = any(0 <= shape[2] - math.prod(grid) <= PREFIX for grid in self._grids)
        if len(self._size) == 2 and not turned:
            for prefix in range(PREFIX + 1):
                found = self._factors(tokens - prefix, exact=prefix > 0)
                if found is not None:
                    return Tokens(found, prefix)
        raise LayerError(
            f"gives shape {tuple(shape)[1:]}, which has no grid that could be found; if these are tokens of locations, "
            "say how they lie (layouts={...}, --layout)"
        )

    def _factors(self, places: int, *, exact: bool) -> tuple[int, int] | None:
        """Return the grid of as many locations with the input's proportions; if exact, one that divides the input."""
        height, width = self._size
        if places < 4:
            return None
        rows = round(math.sqrt(places * height / width))
        columns = places // max(rows, 1)
        if rows * columns != places or rows > height or columns > width:
            return None
        if exact and (height % rows or width % columns):
            return None
        return (rows, columns) if abs(rows * width / height - columns) < 1 else None


def _attention(activation: torch.Tensor) -> bool:
    """Return whether these are shares that each token gives to each other one."""
    if activation.shape[-1] != activation.shape[-2]:
        return False
    rows = activation.flatten(0, -2)
    return all(_shares(part) for part in (rows[:1], rows))  # one row mostly settles it


def _shares(rows: torch.Tensor) -> bool:
    sums = rows.double().sum(dim=-1)
    return not bool((rows < 0).any()) and bool(((sums - 1).abs() < 1e-2).all())
