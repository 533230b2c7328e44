"""Several targets in one pass: images are read and run forward once for all targets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeAlias

from sacv.engine import Shard
from sacv.files import Array
from sacv.maps.methods import Method
from sacv.maps.reducer import ExplainReducer, Loaded, Part, under
from sacv.model import VisionModel
from sacv.targets import Given

Parts: TypeAlias = list[Part]
"""The parts of some images, one for each target."""


@dataclass(frozen=True)
class TogetherReducer:
    """The reducer from batches of images to their maps for several targets.

    A batch is loaded and run forward once, and backward once for each target. Contribution methods and reliability
    checks run the rest of the network for each target.
    """

    each: Sequence[ExplainReducer]
    """A reducer for each target, with the same other settings."""

    @property
    def model(self) -> VisionModel:
        """The model."""
        return self.each[0].model

    @property
    def method(self) -> Method:
        """The contribution method."""
        return self.each[0].method

    @property
    def target(self) -> list[Given]:
        """The targets."""
        return [one.target for one in self.each]

    def running(self) -> AbstractContextManager[None]:
        """Freeze the network."""
        return self.each[0].running()

    def key(self, shard: Shard[range]) -> str:
        """Return a SHA-256 of all targets' keys."""
        return hashlib.sha256("".join(one.key(shard) for one in self.each).encode()).hexdigest()

    def load(self, piece: range) -> Loaded:
        """Read and transform a batch of images."""
        return self.each[0].load(piece)

    def empty(self) -> Parts:
        """Return the parts without images."""
        return [one.empty() for one in self.each]

    def add(self, parts: Parts, loaded: Loaded) -> Parts:
        """Run a batch and add its maps for each target; see `ExplainReducer.add`."""
        layers = list(self.each[0].bank.layers)
        trace = self.model.trace(loaded.inputs, layers, [one.select(loaded) for one in self.each])
        return [
            one.take(part, loaded, trace, number)
            for number, (one, part) in enumerate(zip(self.each, parts, strict=True))
        ]

    def merge(self, left: Parts, right: Parts) -> Parts:
        """Merge the parts of each target."""
        return [one.merge(*pair) for one, *pair in zip(self.each, left, right, strict=True)]

    def pack(self, parts: Parts) -> dict[str, Array]:
        """Return the parts as arrays."""
        return {
            f"{number}/{name}": values
            for number, (one, part) in enumerate(zip(self.each, parts, strict=True))
            for name, values in one.pack(part).items()
        }

    def unpack(self, arrays: Mapping[str, Array], shard: Shard[range]) -> Parts:
        """Undo `pack`."""
        return [one.unpack(under(f"{number}/", arrays), shard) for number, one in enumerate(self.each)]
