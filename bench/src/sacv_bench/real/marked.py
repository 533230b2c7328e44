"""A concept marked on some photos, found on others: what streets, horses, lesions and patterns share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from sacv_bench.real.activations import Float64, Seen
from sacv_bench.real.material import Photo
from sacv_bench.real.methods import Told, maps
from sacv_bench.real.observed import Observation, at, names_of, place
from sacv_bench.real.setup import Lab


@dataclass(frozen=True, eq=False)
class Marked:
    """A concept on photos that the network has seen.

    Parameters
    ----------
    lab
        The network and the material.
    experiment, concept
        What is asked.
    photos, seen
        The photos, and what the network says of them, in the same order.
    """

    lab: Lab
    experiment: str
    concept: str
    photos: Sequence[Photo]
    seen: Seen

    @property
    def legal(self) -> list[int]:
        """Numbers of the photos on which the concept is marked."""
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
        told: Mapping[str, Sequence[Told]] | None = None,
        label: str | None = None,
    ) -> list[Observation]:
        """Mark the concept on photos and find it on others, by every method at every layer.

        Parameters
        ----------
        trained, tested
            Numbers of photos; no photo may be in both.
        random, told
            Photos against the concept beside the rest of those trained on, and what they tell at each layer.
        label
            What rows call the concept; its name by default.
        """
        bank = self.lab.fit_marked(self.concept, [self.photos[number] for number in trained], random)
        label = self.concept if label is None else label
        named = self.lab.advised(bank, self.experiment, label, len(trained))
        found: list[Observation] = []
        for layer in self.lab.layers:
            examples = self.lab.told_marked(self.seen, layer, trained, [self.shares[layer, one] for one in trained])
            examples += [] if told is None else told[layer]
            target = self.lab.network.target(self.concept)
            given = maps(bank, layer, self.concept, examples, self.seen, tested, target)
            found += at(
                place(given, [self.shares[layer, number] for number in tested], tested),
                names_of(layer, named),
                network=self.lab.network.name,
                experiment=self.experiment,
                concept=label,
                n=len(trained),
            )
        return found
