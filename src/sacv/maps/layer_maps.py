"""The maps of one layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sacv.deprecation import RenamedAttribute
from sacv.files import Array

Map = NDArray[np.float32]
Marks = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class LayerMaps:
    """The maps of one layer.

    Parameters
    ----------
    relevance, contribution
        Float32 `(images, concepts, *grid)`.
    relevance_significant, contribution_significant
        Bool, of the same shape: where the relevance, and where the derivative of the logit along v, are significant
        (`sacv.maps.significance`); None if the bank has no null CAVs. The derivative is tested whatever the method.
    present
        Presence mask by concept, bool `(images, *grid)` (`sacv.cav.presence`), for concepts with a calibrated one.
    inside
        Bool `(images, *grid)`: the locations that count, if the images are explained within masks; None if all do.
        Relevance and contribution are of all locations, the masks of those that count.
    p_values
        By concept, float64 `(images,)`: p-values of the image scores, for concepts with a calibrated presence mask.
    """

    relevance: Map
    contribution: Map
    relevance_significant: Marks | None
    contribution_significant: Marks | None
    present: Mapping[str, Marks]
    inside: Marks | None = None
    p_values: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    of = RenamedAttribute("subset")

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], names: Mapping[str, str]) -> LayerMaps:
        """Create from the arrays of a layer; `names` maps each concept to its name in their keys."""

        def by_concept(kind: str) -> dict[str, Array]:
            keys = {concept: f"{kind}/{name}" for concept, name in names.items()}
            return {concept: arrays[key] for concept, key in keys.items() if key in arrays}

        return cls(
            arrays["relevance"],
            arrays["contribution"],
            arrays.get("relevance_significant"),
            arrays.get("contribution_significant"),
            by_concept("present"),
            arrays.get("inside"),
            by_concept("p_value"),
        )

    @property
    def grid(self) -> tuple[int, ...]:
        """The grid of the maps."""
        return self.relevance.shape[2:]

    def subset(self, images: Sequence[int] | slice) -> LayerMaps:
        """Return a copy of the maps of some images, by their numbers."""
        rows = images if isinstance(images, slice) else list(images)
        return LayerMaps(
            np.array(self.relevance[rows]),
            np.array(self.contribution[rows]),
            None if self.relevance_significant is None else np.array(self.relevance_significant[rows]),
            None if self.contribution_significant is None else np.array(self.contribution_significant[rows]),
            {concept: np.array(marks[rows]) for concept, marks in self.present.items()},
            None if self.inside is None else np.array(self.inside[rows]),
            {concept: np.array(values[rows]) for concept, values in self.p_values.items()},
        )

    def counting(self, values: Map) -> Map:
        """Return maps `(images, *grid)` of this layer with NaN where locations do not count."""
        return values if self.inside is None else np.where(self.inside, values, np.float32(np.nan))

    def arrays(self, layer: str) -> dict[str, Array]:
        """Return the arrays by their names in the file."""
        named: dict[str, Array | None] = {
            "relevance": self.relevance,
            "contribution": self.contribution,
            "relevance_significant": self.relevance_significant,
            "contribution_significant": self.contribution_significant,
            "inside": self.inside,
        }
        named |= {f"present/{concept}": values for concept, values in self.present.items()}
        named |= {f"p_value/{concept}": values for concept, values in self.p_values.items()}
        return {f"{layer}/{kind}": values for kind, values in named.items() if values is not None}


@dataclass(frozen=True, eq=False)
class MapsByLayer(Mapping[str, LayerMaps]):
    """The maps by layer, read at each use."""

    layers: Sequence[str]
    read: Callable[[str], LayerMaps] = field(repr=False)

    def __getitem__(self, layer: str) -> LayerMaps:
        if layer not in self.layers:
            raise KeyError(layer)
        return self.read(layer)

    def __iter__(self) -> Iterator[str]:
        return iter(self.layers)

    def __len__(self) -> int:
        return len(self.layers)
