"""Which layers a concept can be made at, and which layer of a bank to take."""

from __future__ import annotations

from typing import Any

from sacv.cav import ConceptBank
from sacv.model import VARIES, VisionModel, gradient_kinds, suggested_layers
from sacv.model.roles import ACTIVATION, BLOCK
from sacv.trust import ranked

FIRST = 2
"""Layers that are chosen where the user chooses none: the deepest of those worth asking about."""


class Layers:
    """The layers of a model with a two-dimensional grid, found by forward passes at the start.

    Parameters
    ----------
    model
        What is explained.
    """

    def __init__(self, model: VisionModel) -> None:
        found = list(model.survey(model.example()).values())
        usable = [info for info in found if info.usable]
        self.order = [info.name for info in found]
        self.varies = gradient_kinds(model, model.example(), [info.name for info in usable]) if usable else {}
        flat = [info for info in usable if len(info.grid) == 2]
        self.infos = [info for info in flat if info.role in (BLOCK, ACTIVATION)] or flat
        worth = suggested_layers(found, self.varies) & {info.name for info in flat}
        self.worth = [name for name in self.order if name in worth] or [info.name for info in self.infos[-1:]]
        self.infos = [info for info in flat if info in self.infos or info.name in self.worth]

    def offered(self) -> list[dict[str, Any]]:
        """Return all blocks and activations; `worth` is set for the advised layers, `first` for the deepest of them.

        For a network with neither, all layers are returned.
        """
        return [
            {
                "name": info.name,
                "grid": list(info.grid),
                "worth": info.name in self.worth,
                "first": info.name in self.worth[-FIRST:],
            }
            for info in self.infos
        ]

    def advice(self, bank: ConceptBank) -> dict[str, str]:
        """Return the layers of a bank that are advised for location and for contribution.

        Returns
        -------
        `place` and `contribution`, names of layers, and `advice`, a sentence.
        """
        found = ranked(bank, sorted(bank.layers, key=self.order.index), self.varies)
        place, best = found[0].layer, min(found, key=lambda one: one.contribution_rank)
        told = _sentence(place, best.layer, len(found)) if best.contribution == VARIES else _nowhere(place)
        return {"place": place, "contribution": best.layer, "advice": told}


def _sentence(place: str, contribution: str, layers: int) -> str:
    if layers == 1:
        return f"It was fitted at one layer, {place}, so no other was compared."
    if place == contribution:
        return f"Of its {layers} layers take {place}, both to see where a concept is and what it counts for."
    return f"To see where a concept is, take the layer {place}; to see what it counts for, {contribution}."


def _nowhere(place: str) -> str:
    return (
        f"To see where a concept is, take the layer {place}. At no layer of this bank can what a concept counts for "
        "differ between locations; fit it at others, too."
    )
