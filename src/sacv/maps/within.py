"""Effect of masks on an explanation: how much of each image counts, and what lies outside."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sacv.cav.inside import Counted
from sacv.concepts import MaskItem
from sacv.maps.layer_maps import LayerMaps
from sacv.maps.views import chunks
from sacv.stats import Float64


@dataclass(frozen=True)
class Outside:
    """Shares outside the masks, over all images of a layer and concept."""

    relevant: float | None
    """Share of the relevant locations that lie outside; None if no location is relevant."""
    contribution: float | None
    """Share of the absolute contribution at relevant locations that lies outside; None if it is zero."""

    def __str__(self) -> str:
        if self.relevant is None:
            return "no location is relevant, inside or outside"
        given = "" if self.contribution is None else f" and {self.contribution:.0%} of their contribution"
        return f"{self.relevant:.0%} of the relevant locations{given} lie outside and do not count"


@dataclass(frozen=True)
class ExplainedWithin:
    """Effect of masks on an explanation."""

    digest: str
    """SHA-256 over the hashes of the masks, in the order of the images."""
    counted: Mapping[str, Counted]
    """Shares of the images that count, by layer."""
    outside: Mapping[str, Mapping[str, Outside]]
    """Shares outside, by layer and concept."""

    @classmethod
    def of(
        cls, masks: Sequence[MaskItem], maps: Mapping[str, LayerMaps], concepts: Sequence[str], images: int
    ) -> ExplainedWithin:
        """Compute from the maps of all images."""
        digest = hashlib.sha256("".join(mask.digest for mask in masks).encode()).hexdigest()
        counted, outside = {}, {}
        for layer, layer_maps in maps.items():
            shares, sums = [], np.zeros((4, len(concepts)))
            for some in chunks(images):
                part = layer_maps.subset(some)
                assert part.inside is not None
                shares.append(part.inside.reshape(len(part.inside), -1).mean(axis=1))
                sums += relevant_sums(part).sum(axis=1)
            counted[layer] = Counted.of(np.concatenate(shares))
            outside[layer] = {
                concept: Outside(share(*sums[:2, number]), share(*sums[2:, number]))
                for number, concept in enumerate(concepts)
            }
        return cls(digest, counted, outside)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> ExplainedWithin:
        """Undo `to_json`."""
        return cls(
            fields["digest"],
            {layer: Counted(**counted) for layer, counted in fields["counted"].items()},
            {
                layer: {concept: Outside(**one) for concept, one in concepts.items()}
                for layer, concepts in fields["outside"].items()
            },
        )

    def summary(self, layer: str, concept: str) -> str:
        """Return in words how much counts, and how much lies outside."""
        return f"{self.counted[layer]} of the locations of each image count; {self.outside[layer][concept]}"

    def to_json(self) -> dict[str, Any]:
        """Return the fields for a label file."""
        return asdict(self)


def relevant_sums(maps: LayerMaps) -> Float64:
    """Return sums over relevant locations, outside and everywhere, float64 `(4, images, concepts)`.

    The first two are the number of relevant locations, the others the sum of their absolute contribution.
    """
    assert maps.inside is not None
    relevant = maps.relevance > 0
    outer = relevant & ~maps.inside[:, None]
    size = np.abs(maps.contribution)
    axes = tuple(range(2, relevant.ndim))
    return np.stack(
        [
            outer.sum(axis=axes, dtype=np.float64),
            relevant.sum(axis=axes, dtype=np.float64),
            np.where(outer, size, 0).sum(axis=axes, dtype=np.float64),
            np.where(relevant, size, 0).sum(axis=axes, dtype=np.float64),
        ]
    )


def share(part: float, whole: float) -> float | None:
    """Return a part's share; None if the whole is 0."""
    return float(part / whole) if whole > 0 else None
