"""Between a bank's objects and the named arrays of its files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sacv.cav.presence import KINDS, NONE, Presence
from sacv.cav.runs import DrawnCAVs
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cav.vector import CAV, Quality
from sacv.files import Array
from sacv.stats import LocationSample, Moments


def null_name(cav: CAV) -> str:
    """Name the null of a CAV by its content, so that concepts that share one share its arrays."""
    return f"{cav.layer}/null/{hash_of(cav.null)}"


def hash_of(drawn: DrawnCAVs) -> str:
    """Give a short name made of the content."""
    return hashlib.sha256(drawn.vectors.tobytes() + drawn.thresholds.tobytes()).hexdigest()[:16]


def pack_cavs(cavs: Sequence[CAV]) -> dict[str, Array]:
    """Give the arrays of CAVs."""
    arrays: dict[str, Array] = {}
    for cav in cavs:
        name = f"{cav.layer}/{cav.concept}"
        arrays |= {name: cav.vector, f"{name}/evidence": cav.evidence}
        if len(cav.presence):
            arrays[f"{name}/presence"] = cav.presence.maxima
        if cav.own_detector is not None:
            arrays[f"{name}/detector"] = cav.own_detector
        named = {f"{name}/runs": cav.runs, null_name(cav): cav.null, f"{name}/dealt": cav.dealt}
        for place, drawn in named.items():
            if drawn is not None:
                arrays |= _pack_drawn(place, drawn)
    return arrays


def _pack_drawn(place: str, drawn: DrawnCAVs) -> dict[str, Array]:
    arrays = {
        f"{place}/vectors": drawn.vectors,
        f"{place}/thresholds": drawn.thresholds,
        f"{place}/separations": drawn.separations,
    }
    return arrays if drawn.spreads is None else arrays | {f"{place}/spreads": drawn.spreads}


def unpack_cavs(
    labels: Sequence[Mapping[str, Any]], arrays: Mapping[str, Array], channels: Mapping[str, int]
) -> tuple[CAV, ...]:
    """Give the CAVs of labels and arrays; a fault in them is a ValueError, KeyError or TypeError."""
    nulls = {name: _drawn(name, arrays) for name in {entry["null"] for entry in labels}}
    found = []
    for entry in labels:
        layer, concept = entry["layer"], entry["concept"]
        name = f"{layer}/{concept}"
        vector, detector = arrays[name], arrays.get(f"{name}/detector")
        for kind, array in (("vector", vector), ("detector", detector)):
            if array is not None:
                _require_direction(f"{kind} of {concept!r} at {layer!r}", array, channels[layer])
        found.append(
            CAV(
                layer,
                concept,
                vector,
                entry["threshold"],
                entry["separation"],
                _quality(entry["quality"]),
                arrays[f"{name}/evidence"],
                _drawn(f"{name}/runs", arrays),
                nulls[entry["null"]],
                entry["statistics"],
                detector,
                _drawn(f"{name}/dealt", arrays) if f"{name}/dealt/vectors" in arrays else None,
                _presence(entry.get("presence"), arrays.get(f"{name}/presence")),
            )
        )
    return tuple(found)


def _require_direction(what: str, array: Array, channels: int) -> None:
    if array.dtype != np.float64 or array.shape != (channels,):
        raise ValueError(f"{what} is {array.dtype} of shape {array.shape}")
    if not abs(float(np.linalg.norm(array)) - 1) < 1e-9:
        raise ValueError(f"{what} has norm {np.linalg.norm(array)}, not 1")


def _presence(label: Mapping[str, Any] | None, maxima: Array | None) -> Presence:
    if label is None:  # a bank from before there was such a mask
        return Presence.without(NONE)
    if label["kind"] not in KINDS:
        raise ValueError(f"there is no presence of kind {label['kind']!r}")
    if maxima is None:
        return Presence.without(label["kind"])
    if maxima.dtype != np.float32 or maxima.ndim != 1 or np.any(maxima[1:] < maxima[:-1]):
        raise ValueError(f"presence is {maxima.dtype} of shape {maxima.shape}, or not ascending")
    return Presence(maxima, label["kind"], label["offered"])


def _drawn(name: str, arrays: Mapping[str, Array]) -> DrawnCAVs:
    vectors, thresholds, separations = (arrays[f"{name}/{kind}"] for kind in ("vectors", "thresholds", "separations"))
    return DrawnCAVs(vectors, thresholds, separations, arrays.get(f"{name}/spreads"))


def _quality(fields: Mapping[str, Any]) -> Quality:
    pairs = {name: tuple(fields[name]) for name in ("accuracy_interval", "auroc_interval", "absent")}
    return Quality(**{**fields, **pairs})


def pack_statistics(name: str, found: SetStatistics) -> dict[str, Array]:
    """Give the arrays of what a layer says of a set."""
    upper = np.triu_indices(found.folds[0].channels)
    return {
        f"{name}/count": np.array([part.count for part in found.folds]),
        f"{name}/mean": np.stack([part.mean for part in found.folds]),
        f"{name}/scatter": np.stack([part.scatter[upper] for part in found.folds]),
        f"{name}/image_fold": found.image_fold,
        **pack_means(name, found.images),
        f"{name}/sample_vectors": found.sample.vectors,
        f"{name}/sample_image": found.sample.image,
        f"{name}/sample_weights": found.sample.weights,
    }


def unpack_statistics(name: str, arrays: Mapping[str, Array], channels: int) -> SetStatistics:
    """Undo `pack_statistics`."""
    upper = np.triu_indices(channels)
    folds = []
    for count, mean, triangle in zip(
        arrays[f"{name}/count"], arrays[f"{name}/mean"], arrays[f"{name}/scatter"], strict=True
    ):
        scatter = np.zeros((channels, channels))
        scatter[upper] = triangle
        folds.append(Moments(float(count), mean, scatter + np.triu(scatter, 1).T))
    return SetStatistics(
        tuple(folds),
        arrays[f"{name}/image_fold"],
        unpack_means(name, arrays),
        LocationSample(
            arrays[f"{name}/sample_vectors"], arrays[f"{name}/sample_image"], arrays[f"{name}/sample_weights"]
        ),
    )


def pack_means(name: str, images: ImageMeans) -> dict[str, Array]:
    """Give the arrays of the means of images."""
    return {f"{name}/image_means": images.means, f"{name}/image_weights": images.weights}


def unpack_means(name: str, arrays: Mapping[str, Array]) -> ImageMeans:
    """Undo `pack_means`."""
    return ImageMeans(arrays[f"{name}/image_means"], arrays[f"{name}/image_weights"])
