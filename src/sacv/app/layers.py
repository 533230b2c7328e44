"""Which layers a concept can be made at."""

from __future__ import annotations

from typing import Any

from sacv.model import VisionModel
from sacv.model.roles import ACTIVATION, BLOCK

LEAST_SIDE = 7
"""Places along an axis from which a layer is offered first."""


def offered(model: VisionModel) -> list[dict[str, Any]]:
    """Tell of the blocks and activations with two axes of places; `first` marks the deepest block that has many.

    Of a network that has neither, all layers are told of.
    """
    usable = [info for info in model.survey(model.example()).values() if info.usable and len(info.grid) == 2]
    found = [info for info in usable if info.role in (BLOCK, ACTIVATION)] or usable
    wide = [info for info in found if min(info.grid) >= LEAST_SIDE] or found
    blocks = [info for info in wide if info.role == BLOCK] or wide
    inner = [info for info in blocks if not any(other.name.startswith(f"{info.name}.") for other in blocks)]
    first = inner[-1].name if inner else ""
    return [
        {"name": info.name, "kind": info.kind, "grid": list(info.grid), "first": info.name == first} for info in found
    ]
