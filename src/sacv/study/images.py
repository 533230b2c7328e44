"""The top images of a study, read from their explanations and drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sacv.files import Array, read_arrays, read_json
from sacv.maps.explanation_files import FORMAT_VERSION, KIND, MARKER
from sacv.maps.explanations import FORMAT_VERSION as TARGETS_VERSION
from sacv.maps.explanations import KIND as TARGETS_KIND
from sacv.maps.explanations import MARKER as TARGETS_MARKER
from sacv.maps.planes import image_seen
from sacv.model import VisionModel
from sacv.report import StudyImage
from sacv.study.pipeline import TopImage
from sacv.viewer import fragment


def read_images(
    out: Path, explained: Mapping[str, Path], top: Mapping[str, Sequence[TopImage]], targets: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the figures of each top image, for its concept and each target, with a link to its explanation.

    `out` is the folder of the study; by class, `explained` are the folders of its explanations and `top` its top
    images. The targets, in words, are in the order in which they were explained.
    """
    found = []
    for name, folder in explained.items():
        listed = read_json(folder / TARGETS_MARKER, kind=TARGETS_KIND, format_version=TARGETS_VERSION)["targets"]
        for entry, target in zip(listed, targets, strict=True):
            where = folder / entry["folder"]
            scores = pd.read_parquet(where / "scores.parquet")
            images = {one["path"]: one for one in _label(where)["images"]}
            for one in top[name]:
                of = (scores["image"] == one.item.name) & (scores["concept"] == one.concept)
                row = scores[of & (scores["layer"] == one.layer)].iloc[0]
                image = images[one.item.name]
                found.append(
                    {
                        "class": name,
                        "image": one.item.name,
                        "concept": one.concept,
                        "layer": one.layer,
                        "target": target,
                        "page": (where / "index.html").relative_to(out).as_posix(),
                        "fragment": fragment(image=one.item.name, concept=one.concept, layer=one.layer),
                        "value": float(image["logit"]),
                        "predicted": image["predicted_name"],
                        "probability": image["probability"],
                        "sacv_score": float(row["sacv_score"]),
                        "relevant": float(row["relevant"]),
                        "evidence": float(row["evidence"]),
                        "doubts": str(row["doubts"] or ""),
                        "weak": bool(row["weak"]),
                        "labelled": one.labelled,
                    }
                )
    return found


def _label(folder: Path) -> dict[str, Any]:
    return read_json(folder / MARKER, kind=KIND, format_version=FORMAT_VERSION)


def drawn_images(
    model: VisionModel, out: Path, top: Mapping[str, Sequence[TopImage]], read: Sequence[Mapping[str, Any]]
) -> Iterator[StudyImage]:
    """Yield the top images with their maps, in the order of their figures."""
    items = {(name, one.item.name): one.item for name, all_of in top.items() for one in all_of}
    labels: dict[Path, dict[str, Any]] = {}
    arrays: dict[Path, dict[str, Array]] = {}
    for one in read:
        folder = (out / one["page"]).parent
        if folder not in labels:
            labels[folder], arrays[folder] = _label(folder), read_arrays(folder / "maps.safetensors")
        label, maps, layer = labels[folder], arrays[folder], one["layer"]
        row = [image["path"] for image in label["images"]].index(one["image"])
        at = row, label["concepts"].index(one["concept"])
        loaded = items[one["class"], one["image"]].load()
        pixels, region = image_seen(model, loaded, 0.5)
        flat = len(label["layers"][layer]["grid"]) == 2
        inside = maps.get(f"{layer}/inside")
        present = maps.get(f"{layer}/present/{one['concept']}")
        yield StudyImage(
            figures=one,
            pixels=pixels,
            region=region,
            relevance=maps[f"{layer}/relevance"][at] if flat else None,
            contribution=maps[f"{layer}/contribution"][at] if flat else None,
            inside=None if inside is None or not flat else np.asarray(inside[row]),
            present=None if present is None or not flat else np.asarray(present[row]),
        )
