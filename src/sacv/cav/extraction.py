"""Compute the statistics of every layer and set in one pass over the images.

An image that is in several sets is run once. The pass is a reducer over shards (`sacv.engine`). The result of a shard
is the sums, and the means and samples of a bounded number of units (`sacv.cav.membership`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav.blas import blas
from sacv.cav.image_statistics import STATISTICS, image_statistics
from sacv.cav.inside import Counts, counts_of, inside_of
from sacv.cav.membership import Member, Plan
from sacv.cav.partial_statistics import PartialStatistics, State
from sacv.cav.preprocessing import Preprocessing
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.concepts import MaskItem
from sacv.engine import Engine, LocalEngine, Progress, Shard, ShardStore, cut, fold
from sacv.errors import ActivationError
from sacv.files import Array
from sacv.model import VisionModel
from sacv.stats import BoundedSample, Float64, LocationSample, Moments, choose_locations

PART_VERSION = 1
"""Version of the format of a shard's result."""

MOST_SAMPLED = 8192
"""Maximum number of sampled locations of a set, with at least `LEAST_SAMPLED` for each unit."""

LEAST_SAMPLED = 8


class _Sampled(NamedTuple):
    """The sampled locations of an image of a batch, for one of its sets."""

    member: Member
    offset: int
    locations: NDArray[np.int64]
    shares: Float64
    digest: str


@dataclass(frozen=True, eq=False)
class Gathered:
    """Result of the pass.

    Parameters
    ----------
    sets
        Statistics by layer and index of the set.
    means
        Means by layer and index of the set, for sets with `means_only`.
    image_statistics
        For each set, float64 `(units, 3)`: mean image statistics of each unit (`sacv.cav.image_statistics`).
    apart
        By layer, the preprocessed activations `(locations, channels)` of each image in no set.
    apart_statistics
        Image statistics of the images in no set, float64 `(images, 3)`.
    whole
        By layer and hash, the preprocessed activations of the images of sets whose activations are stored.
    """

    sets: Mapping[tuple[str, int], SetStatistics]
    means: Mapping[tuple[str, int], ImageMeans]
    image_statistics: Sequence[Float64]
    apart: Mapping[str, Sequence[NDArray[np.floating]]]
    apart_statistics: Float64
    whole: Mapping[str, Mapping[str, NDArray[np.floating]]]


@dataclass(frozen=True)
class Loaded:
    """A batch: index of its first image, input of the network, and the pixels inside the masks, if there are masks."""

    start: int
    inputs: torch.Tensor
    inside: Counts | None = None


@dataclass(frozen=True)
class Gather:
    """The reducer from batches of images to the statistics of every layer and set.

    Parameters
    ----------
    model, layers
        The model, and names of layers.
    plan
        The images and their memberships.
    preprocessing
        Activation preprocessing.
    locations
        Maximum number of locations sampled from each unit.
    seed
        Random seed of the samples.
    masks
        Mask of each image, by hash; None without masks.
    """

    model: VisionModel
    layers: tuple[str, ...]
    plan: Plan
    preprocessing: Preprocessing
    locations: int
    seed: int
    masks: Mapping[str, MaskItem] | None = None

    @contextmanager
    def running(self) -> Iterator[None]:
        """Prepare the network, and limit the threads of numpy.

        Idle threads of numpy and scipy spin on the processors that torch needs, which slows the network by a third.
        """
        with self.model.frozen(), blas().limit(limits=1):
            yield

    @cached_property
    def _basis(self) -> str:
        return json.dumps(
            [PART_VERSION, self.model.identity(), self.layers, repr(self.preprocessing), self.locations, self.seed]
        )

    def key(self, shard: Shard[range]) -> str:
        """Return a SHA-256 of the settings, and of the shard's images and their memberships."""
        digest = hashlib.sha256(self._basis.encode())
        for piece in shard.pieces:
            digest.update(repr(piece).encode())
            for number in piece:
                image = self.plan.items[number].digest
                digest.update(image.encode())
                if self.masks is not None:
                    digest.update(self.masks[image].digest.encode())
                if number in self.plan.whole:
                    digest.update(b"whole")
                for member in self.plan.members[number]:
                    entry = self.plan.sets[member.set]
                    most = self._most(member.set)
                    digest.update(repr((member.set, member.unit, member.fold, entry.means_only, most)).encode())
                    weights = entry.cover(member.image)
                    for values in () if weights is None else map(weights.__getitem__, self.layers):
                        digest.update(values.tobytes())
        return digest.hexdigest()

    def load(self, piece: range) -> Loaded:
        """Read and transform a batch of images."""
        items = [self.plan.items[number] for number in piece]
        images = [item.load() for item in items]
        inputs = self.model.inputs(images)
        if self.masks is None:
            return Loaded(piece.start, inputs)
        insides = [
            inside_of(self.model, item, image, self.masks[item.digest])
            for item, image in zip(items, images, strict=True)
        ]
        return Loaded(piece.start, inputs, counts_of(insides, tuple(inputs.shape[2:]), "the input"))

    def empty(self) -> State:
        """Return an empty result."""
        return State()

    def add(self, part: State, loaded: Loaded) -> State:
        """Run a batch and add its statistics."""
        members = self.plan.members[loaded.start : loaded.start + len(loaded.inputs)]
        for number, found in enumerate(image_statistics(loaded.inputs, loaded.inside), start=loaded.start):
            counted = np.append(found, 1.0)
            for member in members[number - loaded.start]:
                part.add_image_statistics((member.set, member.unit), counted)
            if not members[number - loaded.start]:
                part.add_image_statistics((-1, number), counted)
        for layer, record in self.model.activations(loaded.inputs, self.layers).items():
            cells = record.cells if record.cells.dtype == torch.float64 else record.cells.float()
            # flatten the grid; channels stay last
            self._add_layer(part, layer, self.preprocessing(cells).flatten(1, -2), loaded.start, members)
        return part

    def _add_layer(
        self, state: State, layer: str, cells: torch.Tensor, start: int, members: Sequence[Sequence[Member]]
    ) -> None:
        """Add the statistics of the activations `(n, locations, channels)` of a batch at a layer."""
        near = _near_mean(cells)
        centred = cells - near
        rests = centred.mean(dim=1).cpu().double().numpy()
        shift = near.cpu().numpy()
        self._require_finite(layer, cells, rests, start)
        sampled: list[_Sampled] = []
        whole: dict[tuple[int, int], list[int]] = {}
        for offset, of_image in enumerate(members):
            if start + offset in self.plan.whole or not of_image:
                state.activations[layer, start + offset] = cells[offset].cpu().numpy().copy()
            for member in of_image:
                entry = self.plan.sets[member.set]
                partial = state.partial.setdefault((layer, member.set), PartialStatistics())
                cover = entry.cover(member.image)
                weights = None if cover is None else cover[layer]
                if weights is None:
                    partial.add_mean(member.unit, rests[offset] + shift, cells.shape[1])
                    if not entry.means_only:
                        whole.setdefault((member.set, member.fold), []).append(offset)
                else:
                    self._add_weighted(partial, member, cells[offset].cpu().numpy(), weights)
                if not entry.means_only:
                    sampled.append(self._sampled(offset, start, member, weights, cells.shape[1]))
        self._add_samples(state, layer, cells, sampled)
        for (number, fold_number), offsets in whole.items():
            contiguous = offsets[-1] - offsets[0] < len(offsets)
            chosen = centred[offsets[0] : offsets[-1] + 1] if contiguous else centred[offsets]
            rows = chosen.reshape(-1, cells.shape[-1])
            sums = state.partial[layer, number].sums(fold_number, cells.shape[-1])
            sums.add(rows, shift.astype(np.float64), rests[offsets].mean(axis=0), float(len(rows)))

    def _require_finite(self, layer: str, cells: torch.Tensor, rests: Float64, start: int) -> None:
        if np.isfinite(rests).all():
            return
        bad = (~torch.isfinite(cells)).flatten(1).any(dim=1)
        raise ActivationError(
            f"layer {layer!r} has activations that are not finite for "
            f"{self.plan.items[start + int(bad.int().argmax())].name}; "
            "check the weights of the network and the transform, or run it in float32"
        )

    def _add_weighted(
        self, partial: PartialStatistics, member: Member, values: NDArray[np.floating], weights: Float64
    ) -> None:
        """Add an image of which a set has only a part: values `(locations, channels)` with weights `(locations,)`."""
        partial.add_mean(member.unit, weights @ values / weights.sum(), float(weights.sum()))
        if not self.plan.sets[member.set].means_only:
            legal = np.flatnonzero(weights)
            partial.sums(member.fold, values.shape[-1]).join(Moments.of(values[legal], weights[legal]))

    def _most(self, number: int) -> int:
        """Return the number of locations sampled from each unit of a set."""
        units = len(self.plan.units[number].folds)
        return min(self.locations, max(MOST_SAMPLED // units, LEAST_SAMPLED))

    def _sampled(self, offset: int, start: int, member: Member, weights: Float64 | None, locations: int) -> _Sampled:
        legal = np.arange(locations) if weights is None else np.flatnonzero(weights)
        digest = self.plan.items[start + offset].digest
        chosen = choose_locations(legal, self._most(member.set), self.seed, digest)
        shares = np.ones(len(chosen)) if weights is None else weights[chosen]
        return _Sampled(member, offset, chosen, shares, digest)

    def _add_samples(self, state: State, layer: str, cells: torch.Tensor, sampled: Sequence[_Sampled]) -> None:
        """Add the sampled locations of a batch, which leave the device in one copy."""
        if not sampled:
            return
        rows = np.concatenate([np.full(len(each.locations), each.offset) for each in sampled])
        columns = np.concatenate([each.locations for each in sampled])
        vectors = cells[torch.from_numpy(rows), torch.from_numpy(columns)].cpu().numpy()
        ends = np.cumsum([len(each.locations) for each in sampled])[:-1]
        for each, part in zip(sampled, np.split(vectors, ends), strict=True):
            # a copy, because a view would hold the locations of the whole batch
            sample = BoundedSample.of_image(part.copy(), each.shares, self.seed, each.digest)
            state.partial[layer, each.member.set].add_sample(each.member.unit, sample, self._most(each.member.set))

    def merge(self, left: State, right: State) -> State:
        """Merge two partial results. Both are modified."""
        for unit_key, found in right.image_statistics.items():
            left.add_image_statistics(unit_key, found)
        left.activations.update(right.activations)
        for key, other in right.partial.items():
            mine = left.partial.setdefault(key, PartialStatistics())
            for unit, mean in other.means.items():
                mine.add_mean(unit, mean, other.weights[unit])
            for unit, sample in other.sample.items():
                mine.add_sample(unit, sample, self._most(key[1]))
            for number, sums in other.folds.items():
                if number in mine.folds:
                    mine.folds[number].take(sums)
                else:
                    sums.settle()
                    mine.folds[number] = sums
        return left

    def pack(self, part: State) -> dict[str, Array]:
        """Return a partial result as arrays."""
        return part.pack(self.layers)

    def unpack(self, arrays: Mapping[str, Array], shard: Shard[range]) -> State:
        """Undo `pack`."""
        return State.unpack(arrays, self.layers)

    def finish(self, state: State) -> Gathered:
        """Return the final statistics, in the order of the units."""
        sets: dict[tuple[str, int], SetStatistics] = {}
        means: dict[tuple[str, int], ImageMeans] = {}
        for (layer, number), partial in state.partial.items():
            order, units = sorted(partial.means), self.plan.units[number]
            images = ImageMeans(
                np.stack([partial.means[unit] for unit in order]),
                np.array([partial.weights[unit] for unit in order], dtype=np.float64),
                units.sizes,
            )
            if self.plan.sets[number].means_only:
                means[layer, number] = images
                continue
            empty = Moments.empty(images.means.shape[1])
            samples = [partial.sample[unit].located(unit) for unit in order]
            sets[layer, number] = SetStatistics(
                tuple(
                    partial.folds[index].moments() if index in partial.folds else empty
                    for index in range(max(partial.folds) + 1)
                ),
                units.folds,
                images,
                LocationSample.union(samples, [0] * len(samples)),
            )
        apart: dict[str, list[NDArray[np.floating]]] = {layer: [] for layer in self.layers}
        whole: dict[str, dict[str, NDArray[np.floating]]] = {layer: {} for layer in self.layers}
        for (layer, number), values in sorted(state.activations.items(), key=itemgetter(0)):
            if number in self.plan.whole:
                whole[layer][self.plan.items[number].digest] = values
            else:
                apart[layer].append(values)
        by_set = [
            _mean_statistics([state.image_statistics[number, unit] for unit in range(len(units.folds))])
            for number, units in enumerate(self.plan.units)
        ]
        sums = [found for (number, _), found in sorted(state.image_statistics.items(), key=itemgetter(0)) if number < 0]
        return Gathered(sets, means, by_set, apart, _mean_statistics(sums), whole)


def _near_mean(cells: torch.Tensor) -> torch.Tensor:
    """Return a value `(channels,)` near the mean of a batch; relative to it, float32 sums and products are precise.

    For a constant channel it is exactly the value of the channel.
    """
    first = cells[0, 0]
    near = cells.mean(dim=(0, 1))
    return torch.where((near - first).abs() <= 1e-4 * first.abs(), first, near)


def _mean_statistics(sums: Sequence[Float64]) -> Float64:
    stacked = np.array(sums).reshape(-1, len(STATISTICS) + 1)
    mean: Float64 = stacked[:, :-1] / stacked[:, -1:]
    return mean


def gather(
    model: VisionModel,
    layers: Sequence[str],
    made: Plan,
    *,
    preprocessing: Preprocessing,
    locations: int,
    seed: int,
    batch_size: int,
    progress: Progress | None,
    engine: Engine | None = None,
    shards: ShardStore | None = None,
    masks: Mapping[str, MaskItem] | None = None,
) -> Gathered:
    """Run every image once. Return the statistics of every layer and set, and the stored activations."""
    reducer = Gather(model, tuple(layers), made, preprocessing, locations, seed, masks)
    first = len(made.items) - made.apart
    # Separate shards, so that images in no set do not change the rounding of the statistics of the sets.
    work = cut(first, batch_size) + cut(made.apart, batch_size, after=first)
    parts = (LocalEngine() if engine is None else engine).parts(reducer, work, shards, progress)
    return reducer.finish(fold(parts, reducer))
