"""The boxes of a location in the image's own pixels: left, top, right, bottom.

A location has two boxes: its **cell** of the layer's grid, which divides the part of the image that the network sees;
and its **receptive field**, all pixels that can change it (`sacv.model.receptive_field`), around the cell.
"""

from __future__ import annotations

from collections.abc import Sequence

from sacv.model import Box, ReceptiveFields


def cell_box(location: Sequence[int], grid: Sequence[int], region: Box) -> Box:
    """Return the cell of a location; for volumes within its slice, for signals over the whole height."""
    column, columns = location[-1], grid[-1]
    row, rows = (location[-2], grid[-2]) if len(grid) > 1 else (0, 1)
    return _within(region, (column / columns, row / rows, (column + 1) / columns, (row + 1) / rows))


def field_box(location: Sequence[int], fields: ReceptiveFields, input_shape: Sequence[int], region: Box) -> Box:
    """Return the receptive field of a location, clipped to the part that the network sees."""
    left, right = fields.columns[location[-1]] / input_shape[-1]
    top, bottom = fields.rows[location[-2]] / input_shape[-2] if len(location) > 1 else (0.0, 1.0)
    return _within(region, (float(left), float(top), float(right), float(bottom)))


def _within(region: Box, shares: Box) -> Box:
    left, top, right, bottom = region
    across, down = right - left, bottom - top
    return (left + shares[0] * across, top + shares[1] * down, left + shares[2] * across, top + shares[3] * down)
