"""Summary of the derivatives of all images at a layer, for the notes; its size does not depend on their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sacv.cav import CAV
from sacv.files import Array
from sacv.maps.layer_maps import Map
from sacv.stats import Float64

SATURATED = 1e-6
"""Share of a target's value below which a change by a concept counts as none."""

ALIKE = 1e-5
"""Share of the largest derivative below which differences are rounding."""


@dataclass
class Slopes:
    """The derivatives along v of some images at a layer, and whether their contributions are informative."""

    low: Map | None = None
    high: Map | None = None
    """The least and the greatest derivative of each concept and location, `(concepts, *grid)`; None without images."""
    gives: bool = False
    """Whether any contribution is not zero."""
    saturated: bool = True
    """Whether no concept changes the target of any image by more than `SATURATED` of it, to first order."""
    constant: bool = True
    """Whether the map of each image and concept is the same at every location."""

    def add(self, derivatives: Map, contributions: Map, values: Float64, cavs: Sequence[CAV]) -> None:
        """Add maps `(n, concepts, *grid)`, and the explained value of each image `(n,)`."""
        flat = derivatives.reshape(*derivatives.shape[:2], -1)
        moved = np.abs(flat).sum(axis=-1, dtype=np.float64) * np.array([cav.separation for cav in cavs])
        self.join(
            Slopes(
                derivatives.min(axis=0),
                derivatives.max(axis=0),
                bool(contributions.any()),
                bool(np.all(moved <= SATURATED * np.abs(values[:, None]))),
                bool(np.all(np.ptp(flat, axis=-1) <= ALIKE * np.abs(flat).max(axis=-1))),
            )
        )

    def join(self, other: Slopes) -> None:
        """Add other images, on the same grid."""
        if other.low is None or other.high is None:
            return
        self.low = other.low if self.low is None else np.minimum(self.low, other.low)
        self.high = other.high if self.high is None else np.maximum(self.high, other.high)
        self.gives |= other.gives
        self.saturated &= other.saturated
        self.constant &= other.constant

    @property
    def grid(self) -> tuple[int, ...] | None:
        """The grid of the maps; None without images."""
        return None if self.low is None else self.low.shape[1:]

    @property
    def largest(self) -> float:
        """The greatest size of a derivative."""
        return 0.0 if self.low is None or self.high is None else float(max(-self.low.min(), self.high.max()))

    @property
    def alike(self) -> bool:
        """Whether the map of each concept is the same for every image."""
        return self.low is None or self.high is None or bool(np.all(self.high - self.low <= ALIKE * self.largest))

    def pack(self) -> dict[str, Array]:
        """Return the summary as arrays."""
        if self.low is None or self.high is None:
            return {}
        return {"low": self.low, "high": self.high, "flags": np.array([self.gives, self.saturated, self.constant])}

    @classmethod
    def unpack(cls, arrays: Mapping[str, Array]) -> Slopes:
        """Undo `pack`."""
        if "flags" not in arrays:
            return cls()
        return cls(arrays["low"], arrays["high"], *map(bool, arrays["flags"]))
