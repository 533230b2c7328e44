"""One pass over the images: every layer and set gets its statistics.

An image that stands in several sets is run once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from sacv.cav.looks import looks
from sacv.cav.reading import Reading
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.concepts import Batch, ImageItem, batches
from sacv.engine import LocalEngine, Progress
from sacv.errors import ActivationError
from sacv.model import VisionModel
from sacv.stats import LocationSample, Moments, MomentSums, assign_folds, choose_locations

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SetPlan:
    """A set of images to gather.

    Parameters
    ----------
    items
        The images.
    weights
        For each image, by layer: float64 `(locations,)`, how much of each location shows what the set shows; none
        where the whole image does.
    means_only
        Only the mean of each image is wanted.
    follows
        Number of an earlier set whose photos have the same folds here.
    folds
        The fold of each image, where it is not to be drawn.
    """

    items: tuple[ImageItem, ...]
    weights: tuple[Mapping[str, Float64] | None, ...]
    means_only: bool = False
    follows: int | None = None
    folds: tuple[int, ...] | None = None


@dataclass(frozen=True)
class Member:
    """The place of an image in a set: which set, which of its images, which fold."""

    set: int
    image: int
    fold: int


@dataclass(frozen=True)
class Plan:
    """Each image once, with its place in every set."""

    sets: tuple[SetPlan, ...]
    items: tuple[ImageItem, ...]
    members: tuple[tuple[Member, ...], ...]
    image_folds: tuple[NDArray[np.int64], ...]
    """For each set, int `(images,)`."""
    kept: int = 0
    """How many of the items, the last ones, stand in no set: their activations are kept whole."""


def plan(sets: Sequence[SetPlan], folds: int, seed: int, kept: Sequence[ImageItem] = ()) -> Plan:
    """Assign folds and list each image once, fold by fold, so that a batch has few of them; then those of no set."""
    known: dict[str, int] = {}
    image_folds: list[NDArray[np.int64]] = []
    for entry in sets:
        if entry.folds is not None:
            image_folds.append(np.array(entry.folds, dtype=np.int64))
            continue
        digests = [item.digest for item in entry.items]
        # A set's folds depend on no other set; but what is marked of a photo and what is not stay together, unless
        # that would leave the set in one fold.
        rng = np.random.default_rng([seed, len(digests)])
        marked = [digest for digest, weights in zip(digests, entry.weights, strict=True) if weights is not None]
        given = {digest: known[digest] for digest in marked if digest in known}
        if entry.follows is not None:
            other = (item.digest for item in sets[entry.follows].items)
            given |= dict(zip(other, image_folds[entry.follows].tolist(), strict=True))
        found = assign_folds(digests, folds, rng, {digest: given[digest] for digest in digests if digest in given})
        if np.ptp(found) == 0:
            found = assign_folds(digests, folds, rng)
        image_folds.append(found)
        known.update((digest, int(fold)) for digest, fold in zip(digests, found, strict=True) if digest in marked)
    items: dict[str, ImageItem] = {}
    members: dict[str, list[Member]] = {}
    for number, entry in enumerate(sets):
        for index in np.argsort(image_folds[number], kind="stable").tolist():
            item = entry.items[index]
            items.setdefault(item.digest, item)
            member = Member(number, index, int(image_folds[number][index]))
            members.setdefault(item.digest, []).append(member)
    return Plan(
        tuple(sets),
        (*items.values(), *kept),
        (*(tuple(members[digest]) for digest in items), *(() for _ in kept)),
        tuple(image_folds),
        len(kept),
    )


@dataclass
class _Partial:
    """The growing statistics of one layer and set."""

    folds: dict[int, MomentSums] = field(default_factory=dict)
    means: dict[int, Float64] = field(default_factory=dict)
    weights: dict[int, float] = field(default_factory=dict)
    sample: dict[int, LocationSample] = field(default_factory=dict)


@dataclass
class State:
    """What the images seen so far give: by layer and set, the looks by image of the plan, and what is kept whole."""

    partial: dict[tuple[str, int], _Partial] = field(default_factory=dict)
    looks: dict[int, Float64] = field(default_factory=dict)
    kept: dict[tuple[str, int], NDArray[np.floating]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Gathered:
    """What the pass gives.

    Parameters
    ----------
    sets
        By layer and number of the set.
    means
        By layer and number of the set, for sets of which only the means are wanted.
    looks
        By SHA-256 of the image, float64 `(3,)`; see `sacv.cav.looks`.
    kept
        By layer, the activations `(locations, channels)` of each image that stands in no set, as they are read.
    """

    sets: Mapping[tuple[str, int], SetStatistics]
    means: Mapping[tuple[str, int], ImageMeans]
    looks: Mapping[str, Float64]
    kept: Mapping[str, Sequence[NDArray[np.floating]]]


@dataclass(frozen=True)
class Gather:
    """The reducer: from batches of images to the statistics of every layer and set.

    Parameters
    ----------
    model, layers
        What to ask.
    plan
        Which images, and where each belongs.
    reading
        How activations are read.
    locations
        Locations sampled from each image.
    seed
        Of the samples.
    """

    model: VisionModel
    layers: tuple[str, ...]
    plan: Plan
    reading: Reading
    locations: int
    seed: int

    def empty(self) -> State:
        """Give the statistics of no images."""
        return State()

    def add(self, state: State, batch: Batch) -> State:
        """Run a batch and add what it gives."""
        inputs = self.model.inputs(batch.images)
        state.looks.update(enumerate(looks(inputs), start=batch.start))
        for layer, record in self.model.activations(inputs, self.layers).items():
            cells = record.cells if record.cells.dtype == torch.float64 else record.cells.float()
            # the places of a grid in one row; channels stay last
            self._add_layer(state, layer, self.reading(cells).flatten(1, -2), batch.start)
        return state

    def _add_layer(self, state: State, layer: str, cells: torch.Tensor, start: int) -> None:
        # One value near the mean is taken off the whole batch, so that float32 sums and products are precise; a
        # channel that is constant loses exactly its value.
        first = cells[0, 0]
        near = cells.mean(dim=(0, 1))
        near = torch.where((near - first).abs() <= 1e-4 * first.abs(), first, near)
        centred = cells - near
        rests = centred.mean(dim=1).double().cpu().numpy()
        shift = near.cpu().numpy()
        if not np.isfinite(rests).all():
            bad = (~torch.isfinite(cells)).flatten(1).any(dim=1)
            raise ActivationError(
                f"layer {layer!r} gives values that are not finite for "
                f"{self.plan.items[start + int(bad.int().argmax())].name}; "
                "check the network's weights and the transform, or run it in float32"
            )
        means = rests + shift
        values, off = cells.cpu().numpy(), centred.cpu().numpy()
        whole: dict[tuple[int, int], list[int]] = {}
        for offset in range(len(values)):
            if start + offset >= len(self.plan.items) - self.plan.kept:
                state.kept[layer, start + offset] = values[offset].copy()
            for member in self.plan.members[start + offset]:
                entry = self.plan.sets[member.set]
                partial = state.partial.setdefault((layer, member.set), _Partial())
                marked = entry.weights[member.image]
                weights = None if marked is None else marked[layer]
                if weights is None:
                    partial.means[member.image], partial.weights[member.image] = means[offset], values.shape[1]
                    if not entry.means_only:
                        whole.setdefault((member.set, member.fold), []).append(offset)
                else:
                    partial.weights[member.image] = float(weights.sum())
                    partial.means[member.image] = weights @ values[offset] / weights.sum()
                    if not entry.means_only:
                        legal = np.flatnonzero(weights)
                        self._sums(partial, member.fold, values).join(Moments.of(values[offset, legal], weights[legal]))
                if not entry.means_only:
                    partial.sample[member.image] = self._sample(values[offset], weights, start + offset, member.image)
        for (number, fold), offsets in whole.items():
            chosen = off[offsets[0] : offsets[-1] + 1] if offsets[-1] - offsets[0] < len(offsets) else off[offsets]
            sums = self._sums(state.partial[layer, number], fold, values)
            rows = chosen.reshape(-1, off.shape[-1])
            sums.add(rows, shift.astype(np.float64), rests[offsets].mean(axis=0), float(len(rows)))

    def _sample(self, values: NDArray[np.floating], weights: Float64 | None, item: int, image: int) -> LocationSample:
        legal = np.arange(len(values)) if weights is None else np.flatnonzero(weights)
        chosen = choose_locations(legal, self.locations, self.seed, self.plan.items[item].digest)
        shares = np.ones(len(chosen)) if weights is None else weights[chosen]
        return LocationSample(values[chosen], np.full(len(chosen), image, dtype=np.int64), shares)

    @staticmethod
    def _sums(partial: _Partial, fold: int, values: NDArray[np.floating]) -> MomentSums:
        if fold not in partial.folds:
            partial.folds[fold] = MomentSums(values.shape[-1])
        return partial.folds[fold]

    def merge(self, left: State, right: State) -> State:
        """Join the statistics of two parts of the images."""
        left.looks.update(right.looks)
        left.kept.update(right.kept)
        for key, other in right.partial.items():
            mine = left.partial.setdefault(key, _Partial())
            mine.means.update(other.means)
            mine.weights.update(other.weights)
            mine.sample.update(other.sample)
            for fold, sums in other.folds.items():
                if fold in mine.folds:
                    mine.folds[fold].join(sums.moments())
                else:
                    mine.folds[fold] = sums
        return left

    def finish(self, state: State) -> Gathered:
        """Give the statistics in the order of the images."""
        sets: dict[tuple[str, int], SetStatistics] = {}
        means: dict[tuple[str, int], ImageMeans] = {}
        for (layer, number), partial in state.partial.items():
            order = sorted(partial.means)
            images = ImageMeans(
                np.stack([partial.means[index] for index in order]),
                np.array([partial.weights[index] for index in order], dtype=np.float64),
            )
            if self.plan.sets[number].means_only:
                means[layer, number] = images
                continue
            empty = Moments.empty(images.means.shape[1])
            samples = [partial.sample[index] for index in order]
            sets[layer, number] = SetStatistics(
                tuple(
                    partial.folds[fold].moments() if fold in partial.folds else empty
                    for fold in range(max(partial.folds) + 1)
                ),
                self.plan.image_folds[number],
                images,
                LocationSample.union(samples, [0] * len(samples)),
            )
        by_digest = {self.plan.items[index].digest: found for index, found in state.looks.items()}
        kept = {
            layer: [values for (name, _), values in sorted(state.kept.items(), key=itemgetter(0)) if name == layer]
            for layer in self.layers
        }
        return Gathered(sets, means, by_digest, kept)


def gather(
    model: VisionModel,
    layers: Sequence[str],
    sets: Sequence[SetPlan],
    *,
    folds: int,
    reading: Reading,
    locations: int,
    seed: int,
    batch_size: int,
    progress: Progress | None,
    kept: Sequence[ImageItem] = (),
) -> Gathered:
    """Run every image once and give the statistics of every layer and set, and the activations of those in no set."""
    reducer = Gather(model, tuple(layers), plan(sets, folds, seed, kept), reading, locations, seed)
    items = reducer.plan.items
    first = len(items) - len(kept)

    def shards() -> Iterator[Batch]:
        # Apart, so that what is in no set has no part in how the batches of the sets round.
        yield from batches(items[:first], batch_size)
        for batch in batches(items[first:], batch_size):
            yield replace(batch, start=first + batch.start)

    # The threads of numpy and of scipy wait, spinning, on the processors that torch's threads need next, which slows
    # the network by a third; one thread each is enough beside torch's.
    with model.borrowed(), threadpool_limits(1, user_api="blas"):
        return reducer.finish(LocalEngine().fold(reducer, shards(), progress))
