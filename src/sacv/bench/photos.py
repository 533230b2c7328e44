"""T7: texture guidance on real photos of zebras, against hand-drawn masks.

A folder of real material is needed (`SACV_REAL_DATA`, by default ../shared/real): a network, guidance textures, photos
and masks. The layer is the one that the advice names for guidance alone; nothing is chosen on the photos.
"""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sacv.bench.baselines import activation_norm, edge_strength, grad_cam
from sacv.bench.metrics import PLACE_METRICS, coverage, read_mask
from sacv.bench.place import OURS, PAPER
from sacv.bench.tables import Table, row, table_of
from sacv.cav import ConceptBank, fit
from sacv.concepts import image_set
from sacv.maps import explain
from sacv.model import VisionModel, load_model
from sacv.solvers import Logistic, MeanDifference, Solver
from sacv.trust.advice import advise

TARGET, CONCEPT = "zebra", "striped"
CANDIDATES = tuple(f"features.{number}" for number in (3, 4, 5, 7, 8, 9, 10, 12))
SOLVERS: dict[str, Solver | None] = {OURS: None, "SACV, MeanDifference": MeanDifference(), PAPER: Logistic()}
MEAN = "mean of photos"
LAST = "features.12"
"""Where Grad-CAM is read: the last convolutional block, as its paper says."""

Map = NDArray[np.floating]


def real_data() -> Path | None:
    """Give the folder of real material, or none where there is none."""
    folder = Path(os.environ.get("SACV_REAL_DATA", "../shared/real"))
    return folder if (folder / "squeezenet.py").is_file() else None


def photos(seed: int) -> Table | None:
    """Measure T7; none where there is no real material."""
    folder = real_data()
    if folder is None:
        return None
    names = json.loads((folder / "imagenet_classes.json").read_text(encoding="utf-8"))
    model = load_model(f"{folder / 'squeezenet.py'}:load", class_names=names)
    layer = advise(model, _bank(model, folder, CANDIDATES, None, seed))[0].layer
    rows: list[dict[str, object]] = []
    for rival, maps in _maps(model, folder, layer, seed).items():
        found = _measured(model, folder, maps)
        for metric, values in found.items():
            rows += [row(f"photo {number}", rival, metric, value, 1) for number, value in enumerate(values)]
            rows.append(row(MEAN, rival, metric, float(np.mean(values)), len(values)))
    return table_of(
        "T7",
        "Does texture guidance find the zebras in real photos?",
        f"SqueezeNet 1.0 at {layer}, the layer that the advice names for guidance alone: relevance of striped textures "
        "against hand-drawn masks of zebras.",
        rows,
    )


def _bank(model: VisionModel, folder: Path, layers: tuple[str, ...], solver: Solver | None, seed: int) -> ConceptBank:
    guidance = folder / "guidance"
    others = [guidance / name for name in ("dotted", "chequered", "other")]
    return fit(model, layers, {CONCEPT: guidance / CONCEPT}, others, solver=solver, runs=2, nulls=0, seed=seed)


def _maps(model: VisionModel, folder: Path, layer: str, seed: int) -> dict[str, Map]:
    pictures = folder / "photos" / TARGET
    maps: dict[str, Map] = {}
    for rival, solver in SOLVERS.items():
        bank = _bank(model, folder, (layer,), solver, seed)
        maps[rival] = explain(model, pictures, bank, TARGET, checks=False, allow_weak=True).relevance(layer, CONCEPT)
    items = list(image_set(TARGET, pictures))
    inputs = model.inputs([item.load() for item in items])
    index = model.class_index(TARGET, model.logits(inputs).shape[1])
    trace = model.trace(inputs, [layer, LAST], [partial(torch.select, dim=1, index=index)])
    cells = trace.activations[layer].cells.numpy()
    maps["Grad-CAM of the class"] = grad_cam(trace.activations[LAST].cells.numpy(), trace.gradients[0][LAST].numpy())
    maps["activation norm"] = activation_norm(cells)
    maps["edge strength"] = np.stack(
        [
            edge_strength(
                Image.open(item.name).convert("RGB"), (cells.shape[1], cells.shape[2]), model.seen(item.load())[1]
            )
            for item in items
        ]
    )
    return maps


def _measured(model: VisionModel, folder: Path, maps: Map) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {metric.name: [] for metric in PLACE_METRICS}
    masks = sorted((folder / "masks" / TARGET).iterdir())
    for item, path, values in zip(image_set(TARGET, folder / "photos" / TARGET), masks, maps, strict=True):
        shares = coverage(read_mask(str(path)), (values.shape[0], values.shape[1]), model.seen(item.load())[1])
        for metric in PLACE_METRICS:
            found[metric.name].append(metric.value(values, shares))
    return found
