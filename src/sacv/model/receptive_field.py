"""True receptive fields: the input rows and columns that can change the activation at each location of a layer.

They are measured by running the network: a NaN in one input row gives NaN at exactly the locations that depend on this
row, since every product and sum with NaN is NaN (also 0 * NaN). The field is exact for any network of convolutions,
pooling, normalisation and pointwise layers, with branches, dilation, padding and strides; with a gate or attention over
the whole image it is the whole image. All layers are measured in the same passes.

A network that hides NaN would give too small a field. The result is checked as far as possible, and None if a check
fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.errors import SacvError

STRIP = 32
"""Least width of the strip that is probed instead of the full input, in pixels."""

CHECKS = 6
"""Approximate number of lines of the full input that are probed to check the result of the strip."""

Run = Callable[[torch.Tensor, Sequence[str]], Mapping[str, torch.Tensor]]
"""Function from inputs `(n, channels, *size)` and names of layers to tensors by name."""


@dataclass(frozen=True, eq=False)
class ReceptiveFields:
    """The receptive field of every location of a layer, in input pixels, clipped to the input.

    Parameters
    ----------
    axes
        For each axis of the grid, int `(cells, 2)`: the first input line, and one past the last, of the field of each
        cell along that axis.
    """

    axes: tuple[NDArray[np.int64], ...]

    @property
    def rows(self) -> NDArray[np.int64]:
        """For a grid of height and width, the input rows of each grid row, `(height, 2)`."""
        return self.axes[-2]

    @property
    def columns(self) -> NDArray[np.int64]:
        """For a grid of height and width, the input columns of each grid column, `(width, 2)`."""
        return self.axes[-1]

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Return the field of a location in a grid of height and width: left, top, right, bottom, half-open."""
        (top, bottom), (left, right) = self.rows[row], self.columns[column]
        return int(left), int(top), int(right), int(bottom)

    @property
    def size(self) -> tuple[int, ...]:
        """Sides of the largest field, such as height and width."""
        return tuple(int(np.diff(lines).max()) for lines in self.axes)


def receptive_fields(
    run: Run,
    input_shape: tuple[int, ...],
    layers: Sequence[str],
    *,
    batch_size: int = 8,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> dict[str, ReceptiveFields | None]:
    """Measure the receptive fields of layers.

    `run` runs the network up to the layers and returns the sum over the channels at each location, `(n, *grid)`. The
    input has `input_shape`, `(channels, *size)`, and a pass has `batch_size` probes. Return the fields by layer; None
    if unknown.
    """
    base = torch.rand(input_shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    base = base.to(device, dtype)
    plain = run(base[None], layers)
    # NNPACK's convolutions (Winograd, FFT) spread a NaN to its neighbours within a tile; oneDNN's do not.
    with torch.backends.nnpack.flags(enabled=False):
        reach = [_reach_of_axis(run, base, axis, layers, batch_size) for axis in range(1, base.ndim)]
    found: dict[str, ReceptiveFields | None] = {}
    for layer, sums in plain.items():
        # An activation with fewer axes than the input, such as tokens without a grid, has no fields along them.
        known = sums.ndim == base.ndim and bool(torch.isfinite(sums).all())
        intervals = [_intervals(along[layer]) for along in reach] if known else []
        complete = tuple(axis for axis in intervals if axis is not None)
        found[layer] = ReceptiveFields(complete) if known and len(complete) == len(intervals) else None
    return found


def _reach_of_axis(
    run: Run, base: torch.Tensor, axis: int, layers: Sequence[str], batch_size: int
) -> dict[str, NDArray[np.bool_]]:
    """Return for each layer which lines of an input axis reach which of its lines, bool `(lines, locations)`.

    If the first and the last line reach every location, as through attention, every field is the whole axis, and no
    other line is probed. Otherwise a strip of the input is probed, since the rows that reach a location rarely depend
    on the width of the input. Its result is used if the network accepts the strip and a few lines of the full input
    give the same.
    """
    lines = list(range(base.shape[axis]))
    ends = _probe(run, base, axis, [lines[0], lines[-1]], layers, batch_size)
    found = {layer: np.ones((len(lines), reach.shape[1]), dtype=bool) for layer, reach in ends.items() if reach.all()}
    rest = [layer for layer in layers if layer not in found]
    if not rest:
        return found
    strip = base
    for across in range(1, base.ndim):
        if across != axis and base.shape[across] > STRIP:
            strip = strip.narrow(across, 0, max(STRIP, base.shape[across] // 4))
    checked = lines[:: max(len(lines) // CHECKS, 1)]
    full = _probe(run, base, axis, checked, rest, batch_size)
    if strip is not base:
        try:
            quick = _probe(run, strip, axis, lines, rest, batch_size)
        except (RuntimeError, AssertionError, ValueError, SacvError):
            quick = {}  # the network accepts no other size, for example because of position embeddings
        found |= {layer: reach for layer, reach in quick.items() if np.array_equal(reach[checked], full[layer])}
        rest = [layer for layer in rest if layer not in found]
    return found | (_probe(run, base, axis, lines, rest, batch_size) if rest else {})


def _probe(
    run: Run, base: torch.Tensor, axis: int, lines: list[int], layers: Sequence[str], batch_size: int
) -> dict[str, NDArray[np.bool_]]:
    """Put NaN into each line of the input in turn and return which lines of each layer's grid it reaches."""
    parts: dict[str, list[NDArray[np.bool_]]] = {}
    for start in range(0, len(lines), batch_size):
        batch = lines[start : start + batch_size]
        probes = base.repeat(len(batch), *[1] * base.ndim)
        for number, line in enumerate(batch):
            probes[number].select(axis, line).fill_(torch.nan)
        for layer, sums in run(probes, layers).items():
            hit = torch.isnan(sums)
            others = [other for other in range(1, hit.ndim) if other != axis]
            hit = hit.any(dim=others) if others else hit
            parts.setdefault(layer, []).append(hit.cpu().numpy())
    return {layer: np.concatenate(hits) for layer, hits in parts.items()}


def _intervals(reach: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """Return the first and one past the last line that reach each location; None if no line reaches some location."""
    if not reach.any(axis=0).all():
        return None
    first = reach.argmax(axis=0)
    last = len(reach) - reach[::-1].argmax(axis=0)
    return np.stack([first, last], axis=1)


def effective_fields(
    run: Run, inputs: torch.Tensor, layers: Sequence[str], *, directions: int = 4
) -> dict[str, tuple[int, ...]]:
    """Return the sides of each layer's effective receptive field at its middle location, in input pixels.

    The pixels of a receptive field have very different weights. Along each axis, the side is the length of the interval
    with the middle 95 % of the energy of the gradient, `(d (w . a(p)) / dx)^2` summed over channels, images and a few
    random directions w (after Luo, Li, Urtasun and Zemel, "Understanding the effective receptive field in deep
    convolutional neural networks", arXiv 1701.04128).

    `run` runs the network up to the layers on inputs `(n, channels, *size)` and returns their activations `(n, *grid,
    channels)` with their graph; `directions` is the number of random directions w.
    """
    start = inputs.detach().clone().requires_grad_()
    generator = torch.Generator().manual_seed(0)
    found: dict[str, tuple[int, ...]] = {}
    for layer, cells in run(start, layers).items():
        locations = cells.flatten(1, -2)
        middle = locations[:, int(np.ravel_multi_index([side // 2 for side in cells.shape[1:-1]], cells.shape[1:-1]))]
        energy = torch.zeros(inputs.shape[2:], dtype=torch.float64, device=inputs.device)
        for _ in range(directions):
            weights = torch.randn(middle.shape[-1], generator=generator).to(middle)
            (gradient,) = torch.autograd.grad((middle @ weights).sum(), start, retain_graph=True)
            energy += gradient.double().square().sum(dim=(0, 1))
        found[layer] = tuple(_middle(energy, axis) for axis in range(energy.ndim))
    return found


def _middle(energy: torch.Tensor, axis: int) -> int:
    """Return the length of the interval with the middle 95 % of the energy along an axis."""
    others = [other for other in range(energy.ndim) if other != axis]
    along = energy.sum(dim=others) if others else energy
    share = torch.cumsum(along, dim=0) / along.sum().clamp_min(1e-300)
    first, last = (int((share < level).sum()) for level in (0.025, 0.975))
    return last - first + 1
