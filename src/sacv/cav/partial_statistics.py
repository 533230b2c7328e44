"""Partial result of the pass over some images: sums, means and samples by layer and set, and their arrays on disk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sacv.cav.image_statistics import STATISTICS
from sacv.files import Array
from sacv.stats import BoundedSample, Float64, Moments, MomentSums


@dataclass
class PartialStatistics:
    """Partial statistics of one layer and set; means and samples by unit."""

    folds: dict[int, MomentSums] = field(default_factory=dict)
    means: dict[int, Float64] = field(default_factory=dict)
    weights: dict[int, float] = field(default_factory=dict)
    sample: dict[int, BoundedSample] = field(default_factory=dict)

    def add_mean(self, unit: int, mean: Float64, weight: float) -> None:
        """Add the mean of an image, with the sum of its weights, to that of its unit."""
        if unit in self.means:
            weight += self.weights[unit]
            mean = mean + (self.means[unit] - mean) * (self.weights[unit] / weight)
        self.means[unit], self.weights[unit] = mean, weight

    def add_sample(self, unit: int, sample: BoundedSample, most: int) -> None:
        """Add the sampled locations of an image to those of its unit, of which at most `most` are stored."""
        self.sample[unit] = self.sample[unit].join(sample, most) if unit in self.sample else sample

    def sums(self, number: int, channels: int) -> MomentSums:
        """Return the sums of a fold."""
        if number not in self.folds:
            self.folds[number] = MomentSums(channels)
        return self.folds[number]


@dataclass
class State:
    """Partial result of the pass over some images.

    Parameters
    ----------
    partial
        Partial statistics by layer and set.
    image_statistics
        By set and unit, float64 `(4,)`: sum of the image statistics, and number of images; for images in no set by -1
        and the index of the image.
    activations
        By layer and index of the image, the activations of the images whose activations are stored.
    """

    partial: dict[tuple[str, int], PartialStatistics] = field(default_factory=dict)
    image_statistics: dict[tuple[int, int], Float64] = field(default_factory=dict)
    activations: dict[tuple[str, int], NDArray[np.floating]] = field(default_factory=dict)

    def add_image_statistics(self, key: tuple[int, int], found: Float64) -> None:
        """Add image statistics."""
        self.image_statistics[key] = self.image_statistics.get(key, 0.0) + found

    def pack(self, layers: Sequence[str]) -> dict[str, Array]:
        """Return the partial result as arrays; keys contain the index of the layer."""
        arrays: dict[str, Array] = {
            "looks/keys": np.array(list(self.image_statistics), dtype=np.int64).reshape(-1, 2),
            "looks/values": np.array(list(self.image_statistics.values())).reshape(-1, len(STATISTICS) + 1),
        }
        for (layer, item), values in self.activations.items():
            arrays[f"kept/{layers.index(layer)}/{item}"] = values
        for (layer, number), partial in self.partial.items():
            arrays |= _packed(f"sets/{layers.index(layer)}/{number}", partial)
        return arrays

    @classmethod
    def unpack(cls, arrays: Mapping[str, Array], layers: Sequence[str]) -> State:
        """Undo `pack`."""
        found = cls()
        keys = arrays["looks/keys"].tolist()
        found.image_statistics = {
            (first, second): row for (first, second), row in zip(keys, arrays["looks/values"], strict=True)
        }
        for name, values in arrays.items():
            kind, layer, number, *what = name.split("/") if not name.startswith("looks/") else ("looks", "", "")
            if kind == "kept":
                found.activations[layers[int(layer)], int(number)] = values
            elif what == ["units"]:
                found.partial[layers[int(layer)], int(number)] = _unpacked(f"sets/{layer}/{number}", arrays)
        return found


def _packed(name: str, partial: PartialStatistics) -> dict[str, Array]:
    units = list(partial.means)
    arrays: dict[str, Array] = {
        f"{name}/units": np.array(units, dtype=np.int64),
        f"{name}/means": np.array([partial.means[unit] for unit in units]),
        f"{name}/weights": np.array([partial.weights[unit] for unit in units], dtype=np.float64),
    }
    for number, sums in partial.folds.items():
        moments = sums.moments()
        upper = moments.scatter[np.triu_indices(moments.channels)]
        arrays[f"{name}/folds/{number}"] = np.concatenate([[moments.count], moments.mean, upper])
    if partial.sample:
        samples = [partial.sample[unit] for unit in units]
        arrays[f"{name}/sample/sizes"] = np.array([len(sample.weights) for sample in samples], dtype=np.int64)
        for what in ("vectors", "weights", "keys"):
            arrays[f"{name}/sample/{what}"] = np.concatenate([getattr(sample, what) for sample in samples])
    return arrays


def _unpacked(name: str, arrays: Mapping[str, Array]) -> PartialStatistics:
    units: list[int] = arrays[f"{name}/units"].tolist()
    means, weights = arrays[f"{name}/means"], arrays[f"{name}/weights"].tolist()
    rows = [row.copy() for row in means]
    found = PartialStatistics({}, dict(zip(units, rows, strict=True)), dict(zip(units, weights, strict=True)))
    channels = means.shape[1]
    prefix = f"{name}/folds/"
    for key in sorted(key for key in arrays if key.startswith(prefix)):
        values = arrays[key]
        scatter = np.zeros((channels, channels))
        scatter[np.triu_indices(channels)] = values[1 + channels :]
        moments = Moments(float(values[0]), values[1 : 1 + channels], scatter + np.triu(scatter, 1).T)
        found.sums(int(key.removeprefix(prefix)), channels).join(moments)
    if f"{name}/sample/sizes" in arrays:
        ends = np.cumsum(arrays[f"{name}/sample/sizes"])[:-1]
        parts = (np.split(arrays[f"{name}/sample/{what}"], ends) for what in ("vectors", "weights", "keys"))
        found.sample = {
            unit: BoundedSample(*(values.copy() for values in part)) for unit, *part in zip(units, *parts, strict=True)
        }
    return found
