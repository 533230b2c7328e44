"""A window: the values of an image that become black and white.

    y = clip((x - low) / (high - low), 0, 1)

Values are in the unit of the file: Hounsfield units of a CT slice, counts of a 16-bit image, intensities of a volume.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sacv.errors import OptionError


@dataclass(frozen=True)
class Window:
    """Map `low` and lower values to black, `high` and higher values to white.

    Parameters
    ----------
    low, high
        Values in the unit of the file.

    Raises
    ------
    OptionError
        If they are not finite, or `low` is not below `high`.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not (isfinite(self.low) and isfinite(self.high) and self.low < self.high):
            raise OptionError(f"a window of {self.low:g} to {self.high:g}: give two finite numbers, the lower first")

    def __call__(self, values: NDArray[Any]) -> NDArray[np.float64]:
        """Apply the window: float64 in [0, 1], of the same shape."""
        return np.clip((values.astype(np.float64) - self.low) / (self.high - self.low), 0, 1)

    def __str__(self) -> str:
        """Return `low:high`, as on the command line."""
        return f"{self.low:g}:{self.high:g}"

    def to_json(self) -> dict[str, float]:
        """Return the fields for a JSON file."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, float]) -> Window:
        """Create the window from the fields of a JSON file."""
        return cls(fields["low"], fields["high"])
