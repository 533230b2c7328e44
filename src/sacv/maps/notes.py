"""Notes on maps: contribution that is uninformative by construction, missing masks, and weak CAVs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch

from sacv.cav import ConceptBank
from sacv.cav.within import without_masks
from sacv.errors import TargetError
from sacv.maps import methods
from sacv.maps.explanation import Note
from sacv.maps.methods import Method
from sacv.maps.slopes import Slopes
from sacv.model import VARIES, VisionModel, gradient_kinds

CANDIDATES = 12
"""Maximum number of layers tried to find another one to explain."""


def layer_notes(layer: str, slopes: Slopes, one_class: bool, method: Method, advice: Callable[[], str]) -> list[Note]:
    """Return notes on contribution that is uninformative by construction, with advice.

    `slopes` are the derivatives over all images; `one_class` is whether there are several images, and the same class is
    explained of all; `advice` names another layer to explain.
    """
    if not slopes.largest:
        return [
            Note(
                layer,
                "zero derivative" if slopes.gives else "zero contribution",
                "The gradient is zero everywhere: the logit does not change with this layer's locations, for example "
                f"because only a class token is used after it. Explain {advice()}.",
            )
        ]
    if slopes.saturated:
        return [
            Note(
                layer,
                "saturated target",
                "The target hardly changes: the distance between the concept and random images, added at every "
                "location, would move it by less than a millionth, to first order. Explain the logit rather than a "
                "probability, or measure with Ablation().",
            )
        ]
    if slopes.constant:
        return [_constant(layer, method, advice)]
    if one_class and slopes.alike:
        return [
            Note(
                layer,
                "linear rest",
                "The gradient is the same for every image: only linear layers follow, so that it describes the "
                f"network and not these images. Explain {advice()}, or measure with "
                "GradientTimesConcept().",
            )
        ]
    return []


def instead(model: VisionModel, inputs: torch.Tensor, layer: str) -> str:
    """Name the last layer before this one whose contribution varies. Only a few are tried, since each takes memory."""
    found = model.survey(inputs)
    order = [name for name, info in found.items() if info.usable]
    before = order[: order.index(layer)] if layer in order else order
    blocks = [name for name in before if not found[name].leaf]
    candidates = (blocks or before)[-CANDIDATES:]
    try:
        varies = gradient_kinds(model, inputs, candidates) if candidates else {}
    except TargetError:  # the network has no logits, and the target is the user's own
        return "an earlier layer"
    chosen = [name for name in candidates if varies[name] == VARIES]
    return f"an earlier layer, such as {chosen[-1]!r}" if chosen else "an earlier layer"


def _constant(layer: str, method: Method, advice: Callable[[], str]) -> Note:
    if not isinstance(method, methods.Gradient | methods.Gated):
        return Note(
            layer,
            "constant derivative",
            "The gradient is the same at every location: only global average pooling and a linear head follow this "
            "layer. Locations differ only in how much of the concept they show.",
        )
    return Note(
        layer,
        "constant contribution",
        "The gradient is the same at every location: only global average pooling and a linear head follow this "
        f"layer, so that it cannot distinguish locations. Explain {advice()}, use the relevance alone, or measure "
        "with GradientTimesConcept() or Ablation().",
    )


def bank_notes(
    bank: ConceptBank,
    grids: Mapping[str, tuple[int, ...]],
    weak: Mapping[tuple[str, str], Sequence[str]],
    within: bool = False,
) -> list[Note]:
    """Return notes on masks that are missing, by the `grids` of the maps, and on weak CAVs that are used.

    `within` is whether the images are explained within masks.
    """
    found = []
    if bank.within is not None and not within:
        found.append(Note(None, "without masks", without_masks(bank.within)))
    if not all(len(cav.null) for cav in bank.cavs):
        found.append(
            Note(
                None,
                "no null",
                "The bank has no null CAVs (nulls=0, or fewer than 4 random images), so that there are no "
                "significance masks; fit with --nulls 199.",
            )
        )
    found += [
        Note(
            layer,
            "another grid",
            f"The presence mask was calibrated on a grid of {bank.layers[layer].grid}, and the images have "
            f"{grid}: there is no mask. Explain images of the size that the bank was fitted on.",
        )
        for layer, grid in grids.items()
        if grid != bank.layers[layer].grid and any(bank.cav(layer, concept).calibrated for concept in bank.concepts)
    ]
    return found + [
        Note(layer, "weak CAV", f"{concept!r} is too weak to rely on: {', and '.join(reasons)}.", concept)
        for (layer, concept), reasons in weak.items()
    ]
