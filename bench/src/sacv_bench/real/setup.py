"""`Lab`: a network, the material and the effort, and the fits that the experiments share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from sacv.cav import ConceptBank, fit
from sacv.concepts import Region
from sacv.model import VisionModel
from sacv.trust.advice import advise
from sacv_bench.real.activations import Float64, Seen, see
from sacv_bench.real.material import Material, Photo
from sacv_bench.real.methods import ImageSample, sample_image
from sacv_bench.real.networks import Network
from sacv_bench.real.sizes import RealEffort


@dataclass(frozen=True, eq=False)
class Lab:
    """A network with the material.

    Parameters
    ----------
    network
        The network.
    material
        The photographs.
    effort
        How much is measured.
    seed
        Of everything drawn.
    """

    network: Network
    material: Material
    effort: RealEffort
    seed: int
    advice: list[dict[str, object]] = field(default_factory=list)
    """The layer that each bank's advice named."""

    @cached_property
    def model(self) -> VisionModel:
        """The network as the package sees it."""
        return self.network.load(self.material.folder)

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers measured, from shallow to deep."""
        return self.network.layers

    def rng(self, *numbers: int) -> np.random.Generator:
        """Return a random generator for the given numbers."""
        return np.random.default_rng([self.seed, *numbers])

    def see(self, photos: Sequence[Photo], targets: Sequence[str] = ()) -> Seen:
        """Run the network on photos."""
        return see(self.model, self.layers, [photo.image() for photo in photos], targets)

    def fit_annotated(
        self,
        concept: str,
        photos: Sequence[Photo],
        random: Sequence[Photo] = (),
        *,
        nulls: int = 0,
        absent: Sequence[Photo] | None = None,
    ) -> ConceptBank:
        """Fit a concept from annotated photos against their rest and, if given, random photos."""
        region = Region([str(photo.path) for photo in photos], [photo.mask(concept) for photo in photos])
        return fit(
            self.model,
            list(self.layers),
            random=[str(photo.path) for photo in random],
            regions={concept: region},
            rest=True,
            runs=1,
            nulls=nulls,
            absent=None if absent is None else [str(photo.path) for photo in absent],
            seed=self.seed,
        )

    def fit_whole(
        self,
        concept: str,
        photos: Sequence[Photo],
        random: Sequence[Photo],
        *,
        nulls: int = 0,
        absent: Sequence[Photo] | None = None,
    ) -> ConceptBank:
        """Fit a concept from whole images against others."""
        return fit(
            self.model,
            list(self.layers),
            {concept: [str(photo.path) for photo in photos]},
            [str(photo.path) for photo in random],
            runs=1,
            nulls=nulls,
            absent=None if absent is None else [str(photo.path) for photo in absent],
            seed=self.seed,
        )

    def advised(self, bank: ConceptBank, experiment: str, concept: str, n: int) -> str:
        """Return the layer that the advice ranks first, and record it."""
        layer = advise(self.model, bank)[0].layer
        self.advice.append(
            {"network": self.network.name, "experiment": experiment, "concept": concept, "n": n, "layer": layer}
        )
        return layer

    def annotated_samples(
        self, seen: Seen, layer: str, numbers: Sequence[int], masks: Sequence[Float64]
    ) -> list[ImageSample]:
        """Return samples of annotated photos, from their numbers in `seen` and the share of each cell in the region."""
        rng = self.rng(1)
        return [sample_image(seen.cells[layer][number], mask, rng) for number, mask in zip(numbers, masks, strict=True)]

    def whole_samples(self, photos: Sequence[Photo], shown: bool) -> dict[str, list[ImageSample]]:
        """Return samples of whole images by layer, with or without the concept."""
        found: dict[str, list[ImageSample]] = {layer: [] for layer in self.layers}
        rng = self.rng(2, int(shown))
        for start in range(0, len(photos), 8):
            inputs = self.model.inputs([photo.image() for photo in photos[start : start + 8]])
            for layer, record in self.model.activations(inputs, self.layers).items():
                for cells in record.cells.float():
                    found[layer].append(sample_image(cells, np.full(tuple(cells.shape[:-1]), float(shown)), rng))
        return found
