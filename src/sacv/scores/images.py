"""`score_images`: how much of each concept is in each image, from one pass without gradients."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import TypeAlias

import numpy as np
import pandas as pd
import torch

from sacv.cav import ConceptBank, require_strong
from sacv.cav.inside import Inside, counts_of
from sacv.cav.passes import Progress, in_batches, insides_of, shard_key
from sacv.cav.presence_mask import present
from sacv.concepts import ImageItem, MaskItem, Source, Within, WithinSource, image_set
from sacv.engine import Engine, LocalEngine, Shard, ShardStore, cut, fold
from sacv.errors import ActivationError, LayerError
from sacv.files import Array
from sacv.maps.relevance import evidence, relevance
from sacv.model import VisionModel
from sacv.stats import Float64

Part: TypeAlias = dict[int, Float64]
"""By number of the image, float64 `(layers, concepts, 4)`: image score, p-value, share of locations with it, in fit."""

PART_VERSION = 1
"""Version of the content of a shard's part."""


def score_images(
    model: VisionModel,
    images: Source,
    bank: ConceptBank,
    *,
    within: WithinSource | None = None,
    batch_size: int | None = None,
    allow_weak: bool = False,
    skip_unreadable: bool = False,
    engine: Engine | None = None,
    shards: ShardStore | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Score each image for each concept, with p-values against images without it.

    Parameters
    ----------
    model
        The model that the bank was fitted with.
    images
        Files, folders, images, uint8 arrays or float tensors; they are read batch by batch.
    bank
        The CAVs, with the calibration of their presence masks.
    within, allow_weak, batch_size, skip_unreadable, engine, shards, progress
        As in `sacv.explain`.

    Returns
    -------
    A row for each layer, concept and image, with the columns `layer`, `concept`, `image`, `image_score`, `image_p`,
    `image_p_low`, `image_p_high`, `in_fit`, `present` and `weak`, as `Explanation.scores` has them; NaN where there is
    no p-value. Images that could not be read have no row.

    Raises
    ------
    WeakConceptError, MismatchError, ImageError, ActivationError, LayerError
        As `sacv.explain`.
    """
    bank.require(model)
    weak = require_strong(bank.cavs, allow_weak=allow_weak)
    listed = image_set("the images to score", images, skip_unreadable=skip_unreadable, window=model.window)
    masks = None if within is None else Within.taken(within).of(listed.items)
    size = model.batch_size(batch_size)
    reducer = ImageScorer(model, bank, listed.items, masks)
    chosen: Engine = LocalEngine() if engine is None else engine
    advance = in_batches(progress, len(listed), size)
    found = fold(chosen.parts(reducer, cut(len(listed), size), shards, advance), reducer)
    rows = []
    for (depth, layer), (number, concept) in product(enumerate(bank.layers), enumerate(bank.concepts)):
        for at, item in enumerate(listed):
            score, p_value, share, in_fit = found[at][depth, number].tolist()
            known = not (in_fit or np.isnan(p_value))
            ends = bank.cav(layer, concept).calibration.interval(p_value) if known else (np.nan, np.nan)
            rows.append(
                {
                    "layer": layer,
                    "concept": concept,
                    "image": item.name,
                    "image_score": score,
                    "image_p": p_value if known else np.nan,
                    "image_p_low": ends[0],
                    "image_p_high": ends[1],
                    "in_fit": bool(in_fit),
                    "present": share,
                    "weak": (layer, concept) in weak,
                }
            )
    return pd.DataFrame(rows)


@dataclass(frozen=True)
class Loaded:
    """A batch as the network's input."""

    start: int
    """Number of its first image."""
    inputs: torch.Tensor
    """Of the network."""
    in_fit: tuple[bool, ...]
    """Whether the bank was fitted or calibrated on each."""
    insides: tuple[Inside, ...] | None
    """The locations that count, of each image; None if all count."""


@dataclass(frozen=True)
class ImageScorer:
    """The reducer: from batches of images to their scores."""

    model: VisionModel
    bank: ConceptBank
    """As `score_images` takes them, checked."""
    items: Sequence[ImageItem] = field(repr=False)
    masks: Sequence[MaskItem] | None = field(default=None, repr=False)
    """The mask of each image; None if all locations count."""

    def running(self) -> AbstractContextManager[None]:
        """Freeze the network."""
        return self.model.frozen()

    @cached_property
    def _basis(self) -> str:
        return json.dumps(["image scores", PART_VERSION, self.model.identity(), self.bank.fingerprint])

    def key(self, shard: Shard[range]) -> str:
        """Return a SHA-256 of the network, the bank and the shard's images."""
        return shard_key(self._basis, shard, self.items, self.masks)

    def load(self, piece: range) -> Loaded:
        """Read and transform a batch of images."""
        images = [self.items[number].load() for number in piece]
        insides = insides_of(self.model, self.items, self.masks, piece, images)
        in_fit = tuple(self.bank.made_from(self.items[number].digest) for number in piece)
        return Loaded(piece.start, self.model.inputs(images), in_fit, insides)

    def empty(self) -> Part:
        """Return the scores of no images."""
        return {}

    def add(self, part: Part, loaded: Loaded) -> Part:
        """Run a batch and add its scores."""
        count, concepts = len(loaded.inputs), self.bank.concepts
        found = np.full((count, len(self.bank.layers), len(concepts), 4), np.nan)
        found[..., 3] = np.array(loaded.in_fit)[:, None, None]
        records = self.model.activations(loaded.inputs, list(self.bank.layers))
        for depth, layer in enumerate(self.bank.layers):
            cells = records[layer].cells
            self._require(layer, cells, loaded.start)
            grid, read = tuple(cells.shape[1:-1]), self.bank.preprocessing(cells)
            cavs = [self.bank.cav(layer, concept) for concept in concepts]
            inside = None if loaded.insides is None else counts_of(loaded.insides, grid, layer)
            counts = np.ones((count, *grid), dtype=bool) if inside is None else inside
            shown, evident = (each.cpu().numpy() for each in (relevance(read, cavs), evidence(read, cavs)))
            for number, cav in enumerate(cavs):
                values = np.where(counts, shown[:, number], np.float32(-np.inf)).reshape(count, -1)
                found[:, depth, number, 0] = values.max(axis=1).astype(np.float64) + cav.threshold
                presence = (
                    present(cav, read, evident[:, number], inside) if grid == self.bank.layers[layer].grid else None
                )
                if presence is not None:
                    found[:, depth, number, 1] = presence.p_values
                    significant = presence.mask.reshape(count, -1).sum(axis=1)
                    found[:, depth, number, 2] = significant / counts.reshape(count, -1).sum(axis=1)
        return part | {loaded.start + row: found[row] for row in range(count)}

    def _require(self, layer: str, cells: torch.Tensor, start: int) -> None:
        channels = self.bank.layers[layer].channels
        if cells.shape[-1] != channels:
            raise LayerError(f"layer {layer!r} has {cells.shape[-1]} channels, but the bank was fitted with {channels}")
        finite = torch.isfinite(cells).flatten(1).all(dim=1)
        if not bool(finite.all()):
            raise ActivationError(
                f"layer {layer!r} gives values that are not finite for "
                f"{self.items[start + int((~finite).nonzero()[0])].name}; check the network's weights and the "
                "transform, or run it in float32"
            )

    def merge(self, left: Part, right: Part) -> Part:
        """Join the scores of different images."""
        return left | right

    def pack(self, part: Part) -> dict[str, Array]:
        """Return a part as arrays."""
        return {str(number): values for number, values in part.items()}

    def unpack(self, arrays: Mapping[str, Array], shard: Shard[range]) -> Part:
        """Invert `pack`."""
        return {int(name): values for name, values in arrays.items()}
