"""What an explanation gathers of one layer, over batches of images."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.errors import LayerError
from sacv.maps.chance import Chance
from sacv.maps.checks import Checks, check
from sacv.maps.explanation import LayerMaps, Map
from sacv.maps.methods import Method, Scene
from sacv.maps.relevance import derivative, evidence, position, relevance
from sacv.model import Rest

KINDS = ("relevance", "position", "derivative", "contribution", "evidence")


class ExplainedLayer:
    """The maps of a layer, what chance reaches there, and its trust lines, batch by batch.

    Parameters
    ----------
    bank, layer
        The CAVs, and the layer.
    """

    def __init__(self, bank: ConceptBank, layer: str) -> None:
        self.bank, self.layer = bank, layer
        self.cavs = [bank.cav(layer, concept) for concept in bank.concepts]
        self.chance = Chance(bank, layer, self.cavs)
        self.lines: list[list[Checks]] = []
        self._parts: dict[str, list[Map]] = {kind: [] for kind in KINDS}

    def require_grid(self, cells: torch.Tensor, name: str) -> None:
        """Require activations `(n, *grid, channels)`, the first of image `name`, to be as the bank's and those before.

        Raises
        ------
        LayerError
            If they have other channels, or another grid.
        """
        channels = self.bank.layers[self.layer].channels
        if cells.shape[-1] != channels:
            raise LayerError(
                f"layer {self.layer!r} has {cells.shape[-1]} channels, but the bank was made with {channels}"
            )
        before = self._parts["relevance"]
        if before and before[0].shape[2:] != cells.shape[1:-1]:
            raise LayerError(
                f"layer {self.layer!r} has a grid of {tuple(cells.shape[1:-1])} for {name}, but of "
                f"{before[0].shape[2:]} for the images before; explain images of one size at a time"
            )

    def scene(self, rest: Rest, values: torch.Tensor, gradients: torch.Tensor) -> Scene:
        """Give a batch as methods and checks see it, from what is explained `(n,)` and its gradients."""
        read = self.bank.reading(rest.record.cells)
        return Scene(
            rest=rest,
            values=values,
            gradients=gradients,
            read=read,
            relevance=relevance(read, self.cavs),
            position=position(read, self.cavs),
            derivative=derivative(gradients, self.cavs),
            cavs=self.cavs,
            bank=self.bank,
        )

    def add(self, scene: Scene, method: Method, *, checks: bool) -> None:
        """Take in a batch."""
        given = {
            "relevance": scene.relevance,
            "position": scene.position,
            "derivative": scene.derivative,
            "contribution": method.maps(scene),
            "evidence": evidence(scene.read, self.cavs),
        }
        for kind, values in given.items():
            self._parts[kind].append(values.cpu().numpy())
        self.chance.add(scene.read, scene.gradients)
        if checks:
            self.lines += check(scene)

    @property
    def derivatives(self) -> Map:
        """The derivative along v of all images, `(images, concepts, *grid)`."""
        return np.concatenate(self._parts["derivative"])

    def maps(self) -> LayerMaps:
        """Give the maps of all images."""
        joined = {kind: np.concatenate(parts) for kind, parts in self._parts.items()}
        seen, given, slope = joined["relevance"], joined["contribution"], joined["derivative"]
        marks = [
            self.chance.marks(cav, joined["position"][:, number], slope[:, number])
            for number, cav in enumerate(self.cavs)
        ]
        present = self._present(joined["evidence"])
        if any(pair is None for pair in marks):
            return LayerMaps(seen, given, None, None, present)
        relevant, contributing = (
            np.stack(kind, axis=1) for kind in zip(*(pair for pair in marks if pair), strict=True)
        )
        return LayerMaps(seen, given, relevant, contributing, present)

    def _present(self, evident: Map) -> dict[str, NDArray[np.bool_]]:
        if evident.shape[2:] != self.bank.layers[self.layer].grid:
            return {}
        return {
            cav.concept: evident[:, number] > np.float32(cav.presence.threshold)
            for number, cav in enumerate(self.cavs)
            if cav.presence.threshold is not None
        }
