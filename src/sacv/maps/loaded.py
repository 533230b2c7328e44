"""Read an explanation from its folder; maps are mapped into memory, and read when they are used."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from sacv.concepts import ImageItem, ImageSet, Skipped
from sacv.errors import CorruptFileError, UnreadableImageError
from sacv.files import Array
from sacv.maps.display_images import DisplayImage, load_display_image
from sacv.maps.images import ExplainedImage
from sacv.maps.layer_maps import LayerMaps, MapsByLayer
from sacv.maps.reliability import FIELDS, Checks, from_table
from sacv.maps.within import ExplainedWithin

ORIGIN = ("input_shape", "layers", "cavs", "model", "solver", "facts")
"""Keys of the provenance in the label file (`sacv.maps.provenance`)."""

KINDS: Mapping[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8"), "BOOL": np.dtype(np.bool_)}


@contextmanager
def corrupt_on_error(folder: Path) -> Iterator[None]:
    """Turn errors about the contents of a folder into `CorruptFileError`."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, OSError) as error:  # of JSON, of Parquet, of missing files
        raise CorruptFileError(
            f"{folder} is a damaged explanation: {error}; restore the folder, or run explain again"
        ) from error


def load_parts(folder: Path, labels: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of an explanation that lie in its folder."""
    concepts, layers = _texts(labels["concepts"]), _texts(labels["layers"])
    known = {(cav["layer"], cav["concept"]): cav["presence"]["told"] for cav in labels["cavs"]}
    missing = [(layer, concept) for layer in layers for concept in concepts if (layer, concept) not in known]
    if missing or not {"target", "method"} <= set(labels["settings"]):
        raise ValueError(f"the labels lack {', '.join(map(str, missing)) or 'target and method'}")
    images = [_image(row) for row in pq.read_table(folder / "images.parquet").to_pylist()]
    items = tuple(ImageItem(one.path, partial(_gone, one.path), partial(_gone, one.path)) for one in images)
    pictures: list[DisplayImage | None] = [None] * len(images)
    for one in labels["drawn"]:
        pictures[one["number"]] = load_display_image(folder / "pictures", one["number"], one)
    return {
        "images": images,
        "concepts": concepts,
        "maps": MapsByLayer(layers, partial(_layer_maps, _mapped(folder / "maps.safetensors"), concepts)),
        "checks": _lines(folder, layers, len(concepts), len(images)),
        "image_set": ImageSet("the images explained", items, tuple(Skipped(**entry) for entry in labels["skipped"])),
        "settings": labels["settings"],
        "within": None if labels["within"] is None else ExplainedWithin.from_json(labels["within"]),
        "origin": {name: labels[name] for name in ORIGIN},
        "display_images": pictures,
    }


def _texts(names: Iterable[Any]) -> tuple[str, ...]:
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{name!r} is not a name")
    return tuple(names)


def _gone(path: str) -> NoReturn:
    raise UnreadableImageError(f"{path} is not read again for a saved explanation; load the image yourself")


def _image(row: Mapping[str, Any]) -> ExplainedImage:
    sides = tuple(row[side] for side in ("left", "top", "right", "bottom"))
    names = ("path", "target", "target_name", "logit", "predicted", "predicted_name", "in_fit")
    values = {name: row[name] for name in names}
    region = None if sides[0] is None else sides
    return ExplainedImage(**values, size=(row["width"], row["height"]), region=region, probability=row["probability"])


def _mapped(file: Path) -> dict[str, Array]:
    """Return the arrays of a safetensors file, mapped into memory."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length))
    found = {}
    for name, entry in header.items():
        shape, (start, end) = tuple(entry["shape"]), entry["data_offsets"]
        kind = KINDS[entry["dtype"]]
        if end - start != kind.itemsize * int(np.prod(shape)) or 8 + length + end > file.stat().st_size:
            raise ValueError(f"{file.name} ends before {name}")
        found[name] = np.asarray(np.memmap(file, kind, "c", 8 + length + start, shape))
    return found


def _layer_maps(arrays: Mapping[str, Array], concepts: Sequence[str], layer: str) -> LayerMaps:
    named = {name.removeprefix(f"{layer}/"): values for name, values in arrays.items() if name.startswith(f"{layer}/")}
    return LayerMaps.from_arrays(named, {concept: concept for concept in concepts})


def _lines(
    folder: Path, layers: Sequence[str], concepts: int, images: int
) -> dict[str, list[tuple[Checks, ...]]] | None:
    """Return the reliability checks from the scores, if there are any; rows are by layer, concept and image."""
    file = pq.ParquetFile(folder / "scores.parquet")
    if FIELDS[0] not in file.schema_arrow.names:
        return None
    table: pd.DataFrame = file.read(columns=list(FIELDS)).to_pandas()
    values = table.to_numpy(dtype=np.float64, na_value=np.nan).reshape(len(layers), concepts, images, len(FIELDS))
    return {layer: [from_table(row) for row in one.swapaxes(0, 1)] for layer, one in zip(layers, values, strict=True)}
