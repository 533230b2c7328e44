"""Convert the objects of a bank to the named arrays of its files, and back."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sacv.cav.image_scores import ImageScores
from sacv.cav.presence import GIVEN, HELD_OUT, NONE, Presence
from sacv.cav.random_runs import DrawnCAVs
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cav.strata import Association
from sacv.cav.vector import CAV, STORED_NAMES, Quality
from sacv.files import Array
from sacv.stats import LocationSample, Moments

IMAGE_SCORES = ("directions", "scores", "fold", "shows", "group")


def null_name(cav: CAV) -> str:
    """Return the array name of the null CAVs. It depends on their content, so that concepts can share the arrays."""
    return f"{cav.layer}/null/{hash_of(cav.null)}"


def hash_of(drawn: DrawnCAVs) -> str:
    """Return a short hash of the content."""
    return hashlib.sha256(drawn.vectors.tobytes() + drawn.thresholds.tobytes()).hexdigest()[:16]


def pack_cavs(cavs: Sequence[CAV]) -> dict[str, Array]:
    """Return the arrays of CAVs."""
    arrays: dict[str, Array] = {}
    for cav in cavs:
        name = f"{cav.layer}/{cav.concept}"
        arrays |= {name: cav.vector, f"{name}/evidence": cav.evidence}
        if len(cav.presence):
            arrays[f"{name}/presence"] = cav.presence.maxima
        if cav.presence.shares is not None:
            arrays[f"{name}/presence_shares"] = cav.presence.shares
        if cav.presence.direction is not None:
            arrays[f"{name}/presence_direction"] = cav.presence.direction
        if cav.own_detector is not None:
            arrays[f"{name}/detector"] = cav.own_detector
        if cav.image_scores is not None:
            arrays |= {f"{name}/image_scores/{what}": getattr(cav.image_scores, what) for what in IMAGE_SCORES}
        named = {f"{name}/runs": cav.runs, null_name(cav): cav.null, f"{name}/dealt": cav.permuted}
        for prefix, drawn in named.items():
            if drawn is not None:
                arrays |= _pack_drawn(prefix, drawn)
    return arrays


def _pack_drawn(prefix: str, drawn: DrawnCAVs) -> dict[str, Array]:
    arrays = {
        f"{prefix}/vectors": drawn.vectors,
        f"{prefix}/thresholds": drawn.thresholds,
        f"{prefix}/separations": drawn.separations,
    }
    return arrays if drawn.spreads is None else arrays | {f"{prefix}/spreads": drawn.spreads}


def unpack_cavs(bank: Mapping[str, Any], arrays: Mapping[str, Array], channels: Mapping[str, int]) -> tuple[CAV, ...]:
    """Return the CAVs from labels checked by `sacv.cav.labels` and arrays. Invalid arrays raise ValueError."""
    labels, runs, chance = bank["cavs"], (bank["runs"] - 1,), (0, bank["nulls"])
    nulls = {entry["null"]: _drawn(entry["null"], arrays, channels[entry["layer"]], chance) for entry in labels}
    found = []
    for entry in labels:
        layer, concept = entry["layer"], entry["concept"]
        name = f"{layer}/{concept}"
        size = channels[layer]
        detector = f"{name}/detector"
        found.append(
            CAV(
                layer,
                concept,
                _direction(name, arrays, size),
                entry["threshold"],
                entry["separation"],
                _quality(entry["quality"]),
                _array(f"{name}/evidence", arrays, (101,), np.float64, ascending=True),
                _drawn(f"{name}/runs", arrays, size, runs),
                nulls[entry["null"]],
                entry["statistics"],
                _direction(detector, arrays, size) if detector in arrays else None,
                _drawn(f"{name}/dealt", arrays, size, chance) if f"{name}/dealt/vectors" in arrays else None,
                _presence(f"{name}/presence", entry.get("presence"), arrays, size),
                _image_scores(f"{name}/image_scores", entry.get("image_scores"), arrays, size),
            )
        )
    return tuple(found)


def _array(
    name: str,
    arrays: Mapping[str, Array],
    shape: tuple[int | None, ...],
    dtype: type[Any],
    *,
    least: float = -np.inf,
    below: float = np.inf,
    ascending: bool = False,
) -> Array:
    """Return the named array after checking its shape, dtype and range. None in `shape` means any length."""
    if name not in arrays:
        raise ValueError(f"{name} is missing")
    array = arrays[name]
    fits = array.ndim == len(shape) and all(
        size in (None, found) for size, found in zip(shape, array.shape, strict=True)
    )
    if not fits or not np.issubdtype(array.dtype, dtype):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        raise ValueError(f"{name} is {array.dtype} of shape {array.shape}, not {dtype.__name__} of shape ({wanted})")
    wrong = array[~(np.isfinite(array) & (array >= least) & (array < below))]
    if len(wrong):
        limits = "" if least == -np.inf else f" of at least {least:g}"
        limits += "" if below == np.inf else f" and below {below:g}"
        raise ValueError(f"{name} holds {wrong[0]}; its values must be finite numbers{limits}")
    if ascending and np.any(array[1:] < array[:-1]):
        raise ValueError(f"{name} is not ascending")
    return array


def _direction(name: str, arrays: Mapping[str, Array], channels: int) -> Array:
    array = _array(name, arrays, (channels,), np.float64)
    if not abs(float(np.linalg.norm(array)) - 1) < 1e-9:
        raise ValueError(f"{name} has norm {np.linalg.norm(array)}, not 1")
    return array


def _presence(name: str, label: Mapping[str, Any] | None, arrays: Mapping[str, Array], channels: int) -> Presence:
    if label is None:  # older banks have no presence mask
        return Presence.without(NONE)
    has_images, offered, negatives = label["kind"] in (GIVEN, HELD_OUT), label["offered"], label.get("negatives", 0)
    if name not in arrays and not offered:
        return Presence.without(label["kind"])
    maxima = _array(name, arrays, (None,), np.float32, ascending=True)
    if not has_images or offered < len(maxima) + negatives:
        raise ValueError(
            f"{name} is of {len(maxima) + negatives} images, but bank.json lists {offered} of kind {label['kind']!r}"
        )
    direction = f"{name}_direction"
    if not negatives and direction in arrays:
        raise ValueError(f"{direction} exists, but bank.json lists no hard negatives")
    learned = _direction(direction, arrays, channels) if negatives else None
    shares = f"{name}_shares"
    shared = _shares(shares, arrays, len(maxima)) if shares in arrays else None
    return Presence(maxima, label["kind"], offered, negatives, learned, shared)


def _shares(name: str, arrays: Mapping[str, Array], images: int) -> Array:
    found = _array(name, arrays, (images,), np.float64, least=0, below=1 + 1e-12)
    whole = float(found.sum())
    if np.any(found == 0) or abs(whole - max(round(whole), 1)) > 1e-6:
        raise ValueError(
            f"{name} holds {found.min()} and sums to {whole}; shares of groups are above 0 and sum to a whole number"
        )
    return found


def _drawn(name: str, arrays: Mapping[str, Array], channels: int, counts: Sequence[int]) -> DrawnCAVs:
    vectors = _array(f"{name}/vectors", arrays, (None, channels), np.float64)
    if len(vectors) not in counts:
        raise ValueError(f"{name} has {len(vectors)} CAVs, but bank.json lists {' or '.join(map(str, counts))}")
    lengths = np.linalg.norm(vectors, axis=1)
    if np.any((np.abs(lengths - 1) > 1e-9) & (lengths != 0)):  # a zero vector: the permuted sets do not differ
        raise ValueError(f"{name}/vectors has norms of {lengths.min()} to {lengths.max()}, not 1")
    count = (len(vectors),)
    return DrawnCAVs(
        vectors,
        _array(f"{name}/thresholds", arrays, count, np.float64),
        _array(f"{name}/separations", arrays, count, np.float64),
        _array(f"{name}/spreads", arrays, count, np.float64, least=0) if f"{name}/spreads" in arrays else None,
    )


def _image_scores(
    name: str, label: Mapping[str, Any] | None, arrays: Mapping[str, Array], channels: int
) -> ImageScores | None:
    if label is None:
        return None
    count = label["pictures"]
    directions = _array(f"{name}/directions", arrays, (None, channels), np.float64)
    lengths = np.linalg.norm(directions, axis=1)
    if not len(lengths) or np.any(np.abs(lengths - 1) > 1e-9):
        raise ValueError(f"{name}/directions has norms that are not 1, or none")
    found = ImageScores(
        directions,
        _array(f"{name}/scores", arrays, (count,), np.float32),
        _array(f"{name}/fold", arrays, (count,), np.int64, least=0, below=len(directions)),
        _array(f"{name}/shows", arrays, (count,), np.bool_),
        _array(f"{name}/group", arrays, (count,), np.int64, least=0),
        label["left_out"],
    )
    if found.shows.all() or not found.shows.any():
        raise ValueError(f"{name}/shows is the same for all images; some must show the concept and some must not")
    return found


def _quality(fields: Mapping[str, Any]) -> Quality:
    names = ("accuracy_interval", "auroc_interval", "absent", "image_score_interval")
    pairs = {name: tuple(fields[name]) for name in names if name in fields}
    strata = tuple(Association.from_json(one) for one in fields.get("strata", ()))
    stored = {**fields, **pairs, "strata": strata}
    return Quality(**{name: stored.pop(key) for name, key in STORED_NAMES.items() if key in stored}, **stored)


def pack_statistics(name: str, found: SetStatistics) -> dict[str, Array]:
    """Return the arrays of the statistics of a set at a layer."""
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


def unpack_statistics(
    name: str, arrays: Mapping[str, Array], channels: int, images: int | None = None
) -> SetStatistics:
    """Undo `pack_statistics`. `images` is the expected number of units. Invalid arrays raise ValueError."""
    upper = np.triu_indices(channels)
    counts = _array(f"{name}/count", arrays, (None,), np.floating, least=0)
    if not counts.any():
        raise ValueError(f"{name}/count is 0 in every fold")
    means = _array(f"{name}/mean", arrays, (len(counts), channels), np.float64)
    triangles = _array(f"{name}/scatter", arrays, (len(counts), len(upper[0])), np.float64)
    folds = []
    for count, mean, triangle in zip(counts, means, triangles, strict=True):
        scatter = np.zeros((channels, channels))
        scatter[upper] = triangle
        folds.append(Moments(float(count), mean, scatter + np.triu(scatter, 1).T))
    units = unpack_means(name, arrays, channels, images)
    vectors = _array(f"{name}/sample_vectors", arrays, (None, channels), np.floating)
    return SetStatistics(
        tuple(folds),
        _array(f"{name}/image_fold", arrays, (len(units.means),), np.integer, least=0, below=len(folds)),
        units,
        LocationSample(
            vectors,
            _array(f"{name}/sample_image", arrays, (len(vectors),), np.integer, least=0, below=len(units.means)),
            _array(f"{name}/sample_weights", arrays, (len(vectors),), np.floating, least=0),
        ),
    )


def pack_means(name: str, images: ImageMeans) -> dict[str, Array]:
    """Return the arrays of the means of units."""
    return {
        f"{name}/image_means": images.means,
        f"{name}/image_weights": images.weights,
        f"{name}/image_sizes": images.sizes,
    }


def unpack_means(name: str, arrays: Mapping[str, Array], channels: int, images: int | None) -> ImageMeans:
    """Undo `pack_means`. `images` is the expected number of units. Invalid arrays raise ValueError."""
    means = _array(f"{name}/image_means", arrays, (images, channels), np.float64)
    weights = _array(f"{name}/image_weights", arrays, (len(means),), np.float64, least=0)
    sizes = f"{name}/image_sizes"
    if sizes not in arrays:  # older banks have one image for each unit
        return ImageMeans.single(means, weights)
    return ImageMeans(means, weights, _array(sizes, arrays, (len(means),), np.int64, least=1))
