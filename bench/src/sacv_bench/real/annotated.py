"""A concept learned from some annotated photos and located on others, for streets, horses, lesions and patterns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sacv_bench.real.activations import Float64, Seen
from sacv_bench.real.material import Photo
from sacv_bench.real.methods import ImageSample, maps
from sacv_bench.real.observed import Observation, at, location_rows, names_of
from sacv_bench.real.setup import Lab


@dataclass(frozen=True, eq=False)
class AnnotatedConcept:
    """A concept on annotated photos, with their activations.

    Parameters
    ----------
    lab
        The network and the material.
    experiment, concept
        Their names.
    photos, seen
        The photos, and their activations, in the same order.
    """

    lab: Lab
    experiment: str
    concept: str
    photos: Sequence[Photo]
    seen: Seen

    @property
    def legal(self) -> list[int]:
        """Numbers of the photos with regions of the concept."""
        return [number for number, photo in enumerate(self.photos) if photo.shows(self.concept)]

    @cached_property
    def shares(self) -> dict[tuple[str, int], Float64]:
        """Share of each cell that the concept covers, by layer and number of the photo."""
        masks = {number: self.photos[number].mask(self.concept) for number in self.legal}
        return {
            (layer, number): self.seen.shares(layer, number, mask)
            for layer in self.lab.layers
            for number, mask in masks.items()
        }

    def round(
        self,
        trained: Sequence[int],
        tested: Sequence[int],
        *,
        random: Sequence[Photo] = (),
        samples: Mapping[str, Sequence[ImageSample]] | None = None,
        label: str | None = None,
    ) -> list[Observation]:
        """Learn the concept from photos and locate it on others, by every method at every layer.

        Parameters
        ----------
        trained, tested
            Numbers of photos; no photo may be in both.
        random, samples
            Random photos, used in addition to the rest, and their samples by layer.
        label
            Name of the concept in the rows; its own name by default.
        """
        bank = self.lab.fit_annotated(self.concept, [self.photos[number] for number in trained], random)
        label = self.concept if label is None else label
        named = self.lab.advised(bank, self.experiment, label, len(trained))
        found: list[Observation] = []
        for layer in self.lab.layers:
            examples = self.lab.annotated_samples(
                self.seen, layer, trained, [self.shares[layer, one] for one in trained]
            )
            examples += [] if samples is None else samples[layer]
            target = self.lab.network.target(self.concept)
            given = maps(bank, layer, self.concept, examples, self.seen, tested, target)
            found += at(
                location_rows(given, [self.shares[layer, number] for number in tested], tested),
                names_of(layer, named),
                network=self.lab.network.name,
                experiment=self.experiment,
                concept=label,
                n=len(trained),
            )
        return found
