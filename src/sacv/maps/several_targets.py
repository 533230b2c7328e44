"""Several targets in one pass: images are read once, and run once up to the logits, for all of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from sacv.engine import Shard
from sacv.files import Array
from sacv.maps.methods import Method
from sacv.maps.reducer import ExplainReducer, Loaded, Part
from sacv.model import VisionModel
from sacv.targets import Given

Parts: TypeAlias = list[Part]
"""What some images give, for each target."""


@dataclass(frozen=True)
class TogetherReducer:
    """From batches of images to their maps, for each of several targets.

    The batch is loaded and run forward once, and backward once for each target; what a method and the reliability
    checks run from the layer on is each target's own.

    Parameters
    ----------
    each
        A reducer for each target, that differ in nothing else.
    """

    each: Sequence[ExplainReducer]

    @property
    def model(self) -> VisionModel:
        """The model."""
        return self.each[0].model

    @property
    def method(self) -> Method:
        """How contribution is measured."""
        return self.each[0].method

    @property
    def target(self) -> list[Given]:
        """The targets."""
        return [one.target for one in self.each]

    @contextmanager
    def running(self) -> Iterator[None]:
        """Hold the network."""
        with self.each[0].running():
            yield

    def key(self, shard: Shard[range]) -> str:
        """Return a SHA-256 of all targets' keys."""
        return hashlib.sha256("".join(one.key(shard) for one in self.each).encode()).hexdigest()

    def load(self, piece: range) -> Loaded:
        """Read and transform a batch of images."""
        return self.each[0].load(piece)

    def empty(self) -> Parts:
        """Return the parts of no images."""
        return [one.empty() for one in self.each]

    def add(self, parts: Parts, loaded: Loaded) -> Parts:
        """Run a batch and add what it gives for each target; see `ExplainReducer.add`."""
        layers = list(self.each[0].bank.layers)
        trace = self.model.trace(loaded.inputs, layers, [one.select(loaded) for one in self.each])
        return [
            one.take(part, loaded, trace, number)
            for number, (one, part) in enumerate(zip(self.each, parts, strict=True))
        ]

    def merge(self, left: Parts, right: Parts) -> Parts:
        """Join the parts of each target."""
        return [one.merge(*pair) for one, *pair in zip(self.each, left, right, strict=True)]

    def pack(self, parts: Parts) -> dict[str, Array]:
        """Return the parts as arrays."""
        return {
            f"{number}/{name}": values
            for number, (one, part) in enumerate(zip(self.each, parts, strict=True))
            for name, values in one.pack(part).items()
        }

    def unpack(self, arrays: Mapping[str, Array], shard: Shard[range]) -> Parts:
        """Invert `pack`."""
        return [
            one.unpack(
                {
                    name.removeprefix(f"{number}/"): values
                    for name, values in arrays.items()
                    if name.startswith(f"{number}/")
                },
                shard,
            )
            for number, one in enumerate(self.each)
        ]
