"""The folder of an explanation, written without holding all images in memory.

`explanation.json`
    Number of images, concepts, layers, target, settings, notes, `format_version`; the images that are listed (all, if
    there are no more than 24), with their scores; and the provenance.
`images.parquet`
    A row for each image: its size, the part that the network saw, target, logit and prediction.
`scores.parquet`
    A row for each layer, concept and image, as `Explanation.scores` returns them.
`maps.safetensors`
    `LAYER/relevance` and `LAYER/contribution`: float32 `(images, concepts, *grid)`, in the order of the tables.
    `LAYER/relevance_significant` and `LAYER/contribution_significant`, bool, if the bank has null CAVs.
    `LAYER/present/CONCEPT`, bool `(images, *grid)`, and `LAYER/p_value/CONCEPT`, float64 `(images,)`, if the presence
    mask of the concept is calibrated. `LAYER/inside`, bool `(images, *grid)`: the locations that count, if the images
    are explained within masks; relevance and contribution are of all locations, the masks of those that count.
    `safetensors.safe_open(...).get_slice(NAME)[number]` reads a single image.
`pictures/NUMBER.jpg`
    The part that the network saw of the images in the report; for volumes `NUMBER-PLANE-SLICE.jpg`.
`index.html`
    The report, with everything inline, of the images chosen by `sacv.maps.listing`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sacv.files import Array, Streamed, stream_arrays, write_folder, write_json
from sacv.maps.display_images import save_display_image
from sacv.maps.score_rows import score_rows
from sacv.maps.tables import IMAGES, image_row, scores_schema, write_table
from sacv.maps.viewer_data import build_viewer_data
from sacv.maps.views import chunks
from sacv.viewer import write_page

if TYPE_CHECKING:
    from sacv.maps.explanation import Explanation

FORMAT_VERSION = 8
KIND = "explanation"
MARKER = "explanation.json"
PICTURES = "pictures"


def label_fields(explanation: Explanation) -> dict[str, Any]:
    """Return the fields of the label file; see `Explanation.to_json`."""
    shown = explanation.subset(explanation.listed)
    return {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "count": len(explanation.images),
        "numbers": list(explanation.listed),
        "images": [asdict(image) for image in shown.images],
        "concepts": list(explanation.concepts),
        "settings": dict(explanation.settings),
        **explanation.provenance,
        "scores": [
            {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in row.items()}
            for row in shown.scores().to_dict(orient="records")
        ],
        "within": None if explanation.within is None else explanation.within.to_json(),
        "notes": [asdict(note) for note in explanation.notes],
        "skipped": [asdict(entry) for entry in explanation.image_set.skipped],
    }


def save_explanation(explanation: Explanation, folder: Path) -> None:
    """Write an explanation as a folder; see `Explanation.save`."""

    def fill(fresh: Path) -> None:
        numbers, pictures = explanation.report_images()
        (fresh / PICTURES).mkdir()
        for number, one in zip(numbers, pictures, strict=True):
            save_display_image(fresh / PICTURES, number, one)
        drawn = [{"number": number, **one.labels()} for number, one in zip(numbers, pictures, strict=True)]
        write_json(fresh / MARKER, label_fields(explanation) | {"drawn": drawn})
        stream_arrays(fresh / "maps.safetensors", _streamed(explanation))
        images = ([image_row(image) for image in explanation.images[some]] for some in chunks(len(explanation.images)))
        write_table(fresh / "images.parquet", IMAGES, images)
        write_table(fresh / "scores.parquet", scores_schema(_columns(explanation)), score_rows(explanation))
        write_page(fresh / "index.html", build_viewer_data([explanation], numbers, pictures))

    write_folder(folder, MARKER, fill)


def _columns(explanation: Explanation) -> list[str]:
    first = explanation.subset([0])
    return list(dict.fromkeys(name for rows in score_rows(first) for row in rows for name in row))


def _streamed(explanation: Explanation) -> dict[str, Streamed]:
    def pieces(layer: str, name: str) -> Iterator[Array]:
        for some in chunks(len(explanation.images)):
            yield explanation.maps[layer].arrays(layer)[name][some]

    return {
        name: Streamed(values.dtype, values.shape, partial(pieces, layer, name))
        for layer, maps in explanation.maps.items()
        for name, values in maps.arrays(layer).items()
    }
