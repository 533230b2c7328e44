"""A fit within masks: the masks of all pictures, how much of each counts, and what the whole pictures would say."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sacv.cav.contrast import kind_auroc
from sacv.cav.inside import Counts, counting
from sacv.cav.region_weights import Grids, Weights, inside_weights
from sacv.cav.sets import RANDOM, BankSet
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.concepts import ImageItem, MaskItem, Within
from sacv.engine.prefetch import ahead
from sacv.errors import ImageSetError
from sacv.model import VisionModel

READERS = 8
"""Threads that read pictures and masks."""


@dataclass(frozen=True, eq=False)
class Masked:
    """The masks of a fit, and the share of each location that is inside.

    Parameters
    ----------
    masks
        By the picture's hash.
    weights
        By the picture's hash and by layer, float64 `(locations,)`.
    """

    masks: Mapping[str, MaskItem]
    weights: Mapping[str, Weights]

    def counts(self, items: Iterable[ImageItem]) -> dict[str, list[Counts]]:
        """Give by layer the locations of each picture that count, bool `(locations,)`."""
        found: dict[str, list[Counts]] = {}
        for item in items:
            for layer, cover in self.weights[item.digest].items():
                found.setdefault(layer, []).append(counting(cover))
        return found


def read_masks(model: VisionModel, grids: Grids, items: Sequence[ImageItem], within: Within) -> Masked:
    """Find the mask of every picture and lay it on every layer.

    Raises
    ------
    ImageSetError
        If a mask is missing, empty, of another size, or outside what the network sees, or if one picture has two.
    OptionError
        If the way from a picture to the grid is not known.
    """
    masks: dict[str, MaskItem] = {}
    first: dict[str, ImageItem] = {}
    for item, mask in zip(items, within.of(items), strict=True):
        other = first.setdefault(item.digest, item)
        if masks.setdefault(item.digest, mask).digest != mask.digest:
            raise ImageSetError(
                f"within: the same picture has two masks, as {other.name} {masks[item.digest].name} and as {item.name} "
                f"{mask.name}; take out one of the two"
            )
    lay = partial(_laid, model, grids, masks)
    return Masked(masks, dict(zip(first, ahead(lay, first.values(), READERS), strict=True)))


def _laid(model: VisionModel, grids: Grids, masks: Mapping[str, MaskItem], item: ImageItem) -> Weights:
    return inside_weights(model, grids, item, masks[item.digest])


def without_masks(bank: BankWithin, way_out: str = "Give their masks with --within (within=).") -> str:
    """Say that a bank was fitted within masks, where what it is used on has none, and what to do."""
    return (
        f"The bank was fitted within masks, which leave {bank.told}, and these images are taken as a whole: places "
        f"that the fit left out count here. {way_out}"
    )


@dataclass(frozen=True)
class Compared:
    """What the masks change at a layer for a concept of whole pictures; all by the difference of means of images.

    Parameters
    ----------
    layer, concept
        What it is of.
    inside, whole
        AUROC on held-out images, of what is inside, and of the whole pictures.
    cosine
        Between the two differences of means.
    """

    layer: str
    concept: str
    inside: float
    whole: float
    cosine: float

    def __str__(self) -> str:
        return (
            f"the difference of means tells held-out images apart with AUROC {self.inside:.2f} inside the masks and "
            f"{self.whole:.2f} over whole pictures (cosine of the two directions {self.cosine:.2f})"
        )


@dataclass(frozen=True)
class BankWithin:
    """The masks that a bank was fitted within.

    Parameters
    ----------
    digest
        SHA-256 over the hashes of the pictures and of their masks.
    pictures
        Their number.
    mean, least, greatest
        Share of what the network sees of a picture that is inside, over pictures.
    median
        Of the same; none in banks that were merged.
    compared
        Without concepts of marked regions.
    """

    digest: str
    pictures: int
    mean: float
    least: float
    greatest: float
    median: float | None = None
    compared: tuple[Compared, ...] = field(default=())

    @classmethod
    def of(cls, masked: Masked, compared: Sequence[Compared]) -> BankWithin:
        """Sum up the masks of a fit."""
        digest = hashlib.sha256()
        for picture in sorted(masked.masks):
            digest.update(f"{picture}{masked.masks[picture].digest}".encode())
        shares = np.array([next(iter(weights.values())).mean() for weights in masked.weights.values()])
        ends = float(shares.mean()), float(shares.min()), float(shares.max())
        return cls(digest.hexdigest(), len(shares), *ends, float(np.median(shares)), tuple(compared))

    @classmethod
    def joined(cls, parts: Sequence[BankWithin]) -> BankWithin:
        """Sum up the masks of several banks, whose pictures need not be different."""
        digests = sorted({part.digest for part in parts})
        if len(digests) == 1:
            return replace(parts[0], compared=())
        pictures = sum(part.pictures for part in parts)
        return cls(
            hashlib.sha256("".join(digests).encode()).hexdigest(),
            pictures,
            sum(part.mean * part.pictures for part in parts) / pictures,
            min(part.least for part in parts),
            max(part.greatest for part in parts),
        )

    @property
    def told(self) -> str:
        """Say for people how much of the pictures counts."""
        middle = f"{self.mean:.0%} on average" if self.median is None else f"{self.median:.0%} by the median"
        return f"{middle} of each picture ({self.least:.0%} to {self.greatest:.0%} over {self.pictures} pictures)"

    def to_json(self) -> dict[str, Any]:
        """Give the fields for a label file."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> BankWithin:
        """Read the fields of a label file."""
        return cls(**{**fields, "compared": tuple(Compared(**one) for one in fields["compared"])})


def compare(
    layers: Sequence[str],
    sets: Sequence[BankSet],
    statistics: Mapping[tuple[str, str], SetStatistics],
    whole: Mapping[tuple[str, str], ImageMeans],
) -> list[Compared]:
    """Hold the masks against the whole pictures, for each concept that both sides are known of.

    Parameters
    ----------
    layers
        Their names.
    sets
        The concepts and, last, the random set.
    statistics
        By layer and key of the set, inside the masks.
    whole
        By layer and key of the set, the means of the whole pictures.
    """
    found = []
    for layer in layers:
        for entry in sets[:-1]:
            rest = f"rest/{entry.concept}"
            keys = entry.key, rest if (layer, rest) in statistics else RANDOM
            if not all((layer, key) in whole for key in keys):
                continue
            inside = [statistics[layer, key] for key in keys]
            outer = [replace(side, images=whole[layer, key]) for side, key in zip(inside, keys, strict=True)]
            steps = [_mean(sides[0]) - _mean(sides[1]) for sides in (inside, outer)]
            size = max(float(prod(np.linalg.norm(step) for step in steps)), 1e-300)
            cosine = float(np.clip(steps[0] @ steps[1] / size, -1, 1))
            found.append(Compared(layer, str(entry.concept), kind_auroc(*inside), kind_auroc(*outer), cosine))
    return found


def _mean(found: SetStatistics) -> NDArray[np.float64]:
    return found.images.of(np.ones(len(found.image_fold), dtype=bool))
