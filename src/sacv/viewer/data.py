"""What the viewer draws: a header of labels, and named arrays.

The header holds no map and no image; these are arrays of numbers of two bytes or one, so that they travel as they lie
in memory. A map of floats is divided by its greatest magnitude and written as float16, with that magnitude as its
`scale`: what is drawn is right to three digits. docs/viewer.md has the names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sacv.files import Array

VERSION = 2
"""Of the schema in docs/viewer.md."""


@dataclass(frozen=True, eq=False)
class ViewerData:
    """What the element `<sacv-viewer>` is given.

    Parameters
    ----------
    header
        Labels, as JSON takes them; `header["arrays"]` says of each array its `dtype`, `shape` and `scale`.
    arrays
        Float16, float32 or uint8, by name.
    """

    header: Mapping[str, Any]
    arrays: Mapping[str, Array]

    def values(self, name: str) -> Array:
        """Return an array in its own unit: of a map of floats its values times their scale."""
        array, scale = self.arrays[name], self.header["arrays"][name]["scale"]
        return array if array.dtype == np.uint8 else array.astype(np.float32) * np.float32(scale)


class Blocks:
    """The arrays of a viewer, gathered by name."""

    def __init__(self) -> None:
        self.arrays: dict[str, Array] = {}
        self._labels: dict[str, dict[str, Any]] = {}

    def add_map(self, name: str, values: NDArray[np.floating]) -> None:
        """Add maps of floats, as float16 on a scale of their own."""
        finite = np.abs(values[np.isfinite(values)])
        scale = float(finite.max(initial=0)) or 1.0
        self._add(name, (values / scale).astype("<f2"), scale)

    def add_marks(self, name: str, values: NDArray[np.bool_]) -> None:
        """Add maps of marks, a byte each."""
        self._add(name, values.astype(np.uint8), 1.0)

    def add_figures(self, name: str, values: NDArray[np.floating]) -> None:
        """Add figures, as float32; what is missing is NaN."""
        self._add(name, values.astype("<f4"), 1.0)

    def add_bytes(self, name: str, content: bytes) -> None:
        """Add a file, such as an image."""
        self._add(name, np.frombuffer(content, dtype=np.uint8), 1.0)

    def data(self, header: Mapping[str, Any]) -> ViewerData:
        """Return what the viewer is given, with these labels."""
        return ViewerData({"version": VERSION, **header, "arrays": self._labels}, self.arrays)

    def _add(self, name: str, array: Array, scale: float) -> None:
        self.arrays[name] = np.ascontiguousarray(array)
        self._labels[name] = {"dtype": array.dtype.str[1:], "shape": list(array.shape), "scale": scale}
