"""Recognise the layouts of all layers in one forward pass, from modules, shapes and the layers before.

- Convolution, batch normalisation and pooling give channels first, as torch defines them.
- In any other map, the channels are the axis whose removal leaves a grid with the input's proportions: for a square
  input, `(96, 56, 56)` is channels first, `(56, 56, 96)` channels last. If both fit, the layer before decides.
- Tokens have the grid of an earlier map with as many locations, after up to 16 other tokens; without such a map, the
  grid of as many locations with the input's proportions.
- An activation without one entry of its first axis for each image has no layout, such as windows of a partition.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import nn

from sacv.errors import LayerError
from sacv.model.layout import ChannelsFirst, ChannelsLast, Layout, Tokens

PREFIX = 16
"""Most tokens before the first location."""

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
    """Recognises the layouts of one forward pass, layer by layer in the order in which they finish.

    The shape is that of the input, `(n, channels, *size)`; `layouts` are those that the user gives, by name of the
    layer.
    """

    def __init__(self, shape: Sequence[int], layouts: Mapping[str, Layout]) -> None:
        self._images = shape[0]
        self._size = tuple(shape[2:])
        self._layouts = layouts
        self._grids: list[tuple[int, ...]] = []
        self._before: tuple[tuple[int, ...], Layout] | None = None

    def recognise(self, name: str, module: nn.Module, activation: torch.Tensor) -> Layout:
        """Return the layout of a layer's activation.

        Raises LayerError if the activation has no locations; the message begins with "gives".
        """
        shape = activation.shape
        found = self._given(name, shape) if name in self._layouts else self._recognised(module, activation)
        grid = tuple(found.cells(activation).shape[1:-1])
        if math.prod(grid) > 1:
            self._grids.append(grid)
        self._before = (tuple(shape), found)
        return found

    def _given(self, name: str, shape: torch.Size) -> Layout:
        layout = self._layouts[name]
        if not layout.fits(shape):
            raise LayerError(f"gives shape {tuple(shape)}, which does not fit the given layout {layout.name}")
        return layout

    def _recognised(self, module: nn.Module, activation: torch.Tensor) -> Layout:
        shape = activation.shape
        dims, axes = len(self._size), len(shape) - 2
        if len(shape) < 3:
            raise LayerError(f"gives shape {tuple(shape)[1:]}, which has no locations")
        if shape[0] % self._images:
            raise LayerError(f"gives shape {tuple(shape)}, which is not one activation for each image")
        if shape[0] != self._images:
            raise LayerError(
                f"gives {shape[0] // self._images} parts of shape {tuple(shape)[1:]} for each image, such as windows "
                "of a partition"
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
            f"gives shape {tuple(shape)[1:]}, in which no axes have the proportions of the input's height and width; "
            "if they are locations, give their layout (layouts={...}, --layout)"
        )

    def _even(self, grid: Sequence[int]) -> bool:
        """Return whether a grid has the input's proportions of height and width, within a row or a tenth."""
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
            f"gives shape {tuple(shape)[1:]}, for which no grid is found; if these are tokens of locations, give "
            "their layout (layouts={...}, --layout)"
        )

    def _factors(self, locations: int, *, exact: bool) -> tuple[int, int] | None:
        """Return the grid of this size with the input's proportions; if `exact`, one whose sides divide the input's."""
        height, width = self._size
        if locations < 4:
            return None
        rows = round(math.sqrt(locations * height / width))
        columns = locations // max(rows, 1)
        if rows * columns != locations or rows > height or columns > width:
            return None
        if exact and (height % rows or width % columns):
            return None
        return (rows, columns) if abs(rows * width / height - columns) < 1 else None


def _attention(activation: torch.Tensor) -> bool:
    """Return whether an activation is an attention matrix: square, with rows that sum to 1."""
    if activation.shape[-1] != activation.shape[-2]:
        return False
    rows = activation.flatten(0, -2)
    return all(_sum_to_one(part) for part in (rows[:1], rows))  # the first row mostly decides


def _sum_to_one(rows: torch.Tensor) -> bool:
    sums = rows.double().sum(dim=-1)
    return not bool((rows < 0).any()) and bool(((sums - 1).abs() < 1e-2).all())
