"""Fit within masks: the masks of all images, their coverage, and a comparison with the whole images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
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
"""Number of threads that read images and masks."""


@dataclass(frozen=True, eq=False)
class Masked:
    """The masks of a fit, and the share of each cell inside."""

    masks: Mapping[str, MaskItem]
    """By hash of the image."""
    weights: Mapping[str, Weights]
    """By hash of the image and by layer, float64 `(locations,)`."""

    def counts(self, items: Iterable[ImageItem]) -> dict[str, list[Counts]]:
        """Return, by layer, the locations of each image that count, bool `(locations,)`."""
        found: dict[str, list[Counts]] = {}
        for item in items:
            for layer, cover in self.weights[item.digest].items():
                found.setdefault(layer, []).append(counting(cover))
        return found


def read_masks(model: VisionModel, grids: Grids, items: Sequence[ImageItem], within: Within) -> Masked:
    """Load the mask of every image and compute the share of each cell inside, for every layer.

    Raises ImageSetError if a mask is missing, empty, of another size, or outside the input of the network, or if an
    image has two masks, and the errors of `size_and_region`.
    """
    masks: dict[str, MaskItem] = {}
    first: dict[str, ImageItem] = {}
    for item, mask in zip(items, within.of(items), strict=True):
        other = first.setdefault(item.digest, item)
        if masks.setdefault(item.digest, mask).digest != mask.digest:
            raise ImageSetError(
                f"within: the same image has two masks, as {other.name} {masks[item.digest].name} and as {item.name} "
                f"{mask.name}; remove one of the two"
            )

    def weigh(item: ImageItem) -> Weights:
        return inside_weights(model, grids, item, masks[item.digest])

    return Masked(masks, dict(zip(first, ahead(weigh, first.values(), READERS), strict=True)))


def without_masks(bank: BankWithin, way_out: str = "Give their masks with --within (within=).") -> str:
    """Return the warning for a bank that was fitted within masks and is used on images without masks."""
    return (
        f"The bank was fitted within masks, which cover {bank.description}, but these images have no masks: locations "
        f"outside the masks count here. {way_out}"
    )


@dataclass(frozen=True)
class Compared:
    """Effect of the masks at a layer for a concept with whole images, by the difference of the means of images."""

    layer: str
    concept: str
    inside: float
    whole: float
    """AUROC on held-out images inside the masks, and on the whole images."""
    cosine: float
    """Cosine between the two differences of means."""

    def __str__(self) -> str:
        return (
            f"the difference of means has AUROC {self.inside:.2f} on held-out images inside the masks, and "
            f"{self.whole:.2f} on whole images (cosine of the two directions {self.cosine:.2f})"
        )


@dataclass(frozen=True)
class BankWithin:
    """The masks that a bank was fitted within."""

    digest: str
    """SHA-256 over the hashes of the images and their masks."""
    pictures: int
    mean: float
    least: float
    greatest: float
    """Mean, minimum and maximum over images of the share of the network's input inside the mask."""
    median: float | None = None
    """Median of the same; None for merged banks."""
    compared: tuple[Compared, ...] = field(default=())
    """Effect of the masks, for concepts with whole images."""

    @classmethod
    def of(cls, masked: Masked, compared: Sequence[Compared]) -> BankWithin:
        """Summarise the masks of a fit."""
        digest = hashlib.sha256()
        for image in sorted(masked.masks):
            digest.update(f"{image}{masked.masks[image].digest}".encode())
        shares = np.array([next(iter(weights.values())).mean() for weights in masked.weights.values()])
        ends = float(shares.mean()), float(shares.min()), float(shares.max())
        return cls(digest.hexdigest(), len(shares), *ends, float(np.median(shares)), tuple(compared))

    @classmethod
    def joined(cls, parts: Sequence[BankWithin]) -> BankWithin:
        """Summarise the masks of several banks, which may share images."""
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
    def description(self) -> str:
        """Coverage of the masks in words."""
        middle = f"{self.mean:.0%} on average" if self.median is None else f"{self.median:.0%} by the median"
        return f"{middle} of each image ({self.least:.0%} to {self.greatest:.0%} over {self.pictures} images)"

    def to_json(self) -> dict[str, Any]:
        """Return the fields for the JSON file."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> BankWithin:
        """Create the summary from the fields of the JSON file."""
        return cls(**{**fields, "compared": tuple(Compared(**one) for one in fields["compared"])})


def compare(
    layers: Sequence[str],
    sets: Sequence[BankSet],
    statistics: Mapping[tuple[str, str], SetStatistics],
    whole: Mapping[tuple[str, str], ImageMeans],
) -> list[Compared]:
    """Compare the fit within masks with whole images, for each concept whose whole images and random set are known.

    The random set is the last of `sets`. By layer and key of the set, `statistics` are those inside the masks, and
    `whole` the means of the whole images.
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
