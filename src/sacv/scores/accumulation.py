"""One pass over the images of a class: their terms of each score, by layer, concept and target."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.cav.inside import Counts, Inside, counts_of
from sacv.cav.passes import insides_of, shard_key
from sacv.concepts import ImageItem, MaskItem
from sacv.engine import Shard
from sacv.errors import ActivationError
from sacv.files import Array
from sacv.model import Trace, VisionModel, target_identity
from sacv.scores.kinds import COLUMNS, image_terms
from sacv.stats import Float64
from sacv.targets import Aimed, Target

PART_VERSION = 1
"""Version of the content of a shard's part."""

BUNDLES = 1024
"""Bundles that intervals are over; if there are no more images or groups, each is a bundle."""


@dataclass
class Sums:
    """The sums of one layer, concept and target."""

    numbers: list[int] = field(default_factory=list)
    """Of the images of a part; of parts that were merged, none."""
    terms: Float64 = field(default_factory=lambda: np.empty((0, len(COLUMNS))))
    """What each of them adds for the bank's CAV, float64 `(images, columns)`."""
    derivative: Float64 = field(default_factory=lambda: np.empty(0))
    """Of each of them, float64 `(images,)`."""
    groups: dict[int, Float64] = field(default_factory=dict)
    """By bundle of images, the sums of the terms of those that were merged, float64 `(columns,)`."""
    drawn: Float64 = field(default_factory=lambda: np.zeros(()))
    """Sums over images for the runs and then the null, `(runs + nulls, columns)`."""
    constant: bool = True
    """Whether every contribution map so far is the same at every location."""
    moves: bool = False
    """Whether any derivative so far is not zero."""
    counted: Float64 = field(default_factory=lambda: np.empty(0))
    """Of each of the images of a part, the share of the locations that count, float64 `(images,)`; none without
    masks."""

    def add(
        self,
        start: int,
        terms: Float64,
        derivative: Float64,
        drawn: Float64,
        constant: bool,
        counts: Counts | None = None,
    ) -> None:
        """Add a batch whose first image has the number `start`; `counts`, bool `(n, *grid)`, marks what counts."""
        if counts is not None:
            self.counted = np.concatenate([self.counted, counts.reshape(len(counts), -1).mean(axis=1)])
        self.numbers += range(start, start + len(terms))
        self.terms = np.concatenate([self.terms, terms])
        self.derivative = np.concatenate([self.derivative, derivative])
        self.drawn = self.drawn + drawn
        self.constant &= constant
        self.moves |= bool(derivative.any())

    def take(self, part: Sums, things: NDArray[np.int64]) -> None:
        """Add the sums of a part, and nothing of its single images; `things` numbers what is independent."""
        for thing, row in zip(things[part.numbers].tolist(), part.terms, strict=True):
            self._grow(thing % BUNDLES, row)
        for group, row in part.groups.items():
            self._grow(group, row)
        self.drawn = self.drawn + part.drawn
        self.constant &= part.constant
        self.moves |= part.moves

    def _grow(self, group: int, row: Float64) -> None:
        self.groups[group] = self.groups[group] + row if group in self.groups else row

    def by_group(self) -> Float64:
        """Return the sums of the groups, `(groups, columns)`."""
        return np.stack([self.groups[group] for group in sorted(self.groups)])


State: TypeAlias = dict[tuple[str, str, str], Sums]
"""By layer, concept and target."""


@dataclass(frozen=True)
class Loaded:
    """A batch as the network's input, the number of its first image, and what counts of each, if not all does."""

    start: int
    inputs: torch.Tensor
    insides: tuple[Inside, ...] | None = None


@dataclass(frozen=True)
class ScoreReducer:
    """From batches of images to the sums of every layer, concept and target."""

    model: VisionModel
    bank: ConceptBank
    targets: Mapping[str, Target]
    """What is explained, by name."""
    items: Sequence[ImageItem]
    masks: Sequence[MaskItem] | None = None
    """The mask of each image; None if all locations count."""

    def running(self) -> AbstractContextManager[None]:
        """Freeze the network."""
        return self.model.frozen()

    @cached_property
    def _basis(self) -> str:
        """The inputs of every part, as JSON."""
        targets = [(name, target_identity(target)) for name, target in self.targets.items()]
        output = [] if self.model.output is None else [self.model.output]
        return json.dumps([PART_VERSION, self.model.identity(), self.bank.fingerprint, targets, *output])

    @cached_property
    def _things(self) -> NDArray[np.int64]:
        """The number of the group of each image, or of the image itself."""
        numbers: dict[object, int] = {}
        names = (number if item.group is None else item.group for number, item in enumerate(self.items))
        return np.fromiter((numbers.setdefault(name, len(numbers)) for name in names), np.int64, len(self.items))

    def key(self, shard: Shard[range]) -> str:
        """Return a SHA-256 of the network, the bank, the targets and the shard's images and masks."""
        return shard_key(self._basis, shard, self.items, self.masks)

    def load(self, piece: range) -> Loaded:
        """Read and transform a batch of images."""
        images = [self.items[number].load() for number in piece]
        insides = insides_of(self.model, self.items, self.masks, piece, images)
        return Loaded(piece.start, self.model.inputs(images), insides)

    def empty(self) -> State:
        """Return the sums of no images."""
        return {}

    def add(self, part: State, loaded: Loaded) -> State:
        """Run a batch forward and backward and add what it gives."""
        rows = range(loaded.start, loaded.start + len(loaded.inputs))
        selects = [Aimed(target.at(rows)) for target in self.targets.values()]
        trace = self.model.trace(loaded.inputs, list(self.bank.layers), selects)
        self._require_finite(trace, loaded.start)
        for layer, record in trace.activations.items():
            read = self.bank.preprocessing(record.cells)
            grid = tuple(read.shape[1:-1])
            counts = None if loaded.insides is None else counts_of(loaded.insides, grid, layer)
            for number, name in enumerate(self.targets):
                gradients = trace.gradients[number][layer]
                flat = gradients.flatten(1, -2)
                constant = bool((flat - flat[:, :1]).abs().max() <= 1e-5 * flat.abs().max())
                for concept, (columns, derivative) in self._terms(layer, read, gradients, counts).items():
                    sums = part.setdefault((layer, concept, name), Sums())
                    drawn = columns[:, 1:].sum(axis=0)
                    sums.add(loaded.start, columns[:, 0], derivative[:, 0], drawn, constant, counts)
        return part

    def _terms(
        self, layer: str, read: torch.Tensor, gradients: torch.Tensor, counts: Counts | None
    ) -> dict[str, tuple[Float64, Float64]]:
        """Return columns and derivatives by concept for its CAV, its runs and its null; a shared null runs once."""
        cavs = [self.bank.cav(layer, concept) for concept in self.bank.concepts]
        nulls = {id(cav.null): cav.null for cav in cavs}
        shared = {
            key: image_terms(read, gradients, null.vectors, null.thresholds, inside=counts).columns()
            for key, null in nulls.items()
        }
        found = {}
        for cav in cavs:
            own = image_terms(
                read,
                gradients,
                np.concatenate([cav.vector[None], cav.runs.vectors]),
                np.concatenate([[cav.threshold], cav.runs.thresholds]),
                np.concatenate([cav.detector[None], cav.runs.vectors]),
                counts,
            )
            found[cav.concept] = (
                np.concatenate([own.columns(), shared[id(cav.null)]], axis=1),
                own.derivative,
            )
        return found

    def _require_finite(self, trace: Trace, start: int) -> None:
        for layer in self.bank.layers:
            for values in (trace.activations[layer].cells, *(found[layer] for found in trace.gradients)):
                finite = torch.isfinite(values).flatten(1).all(dim=1)
                if not bool(finite.all()):
                    raise ActivationError(
                        f"activations or gradients of layer {layer!r} are not finite for "
                        f"{self.items[start + int((~finite).nonzero()[0])].name}; "
                        "check the network's weights and the transform, or run it in float32"
                    )

    def merge(self, left: State, right: State) -> State:
        """Join the sums of two parts, the first of which is reused; single images are let go."""
        for key, part in right.items():
            left.setdefault(key, Sums()).take(part, self._things)
        return left

    def pack(self, part: State) -> dict[str, Array]:
        """Return a part as arrays."""
        arrays: dict[str, Array] = {}
        for number, key in enumerate(self._keys()):
            if key in part:
                sums = part[key]
                arrays |= {
                    f"{number}/numbers": np.array(sums.numbers, dtype=np.int64),
                    f"{number}/terms": sums.terms,
                    f"{number}/derivative": sums.derivative,
                    f"{number}/drawn": sums.drawn,
                    f"{number}/flags": np.array([sums.constant, sums.moves]),
                }
                if self.masks is not None:
                    arrays[f"{number}/counted"] = sums.counted
        return arrays

    def unpack(self, arrays: Mapping[str, Array], shard: Shard[range]) -> State:
        """Invert `pack`."""
        found: State = {}
        for number, key in enumerate(self._keys()):
            if f"{number}/numbers" in arrays:
                numbers, terms, derivative, drawn, flags = (
                    arrays[f"{number}/{what}"] for what in ("numbers", "terms", "derivative", "drawn", "flags")
                )
                counted = arrays.get(f"{number}/counted", np.empty(0))
                found[key] = Sums(
                    numbers.tolist(), terms, derivative, {}, drawn, bool(flags[0]), bool(flags[1]), counted
                )
        return found

    def _keys(self) -> list[tuple[str, str, str]]:
        return [
            (layer, concept, name)
            for layer in self.bank.layers
            for name in self.targets
            for concept in self.bank.concepts
        ]
