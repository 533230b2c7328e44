"""True receptive fields: which input rows and columns can reach each location of a layer.

That is a property of the network, found by running it: a NaN in one input row makes NaN in exactly the locations that
this row can reach, since every product and sum with NaN is NaN (also 0 * NaN). So the field is exact for any network of
convolutions, pooling, normalisation and pointwise layers, with branches, dilation, padding and strides; where a gate
or attention reads the whole image it is the whole image. All layers are read off in the same passes.

A network that hides NaN would give too small a field. What can be checked is checked, and the answer is then "not
known" rather than wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.errors import SacvError

STRIP = 32
"""Least width of the strip that is probed in place of the full input, in pixels."""

CHECKS = 6
"""About so many lines of the full input are probed to check what the strip says."""

Run = Callable[[torch.Tensor, Sequence[str]], Mapping[str, torch.Tensor]]
"""From inputs `(n, channels, *size)` and names of layers to what they give by name."""


@dataclass(frozen=True, eq=False)
class ReceptiveFields:
    """The receptive field of every location of a layer, in input pixels, clipped to the input.

    Parameters
    ----------
    axes
        For each axis of the grid, int `(cells, 2)`: the first input line, and the one past the last, that reach each
        cell along that axis.
    """

    axes: tuple[NDArray[np.int64], ...]

    @property
    def rows(self) -> NDArray[np.int64]:
        """Of a grid of height and width, the input rows of each of its rows, `(height, 2)`."""
        return self.axes[-2]

    @property
    def columns(self) -> NDArray[np.int64]:
        """Of a grid of height and width, the input columns of each of its columns, `(width, 2)`."""
        return self.axes[-1]

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Return the field of a location of a grid of height and width: left, top, right, bottom, half-open."""
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
    """Find the receptive fields of layers.

    Parameters
    ----------
    run
        Runs the network as far as the layers and gives the sum over the channels at each location, `(n, *grid)`.
    input_shape
        Of the input, `(channels, *size)`.
    layers
        Their names.
    batch_size
        Probes a pass.
    dtype, device
        Of the inputs.

    Returns
    -------
    By layer; None where it is not known.
    """
    base = torch.rand(input_shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    base = base.to(device, dtype)
    plain = run(base[None], layers)
    # NNPACK's convolutions (Winograd, FFT) carry a NaN to its neighbours within a tile; oneDNN's do not.
    with torch.backends.nnpack.flags(enabled=False):
        reach = [_reach_of_axis(run, base, axis, layers, batch_size) for axis in range(1, base.ndim)]
    found: dict[str, ReceptiveFields | None] = {}
    for layer, sums in plain.items():
        # What has fewer axes than the input, as tokens on no grid, has no fields along them.
        known = sums.ndim == base.ndim and bool(torch.isfinite(sums).all())
        lines = [_intervals(along[layer]) for along in reach] if known else []
        sure = tuple(one for one in lines if one is not None)
        found[layer] = ReceptiveFields(sure) if known and len(sure) == len(lines) else None
    return found


def _reach_of_axis(
    run: Run, base: torch.Tensor, axis: int, layers: Sequence[str], batch_size: int
) -> dict[str, NDArray[np.bool_]]:
    """Return for each layer which lines of an axis of the input reach which of its lines, `(lines, locations)`.

    Where the first and the last line reach every location, as through attention, every field is the whole axis, and no
    other line is probed. Which rows reach a location does not depend on the width of the input, save in a network that
    reads the whole of it; a strip is therefore probed where the network takes one and answers as it does on a few lines
    of the full input.
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
            quick = {}  # the network takes no other size, as with embedded positions
        found |= {layer: reach for layer, reach in quick.items() if np.array_equal(reach[checked], full[layer])}
        rest = [layer for layer in rest if layer not in found]
    return found | (_probe(run, base, axis, lines, rest, batch_size) if rest else {})


def _probe(
    run: Run, base: torch.Tensor, axis: int, lines: list[int], layers: Sequence[str], batch_size: int
) -> dict[str, NDArray[np.bool_]]:
    """Put NaN into one line of the input after another and tell which lines of each layer's grid it reaches."""
    parts: dict[str, list[NDArray[np.bool_]]] = {}
    for start in range(0, len(lines), batch_size):
        some = lines[start : start + batch_size]
        probes = base.repeat(len(some), *[1] * base.ndim)
        for number, line in enumerate(some):
            probes[number].select(axis, line).fill_(torch.nan)
        for layer, sums in run(probes, layers).items():
            hit = torch.isnan(sums)
            others = [other for other in range(1, hit.ndim) if other != axis]
            hit = hit.any(dim=others) if others else hit
            parts.setdefault(layer, []).append(hit.cpu().numpy())
    return {layer: np.concatenate(hits) for layer, hits in parts.items()}


def _intervals(reach: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """Return first and past-last line that reach each location, from `(lines, locations)`; None if one has none."""
    if not reach.any(axis=0).all():
        return None
    first = reach.argmax(axis=0)
    last = len(reach) - reach[::-1].argmax(axis=0)
    return np.stack([first, last], axis=1)


def effective_fields(
    run: Run, inputs: torch.Tensor, layers: Sequence[str], *, directions: int = 4
) -> dict[str, tuple[int, ...]]:
    """Return the sides of each layer's effective receptive field at its middle location, in input pixels.

    A location weighs the pixels that can reach it very unevenly. Along each axis, the side is that of the interval that
    holds the middle 95 % of the energy of the gradient, `(d (w . a(p)) / dx)^2` summed over channels, images and a few
    random directions w (after Luo, Li, Urtasun and Zemel, "Understanding the effective receptive field in deep
    convolutional neural networks", arXiv 1701.04128).

    Parameters
    ----------
    run
        Runs the network as far as the layers and gives their activations `(n, *grid, channels)` with their graph.
    inputs
        Float `(n, channels, *size)`.
    layers
        Their names.
    directions
        Random directions w.
    """
    start = inputs.detach().clone().requires_grad_()
    generator = torch.Generator().manual_seed(0)
    found: dict[str, tuple[int, ...]] = {}
    for layer, cells in run(start, layers).items():
        places = cells.flatten(1, -2)
        middle = places[:, int(np.ravel_multi_index([side // 2 for side in cells.shape[1:-1]], cells.shape[1:-1]))]
        energy = torch.zeros(inputs.shape[2:], dtype=torch.float64, device=inputs.device)
        for _ in range(directions):
            weights = torch.randn(middle.shape[-1], generator=generator).to(middle)
            (gradient,) = torch.autograd.grad((middle @ weights).sum(), start, retain_graph=True)
            energy += gradient.double().square().sum(dim=(0, 1))
        found[layer] = tuple(_middle(energy, axis) for axis in range(energy.ndim))
    return found


def _middle(energy: torch.Tensor, axis: int) -> int:
    """Return the length of the interval of an axis that holds the middle 95 % of the energy."""
    others = [other for other in range(energy.ndim) if other != axis]
    along = energy.sum(dim=others) if others else energy
    share = torch.cumsum(along, dim=0) / along.sum().clamp_min(1e-300)
    first, last = (int((share < level).sum()) for level in (0.025, 0.975))
    return last - first + 1
