"""One pass over the images: every layer, set and fold gets its statistics.

An image that stands in several sets is run once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.concepts import Batch, ImageItem, ImageSet, batches
from sacv.engine import LocalEngine, Progress
from sacv.errors import ActivationError
from sacv.model import VisionModel
from sacv.stats import LocationSample, Moments, assign_folds, choose_locations, quota

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SetStatistics:
    """What one layer says of one image set.

    Parameters
    ----------
    folds
        The moments of the locations of each fold.
    image_fold
        Int `(images,)`: the fold of each image.
    image_means
        Float64 `(images, channels)`: the mean over the locations of each image.
    sample
        A bounded, seeded sample of locations.
    locations
        Number of locations of an image.
    """

    folds: tuple[Moments, ...]
    image_fold: NDArray[np.int64]
    image_means: Float64
    sample: LocationSample
    locations: int

    def total(self) -> Moments:
        """Give the moments of all locations."""
        return Moments.union(self.folds, self.image_means.shape[1])

    def without(self, fold: int) -> Moments:
        """Give the moments of all locations but those of a fold."""
        kept = [moments for index, moments in enumerate(self.folds) if index != fold]
        return Moments.union(kept, self.image_means.shape[1])


@dataclass(frozen=True)
class Member:
    """The place of an image in a set: which set, which of its images, which fold."""

    set: int
    image: int
    fold: int


@dataclass(frozen=True)
class Plan:
    """Each image once, with its place in every set."""

    items: tuple[ImageItem, ...]
    members: tuple[tuple[Member, ...], ...]
    image_folds: tuple[NDArray[np.int64], ...]
    """For each set, int `(images,)`."""


def plan(sets: Sequence[ImageSet], folds: int, seed: int) -> Plan:
    """Assign folds and list each image once."""
    items: dict[str, ImageItem] = {}
    members: dict[str, list[Member]] = {}
    image_folds = []
    for number, images in enumerate(sets):
        # The same image falls in the same fold of a set of the same size, whatever other sets there are.
        fold_of = assign_folds(len(images), folds, np.random.default_rng([seed, len(images)]))
        image_folds.append(fold_of)
        for index, item in enumerate(images):
            items.setdefault(item.digest, item)
            members.setdefault(item.digest, []).append(Member(number, index, int(fold_of[index])))
    return Plan(tuple(items.values()), tuple(tuple(members[digest]) for digest in items), tuple(image_folds))


@dataclass
class _Partial:
    """The growing statistics of one layer and set."""

    folds: dict[int, Moments] = field(default_factory=dict)
    means: dict[int, Float64] = field(default_factory=dict)
    sample: dict[int, NDArray[np.floating]] = field(default_factory=dict)
    locations: int = 0


State = dict[tuple[str, int], _Partial]


@dataclass(frozen=True)
class Gather:
    """The reducer: from batches of images to the statistics of every layer and set.

    Parameters
    ----------
    model, layers
        What to ask.
    plan
        Which images, and where each belongs.
    sizes
        Number of images of each set.
    sample
        Bound on the locations sampled from each set.
    seed
        Of the samples.
    """

    model: VisionModel
    layers: tuple[str, ...]
    plan: Plan
    sizes: tuple[int, ...]
    sample: int
    seed: int

    def empty(self) -> State:
        """Give the statistics of no images."""
        return {}

    def add(self, state: State, batch: Batch) -> State:
        """Run a batch and add what it gives."""
        records = self.model.activations(self.model.inputs(batch.images), self.layers)
        for layer, record in records.items():
            cells = record.cells.flatten(1, -2)  # the places of a grid in one row; channels stay last
            if not bool(torch.isfinite(cells).all()):
                bad = int((~torch.isfinite(cells)).flatten(1).any(dim=1).nonzero()[0])
                raise ActivationError(
                    f"layer {layer!r} gives values that are not finite for {self.plan.items[batch.start + bad].name}; "
                    "check the network's weights and the transform, or run it in float32"
                )
            self._add_layer(state, layer, cells.float() if cells.dtype != torch.float64 else cells, batch.start)
        return state

    def _add_layer(self, state: State, layer: str, cells: torch.Tensor, start: int) -> None:
        values = cells.cpu().numpy()
        means = values.mean(axis=1, dtype=np.float64)
        groups: dict[tuple[int, int], list[int]] = {}
        for offset in range(len(values)):
            for member in self.plan.members[start + offset]:
                partial = state.setdefault((layer, member.set), _Partial())
                partial.means[member.image] = means[offset]
                partial.locations = values.shape[1]
                count = quota(self.sample, self.sizes[member.set], values.shape[1])
                chosen = choose_locations(values.shape[1], count, self.seed, member.image)
                partial.sample[member.image] = values[offset, chosen]
                groups.setdefault((member.set, member.fold), []).append(offset)
        for (number, fold), offsets in groups.items():
            found = Moments.of(values[offsets].reshape(-1, values.shape[-1]))
            folds = state[layer, number].folds
            folds[fold] = folds[fold].merge(found) if fold in folds else found

    def merge(self, left: State, right: State) -> State:
        """Join the statistics of two parts of the images."""
        for key, other in right.items():
            mine = left.setdefault(key, _Partial())
            mine.means.update(other.means)
            mine.sample.update(other.sample)
            mine.locations = other.locations
            for fold, moments in other.folds.items():
                mine.folds[fold] = mine.folds[fold].merge(moments) if fold in mine.folds else moments
        return left

    def finish(self, state: State) -> dict[tuple[str, int], SetStatistics]:
        """Give the statistics by layer and number of the set."""
        return {
            (layer, number): SetStatistics(
                tuple(partial.folds[fold] for fold in sorted(partial.folds)),
                self.plan.image_folds[number],
                np.stack([partial.means[index] for index in sorted(partial.means)]),
                LocationSample.gather(partial.sample),
                partial.locations,
            )
            for (layer, number), partial in state.items()
        }


def gather(
    model: VisionModel,
    layers: Sequence[str],
    sets: Sequence[ImageSet],
    *,
    folds: int,
    sample: int,
    seed: int,
    batch_size: int,
    progress: Progress | None,
) -> Mapping[tuple[str, int], SetStatistics]:
    """Run every image once and give the statistics by layer and number of the set."""
    reducer = Gather(model, tuple(layers), plan(sets, folds, seed), tuple(len(images) for images in sets), sample, seed)

    def shards() -> Iterator[Batch]:
        yield from batches(reducer.plan.items, batch_size)

    with model.borrowed():
        return reducer.finish(LocalEngine().fold(reducer, shards(), progress))
