"""The reducer of `explain`, from batches of images to parts of an explanation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch

from sacv.cav import ConceptBank
from sacv.cav.inside import Counts, Inside, counts_of
from sacv.cav.passes import insides_of, shard_key
from sacv.concepts import ImageItem, MaskItem
from sacv.engine import Shard
from sacv.errors import ActivationError
from sacv.files import Array
from sacv.maps.explained_layer import ExplainedLayer
from sacv.maps.images import figures
from sacv.maps.methods import Method
from sacv.maps.reliability import as_table, check, with_neighbours
from sacv.model import Box, Rest, Select, Trace, VisionModel, target_identity
from sacv.targets import Aimed, Given, Target, aim_of, names_of, target_of

PART_VERSION = 2
"""Version of the format of a part."""


@dataclass(frozen=True)
class Loaded:
    """A batch of images."""

    start: int
    """Index of its first image."""
    inputs: torch.Tensor
    seen: tuple[tuple[tuple[int, int], Box | None], ...]
    """The size of each image, and the part of it that the network sees."""
    in_fit: tuple[bool, ...]
    """Whether the bank was fitted or calibrated on each."""
    insides: tuple[Inside, ...] | None = None
    """Part of each image that counts; None if all images count as a whole."""

    def counts(self, grid: tuple[int, ...], layer: str) -> Counts | None:
        """Return the locations of a layer that count, bool `(n, *grid)`; None if all do."""
        return None if self.insides is None else counts_of(self.insides, grid, layer)


@dataclass
class Part:
    """The maps of some images, and sums over them."""

    start: int | None
    """Index of the first image; None without images."""
    rows: dict[str, list[Array]]
    """By kind, arrays whose first axis is the images: `images` (`sacv.maps.images`), and the maps and reliability
    checks of each layer by its index, such as `0/relevance` and `0/checks`."""
    layers: dict[str, ExplainedLayer]
    """Sums over the images, by layer."""

    def take_rows(self) -> dict[str, Array]:
        """Return the rows, and remove them."""
        joined = {kind: np.concatenate(arrays) for kind, arrays in self.rows.items()}
        self.rows = {}
        return joined


@dataclass(frozen=True)
class ExplainReducer:
    """The reducer from batches of images to their maps and reliability checks, and to sums over all images."""

    model: VisionModel
    bank: ConceptBank
    target: Given
    method: Method
    """Checked arguments of `sacv.explain`."""
    batch_size: int
    """Number of activations in a pass."""
    checks: bool
    """Whether to run the reliability checks."""
    items: Sequence[ImageItem] = field(repr=False)
    masks: Sequence[MaskItem] | None = field(default=None, repr=False)
    """The mask of each image; None if all images count as a whole."""

    def running(self) -> AbstractContextManager[None]:
        """Freeze the network."""
        return self.model.frozen()

    @cached_property
    def aimed(self) -> Target:
        """The target, by the names of the model's classes."""
        return target_of(self.target, names_of(self.model))

    @cached_property
    def _basis(self) -> str:
        return json.dumps(
            [
                PART_VERSION,
                self.model.identity(),
                self.bank.fingerprint,
                target_identity(self.target),
                None if callable(self.target) else names_of(self.model),
                *([] if self.model.output is None else [self.model.output]),
                repr(self.method.describe()),
                target_identity(type(self.method).maps),
                self.batch_size,
                self.checks,
            ]
        )

    def key(self, shard: Shard[range]) -> str:
        """Return a SHA-256 of the network, the bank, the target, the method, the checks, and the shard's images."""
        return shard_key(self._basis, shard, self.items, self.masks)

    def load(self, piece: range) -> Loaded:
        """Read and transform a batch of images."""
        images = [self.items[number].load() for number in piece]
        insides = insides_of(self.model, self.items, self.masks, piece, images)
        in_fit = tuple(self.bank.made_from(self.items[number].digest) for number in piece)
        return Loaded(piece.start, self.model.inputs(images), tuple(map(self.model.seen, images)), in_fit, insides)

    def empty(self) -> Part:
        """Return the part without images."""
        return Part(None, {}, {layer: ExplainedLayer(self.bank, layer) for layer in self.bank.layers})

    def add(self, part: Part, loaded: Loaded) -> Part:
        """Run a batch and add its maps."""
        return self.take(part, loaded, self.model.trace(loaded.inputs, list(part.layers), [self.select(loaded)]), 0)

    def select(self, loaded: Loaded) -> Select:
        """Return the target of a batch."""
        return Aimed(self._target(loaded))

    def _target(self, loaded: Loaded) -> Target:
        return self.aimed.at(range(loaded.start, loaded.start + len(loaded.seen)))

    def take(self, part: Part, loaded: Loaded, trace: Trace, at: int) -> Part:
        """Add the maps of a batch; `at` is the index of this target in its trace."""
        names = [self.items[loaded.start + row].name for row in range(len(loaded.seen))]
        _require_finite(trace, at, names)
        target, values = self._target(loaded), trace.scalars[at]
        logits = trace.logits if target.of_classes else None
        classes = None if logits is None else target.classes(logits)
        rows: dict[str, Array] = {"images": figures(values, logits, classes, loaded.seen, loaded.in_fit)}
        aim = aim_of(target, trace.logits)
        lines, seen, inside = {}, {}, {}
        for number, (layer, found) in enumerate(part.layers.items()):
            record = trace.activations[layer]
            found.require_channels(record.cells)
            grid = tuple(record.cells.shape[1:-1])
            found.require_grid(grid, names[0])
            counts = loaded.counts(grid, layer)
            if counts is not None:
                inside[layer] = counts
            rest = Rest(self.model, loaded.inputs, layer, record, aim, self.batch_size)
            scene = found.scene(rest, values, trace.gradients[at][layer])
            rows |= {f"{number}/{kind}": each for kind, each in found.add(scene, self.method, counts).items()}
            if self.checks:
                lines[layer], seen[layer] = check(scene, counts), scene.relevance.cpu().numpy()
        if self.checks:
            whole = with_neighbours(lines, seen, inside or None).values()
            rows |= {f"{number}/checks": as_table(table) for number, table in enumerate(whole)}
        for kind, each in rows.items():
            part.rows.setdefault(kind, []).append(each)
        part.start = loaded.start if part.start is None else part.start
        return part

    def merge(self, left: Part, right: Part) -> Part:
        """Add the images of the second part to the first, which is modified."""
        if right.start is None:
            return left
        for layer, found in right.layers.items():
            left.layers[layer].join(found, self.items[right.start].name)
        for kind, arrays in right.rows.items():
            left.rows.setdefault(kind, []).extend(arrays)
        left.start = right.start if left.start is None else left.start
        return left

    def pack(self, part: Part) -> dict[str, Array]:
        """Return a part as arrays."""
        arrays: dict[str, Array] = {f"rows/{kind}": np.concatenate(each) for kind, each in part.rows.items()}
        if part.start is not None:
            arrays["start"] = np.array([part.start])
        for number, found in enumerate(part.layers.values()):
            arrays |= {f"layers/{number}/{name}": values for name, values in found.pack().items()}
        return arrays

    def unpack(self, arrays: Mapping[str, Array], shard: Shard[range]) -> Part:
        """Undo `pack`."""
        part = self.empty()
        part.start = int(arrays["start"][0]) if "start" in arrays else None
        part.rows = {kind: [values] for kind, values in under("rows/", arrays).items()}
        for number, found in enumerate(part.layers.values()):
            found.unpack(under(f"layers/{number}/", arrays))
        return part


def under(start: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the arrays whose names begin with `start`, by the rest of their names."""
    return {name.removeprefix(start): values for name, values in arrays.items() if name.startswith(start)}


def _require_finite(trace: Trace, at: int, names: Sequence[str]) -> None:
    named: dict[str, torch.Tensor] = {} if trace.logits is None else {"the logits": trace.logits}
    named |= {"the values explained": trace.scalars[at][:, None]}
    named |= {f"the activations of layer {layer!r}": record.cells for layer, record in trace.activations.items()}
    named |= {f"the gradients at layer {layer!r}": cells for layer, cells in trace.gradients[at].items()}
    for what, values in named.items():
        finite = torch.isfinite(values).flatten(1).all(dim=1)
        if not bool(finite.all()):
            raise ActivationError(
                f"{what} are not finite for {names[int((~finite).nonzero()[0])]}; "
                "check the network's weights and the transform, or run it in float32"
            )
