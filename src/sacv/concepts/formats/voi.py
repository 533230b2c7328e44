r"""The windows of DICOM files, as defined by PS3.3 C.11.2.1.2 and C.11.2.1.3, with an output range of [0, 1].

With centre c and width w::

    LINEAR        x <= c - 1/2 - (w - 1)/2:  0      x > c - 1/2 + (w - 1)/2:  1      else (x - c + 1/2) / (w - 1) + 1/2
    LINEAR_EXACT  x <= c - w/2:              0      x > c + w/2:              1      else (x - c) / w + 1/2
    SIGMOID       1 / (1 + exp(-4 (x - c) / w))
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_WIDTH = {"LINEAR": 1.0, "LINEAR_EXACT": 0.0, "SIGMOID": 0.0}
"""For each function, its least width; a width of 0 is never legal."""


def windowed(values: NDArray[np.float64], centre: float, width: float, function: str) -> NDArray[np.float64]:
    """Return values in [0, 1], of the same shape.

    `values` are rescaled, of any shape; `centre` and `width` are Window Center and Window Width; `function`, the VOI
    LUT Function, is LINEAR, LINEAR_EXACT or SIGMOID.
    """
    least = LEAST_WIDTH.get(function)
    if least is None:
        raise ValueError(f"its VOI LUT Function is {function!r}, not one of {', '.join(LEAST_WIDTH)}")
    if not (np.isfinite(centre) and np.isfinite(width) and width >= least and width > 0):
        raise ValueError(f"its window has centre {centre:g} and width {width:g}, which {function} does not allow")
    if function == "SIGMOID":
        return 1 / (1 + np.exp(np.clip(-4 * (values - centre) / width, -700, 700)))
    if function == "LINEAR":
        centre, width = centre - 0.5, width - 1
    if width == 0:
        return (values > centre).astype(np.float64)
    return np.clip((values - centre) / width + 0.5, 0, 1)
