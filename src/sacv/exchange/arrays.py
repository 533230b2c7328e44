"""Banks and explanations as plain numpy arrays with names, in memory or in one `.npz` file.

Of a bank: `layers` and `concepts`, names; for each CAV `LAYER/CONCEPT/vector` and `LAYER/CONCEPT/detector`, float64
`(channels,)`, and, as single numbers, `threshold`, `separation` and `auroc`. Of an explanation: `layers`,
`concepts` and `images`, names; the arrays of its `maps.safetensors` under the same names
(`sacv.maps.explanation_files`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

import numpy as np

from sacv.cav import ConceptBank
from sacv.errors import StorageError
from sacv.files import Array
from sacv.maps import Explanation

Result: TypeAlias = ConceptBank | Explanation


def to_arrays(result: Result) -> dict[str, Array]:
    """Return the CAVs of a bank, or the maps of an explanation, as arrays by name; see `sacv.exchange.arrays`.

    Arrays of maps stay on disk until they are used.
    """
    named: dict[str, Array] = {"layers": np.array(list(result.layers)), "concepts": np.array(result.concepts)}
    if isinstance(result, ConceptBank):
        for cav in result.cavs:
            found = {
                "vector": cav.vector,
                "detector": cav.detector,
                "threshold": np.float64(cav.threshold),
                "separation": np.float64(cav.separation),
                "auroc": np.float64(cav.quality.auroc),
            }
            named |= {f"{cav.layer}/{cav.concept}/{name}": np.asarray(value) for name, value in found.items()}
        return named
    named["images"] = np.array([image.path for image in result.images])
    for layer, maps in result.maps.items():
        named |= maps.arrays(layer)
    return named


def save_npz(result: Result, file: str | Path) -> None:
    """Write the arrays of `to_arrays` as one file, for `numpy.load`; nothing in it is pickled.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    arrays = to_arrays(result)
    try:
        with Path(file).open("wb") as opened:
            np.savez(opened, allow_pickle=False, **arrays)
    except OSError as error:
        raise StorageError(f"{file} cannot be written: {error.strerror or error}; name another file") from error
