"""The data of the viewer: a header of labels, and named arrays.

Maps and images are arrays, sent as their bytes lie in memory. A map of floats is divided by its greatest magnitude and
written as float16, with that magnitude as its `scale`, which is exact to three digits. docs/viewer.md has the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sacv.files import Array

VERSION = 2
"""Version of the schema in docs/viewer.md."""


@dataclass(frozen=True, eq=False)
class ViewerData:
    """The data that the element `<sacv-viewer>` draws."""

    header: Mapping[str, Any]
    """Labels, as JSON data; `header["arrays"]` has the `dtype`, `shape` and `scale` of each array."""
    arrays: Mapping[str, Array]
    """Float16, float32 or uint8 arrays by name."""

    def values(self, name: str) -> Array:
        """Return an array in its own unit: a map of floats times its scale."""
        array, scale = self.arrays[name], self.header["arrays"][name]["scale"]
        return array if array.dtype == np.uint8 else array.astype(np.float32) * np.float32(scale)


class Blocks:
    """A builder of `ViewerData` that collects arrays by name."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self._labels: dict[str, dict[str, Any]] = {}

    def add_map(self, name: str, values: NDArray[np.floating]) -> None:
        """Add maps of floats, as float16 with their scale."""
        finite = np.abs(values[np.isfinite(values)])
        scale = float(finite.max(initial=0)) or 1.0
        self._add(name, (values / scale).astype("<f2"), scale)

    def add_marks(self, name: str, values: NDArray[np.bool_]) -> None:
        """Add masks, a byte for each location."""
        self._add(name, values.astype(np.uint8), 1.0)

    def add_figures(self, name: str, values: NDArray[np.floating]) -> None:
        """Add figures, as float32; NaN where missing."""
        self._add(name, values.astype("<f4"), 1.0)

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add a file, such as an image."""
        self._add(name, np.frombuffer(content, dtype=np.uint8), 1.0)

    def data(self, header: Mapping[str, Any]) -> ViewerData:
        """Return the data of the viewer with these labels."""
        return ViewerData({"version": VERSION, **header, "arrays": self._labels}, self.arrays)

    def _add(self, name: str, array: Array, scale: float) -> None:
        self.arrays[name] = np.ascontiguousarray(array)
        self._labels[name] = {"dtype": array.dtype.str[1:], "shape": list(array.shape), "scale": scale}
