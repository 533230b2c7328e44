"""True receptive fields: which input rows and columns can reach each location of a layer.

That is a property of the network, found by running it: a NaN in one input row makes NaN in exactly the locations that
this row can reach, since every product and sum with NaN is NaN (also 0 * NaN). So the field is exact for any network of
convolutions, pooling, normalisation and pointwise layers, with branches, dilation, padding and strides; where a gate
or attention reads the whole image it is the whole image. All layers are read off in the same passes.

A network that hides NaN would give too small a field. What can be checked is checked, and the answer is then "not
known" rather than wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

STRIP = 32
"""Least width of the strip that is probed in place of the full input, in pixels."""

CHECKS = 6
"""About so many lines of the full input are probed to check what the strip says."""

Run = Callable[[torch.Tensor], Mapping[str, torch.Tensor]]


@dataclass(frozen=True, eq=False)
class ReceptiveFields:
    """The receptive field of every location of a layer, in input pixels, clipped to the input.

    Parameters
    ----------
    rows
        Int `(height, 2)`: first input row, and the one past the last, that reach each row of the grid.
    columns
        Int `(width, 2)`: the same for columns.
    """

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]

    def box(self, row: int, column: int) -> tuple[int, int, int, int]:
        """Give the field of a location: left, top, right, bottom, half-open."""
        (top, bottom), (left, right) = self.rows[row], self.columns[column]
        return int(left), int(top), int(right), int(bottom)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the largest field."""
        return int(np.diff(self.rows).max()), int(np.diff(self.columns).max())


def receptive_fields(
    run: Run,
    input_shape: tuple[int, int, int],
    *,
    batch_size: int = 32,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> dict[str, ReceptiveFields | None]:
    """Find the receptive fields of layers.

    Parameters
    ----------
    run
        From inputs `(n, channels, height, width)` to the activations of each layer by name, `(n, *grid, channels)`.
    input_shape
        Channels, height and width of the input.
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
    plain = run(base[None])
    # NNPACK's convolutions (Winograd, FFT) carry a NaN to its neighbours within a tile; oneDNN's do not.
    with torch.backends.nnpack.flags(enabled=False):
        rows, columns = (_reach_of_axis(run, base, axis, batch_size) for axis in (1, 2))
    found: dict[str, ReceptiveFields | None] = {}
    for layer, cells in plain.items():
        known = cells.ndim == 4 and bool(torch.isfinite(cells).all())
        height, width = (_intervals(rows[layer]), _intervals(columns[layer])) if known else (None, None)
        found[layer] = None if height is None or width is None else ReceptiveFields(height, width)
    return found


def _reach_of_axis(run: Run, base: torch.Tensor, axis: int, batch_size: int) -> dict[str, NDArray[np.bool_]]:
    """Tell for each layer which lines of an axis (1 rows, 2 columns) reach which of its lines, `(lines, locations)`.

    Which rows reach a location does not depend on the width of the input, save in a network that reads the whole of it;
    a strip is therefore probed where the network takes one and answers as it does on a few lines of the full input.
    """
    lines = list(range(base.shape[axis]))
    across = 3 - axis
    strip = base.narrow(across, 0, max(STRIP, base.shape[across] // 4)) if base.shape[across] > STRIP else base
    checked = lines[:: max(len(lines) // CHECKS, 1)]
    full = _probe(run, base, axis, checked, batch_size)
    if strip is not base:
        try:
            quick = _probe(run, strip, axis, lines, batch_size)
        except RuntimeError:  # the network takes no other size, as with embedded positions
            quick = {}
        if quick and all(np.array_equal(quick[layer][checked], reach) for layer, reach in full.items()):
            return quick
    return _probe(run, base, axis, lines, batch_size)


def _probe(run: Run, base: torch.Tensor, axis: int, lines: list[int], batch_size: int) -> dict[str, NDArray[np.bool_]]:
    """Put NaN into one line of the input after another and tell which lines of each layer's grid it reaches."""
    parts: dict[str, list[NDArray[np.bool_]]] = {}
    for start in range(0, len(lines), batch_size):
        some = lines[start : start + batch_size]
        probes = base.repeat(len(some), 1, 1, 1)
        for number, line in enumerate(some):
            probes[number].select(axis, line).fill_(torch.nan)
        for layer, cells in run(probes).items():
            hit = torch.isnan(cells).any(dim=-1).any(dim=3 - axis)
            parts.setdefault(layer, []).append(hit.cpu().numpy())
    return {layer: np.concatenate(hits) for layer, hits in parts.items()}


def _intervals(reach: NDArray[np.bool_]) -> NDArray[np.int64] | None:
    """Give first and past-last line that reach each location, from `(lines, locations)`; None if one has none."""
    if not reach.any(axis=0).all():
        return None
    first = reach.argmax(axis=0)
    last = len(reach) - reach[::-1].argmax(axis=0)
    return np.stack([first, last], axis=1)
