"""The parts of a result that are logged, for every tool: figures by name, images, and a table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.maps import Explanation
from sacv.scores import ClassScores

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Logged: TypeAlias = ConceptBank | Explanation | ClassScores

IMAGES = 8
"""Images of an explanation whose maps are logged, by default."""

_BANK = ("auroc", "image_auroc", "accuracy")
_EXPLANATION = ("relevant", "sacv_score", "contribution_sum")


def table_of(result: Logged) -> tuple[str, pd.DataFrame]:
    """Return the table of a result by name: a bank's `quality`, an explanation's `scores`, a class's `class_scores`."""
    if isinstance(result, ConceptBank):
        return "quality", result.quality()
    return ("scores", result.scores()) if isinstance(result, Explanation) else ("class_scores", result.table)


def figures_of(result: Logged) -> dict[str, float]:
    """Return numbers by name, without those that are missing.

    Of a bank `auroc`, `image_auroc` and `accuracy`, of an explanation the means over its images of `relevant`,
    `sacv_score` and `contribution_sum`, each followed by `/LAYER/CONCEPT`. Of the scores of a class
    `SCORE/TARGET/LAYER/CONCEPT`.
    """
    _, table = table_of(result)
    if isinstance(result, ClassScores):
        names = ["score", "target", "layer", "concept"]
        rows = zip(table[names].astype(str).agg("/".join, axis=1), table["value"], strict=True)
        return {name: float(value) for name, value in rows if np.isfinite(value)}
    columns = list(_BANK if isinstance(result, ConceptBank) else _EXPLANATION)
    means = table.groupby(["layer", "concept"], sort=False)[columns].mean().reset_index()
    return {
        f"{column}/{row['layer']}/{row['concept']}": float(row[column])
        for column in columns
        for row in means.to_dict(orient="records")
        if np.isfinite(row[column])
    }


def map_images(result: Logged, images: int) -> Iterator[tuple[str, NDArray[np.uint8]]]:
    """Yield the maps of the first images that an explanation lists, `(height, width, 3)`, by name.

    An image has a row for each layer and a column for each concept, as `Explanation.figure` draws it.
    """
    if not isinstance(result, Explanation):
        return
    for number in result.listed[:images]:
        for kind in ("relevance", "contribution"):
            yield (
                f"{kind}/{number} {Path(result.images[number].path).name}",
                _drawn(result.figure(image=number, kind=kind)),
            )


def _drawn(figure: Figure) -> NDArray[np.uint8]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())
    return np.ascontiguousarray(pixels[..., :3])
