"""The layers at which a concept can be fitted, and the advised layers of a bank."""

from __future__ import annotations

from typing import Any

from sacv.cav import ConceptBank
from sacv.model import VARIES, VisionModel, gradient_kinds, suggested_layers
from sacv.model.roles import ACTIVATION, BLOCK
from sacv.trust import ranked

FIRST = 2
"""Number of layers that are chosen by default: the deepest of the advised ones."""


class Layers:
    """The layers of a model with a two-dimensional grid, found by forward passes."""

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

        `place` and `contribution` are names of layers, and `advice` is a sentence.
        """
        found = ranked(bank, sorted(bank.layers, key=self.order.index), self.varies)
        locating, best = found[0].layer, min(found, key=lambda one: one.contribution_rank)
        advice = _sentence(locating, best.layer, len(found)) if best.contribution == VARIES else _constant(locating)
        return {"place": locating, "contribution": best.layer, "advice": advice}


def _sentence(locating: str, contribution: str, layers: int) -> str:
    if layers == 1:
        return f"It was fitted at one layer, {locating}."
    if locating == contribution:
        return f"Of its {layers} layers use {locating}, both to locate a concept and for its contribution."
    return f"Use the layer {locating} to locate a concept, and {contribution} for its contribution."


def _constant(locating: str) -> str:
    return (
        f"Use the layer {locating} to locate a concept. At no layer of this bank can the contribution differ between "
        "locations; fit the concept at other layers too."
    )
