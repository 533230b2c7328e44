"""Create an explanation from the parts of all images."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from functools import partial
from typing import Any

import numpy as np

from sacv.concepts import ImageSet
from sacv.maps.explained_layer import ExplainedLayer
from sacv.maps.explanation import Explanation, Note
from sacv.maps.images import COLUMNS
from sacv.maps.notes import bank_notes, instead, layer_notes
from sacv.maps.reducer import ExplainReducer, Part
from sacv.maps.stored_rows import StoredRows
from sacv.maps.views import chunks, stored_checks, stored_images, stored_maps
from sacv.maps.within import ExplainedWithin
from sacv.targets import Class, Predicted, name_of, names_of


def collect(
    reducers: Sequence[ExplainReducer], parts: Generator[Part | list[Part], None, None]
) -> list[tuple[StoredRows, Part]]:
    """Write the rows of parts to disk, and merge their sums over images, for each target.

    Raises LayerError if a layer's grid changes between parts, and StorageError if there is no room for the rows.
    """
    rows, wholes = [StoredRows() for _ in reducers], [reducer.empty() for reducer in reducers]
    with closing(parts):
        for together in parts:
            for number, part in enumerate(together if isinstance(together, list) else [together]):
                rows[number].append(part.take_rows())
                wholes[number] = reducers[number].merge(wholes[number], part)
    return list(zip(rows, wholes, strict=True))


def finish(
    reducer: ExplainReducer,
    rows: StoredRows,
    whole: Part,
    pictures: ImageSet,
    weak: Mapping[tuple[str, str], Sequence[str]],
    last: range,
) -> Explanation:
    """Return the explanation of all images.

    `whole` are the sums over all images; `weak`, by layer and concept, the quality thresholds that a weak CAV is below;
    `last`, images to try other layers on, if the contribution at a layer is zero or constant.
    """
    for number, found in enumerate(whole.layers.values()):
        _mark(rows, number, found, len(pictures))
    layers, concepts = list(whole.layers), tuple(reducer.bank.concepts)
    maps = stored_maps(rows, layers, concepts)
    grids = {layer: each.grid for layer, each in maps.items()}
    checks = None
    if reducer.checks:
        checks = {layer: stored_checks(rows, f"{number}/checks") for number, layer in enumerate(layers)}
    return Explanation(
        images=stored_images(rows, pictures.items, reducer.model, reducer.aimed),
        concepts=concepts,
        maps=maps,
        checks=checks,
        notes=(
            *([] if (note := reducer.aimed.note) is None else [Note(None, "target", note)]),
            *_notes(reducer, whole, _one_class(rows, len(pictures)), last),
            *bank_notes(reducer.bank, grids, weak, within=reducer.masks is not None),
        ),
        bank=reducer.bank,
        model=reducer.model,
        image_set=pictures,
        settings=_settings(reducer),
        within=None if reducer.masks is None else ExplainedWithin.of(reducer.masks, maps, concepts, len(pictures)),
    )


def _settings(reducer: ExplainReducer) -> dict[str, Any]:
    target, method = reducer.aimed, reducer.method.describe()
    settings = {"target": name_of(reducer.target, names_of(reducer.model))}
    if not isinstance(target, Class | Predicted):
        settings |= {"value": target.value, "identity": repr(target)}
        method["unit"] = method["unit"].replace("logits", target.unit)
    output = {} if reducer.model.output is None else {"output": reducer.model.output}
    return settings | {"method": method} | output


def _mark(rows: StoredRows, number: int, found: ExplainedLayer, images: int) -> None:
    """Add the significance masks, and remove the maps that are needed only for them."""
    limits = [limit for cav in found.cavs if (limit := found.null_maxima.limits(cav)) is not None]
    if len(limits) < len(found.cavs):
        return
    for some in chunks(images):
        position, derivative = (rows.read(f"{number}/{kind}")[some] for kind in ("position", "derivative"))
        relevant = [position[:, at] > limit for at, (limit, _) in enumerate(limits)]
        contributing = [np.abs(derivative[:, at]) > least for at, (_, least) in enumerate(limits)]
        if f"{number}/inside" in rows:
            inside = rows.read(f"{number}/inside")[some]
            relevant, contributing = ([mask & inside for mask in each] for each in (relevant, contributing))
        rows.append(
            {
                f"{number}/relevance_significant": np.stack(relevant, axis=1),
                f"{number}/contribution_significant": np.stack(contributing, axis=1),
            }
        )
    for kind in ("position", "derivative"):
        rows.remove(f"{number}/{kind}")


def _one_class(rows: StoredRows, images: int) -> bool:
    """Return whether there are several images with the same target: one class, or a function."""
    targets = rows.read("images")[:, COLUMNS.index("target")]
    return images > 1 and (bool(np.isnan(targets).all()) or bool((targets == targets[0]).all()))


def _notes(reducer: ExplainReducer, whole: Part, one_class: bool, last: range) -> list[Note]:
    def advice(layer: str) -> str:
        return instead(reducer.model, reducer.load(last).inputs, layer)

    with reducer.running():
        return [
            note
            for layer, found in whole.layers.items()
            for note in layer_notes(layer, found.slopes, one_class, reducer.method, partial(advice, layer))
        ]
