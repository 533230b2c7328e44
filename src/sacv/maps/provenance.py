"""The provenance of an explanation: bank, model, layers and settings, as its label file stores them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sacv.errors import OptionError
from sacv.maps.viewer_data import facts_text, quality_text
from sacv.report.provenance import versions, versions_text

if TYPE_CHECKING:
    from sacv.cav import ConceptBank
    from sacv.maps.explanation import Explanation


def origin_of(found: Explanation) -> dict[str, Any]:
    """Return the provenance of an explanation with its bank and its model."""
    if found.bank is None or found.model is None:
        raise OptionError("an explanation without bank and model must be given its origin")
    bank, first = found.bank, found.image_set.items[0].load()
    input_shape = found.model.inputs([first]).shape[1:]
    fields = found.model.receptive_fields(input_shape, found.layers)
    return {
        "input_shape": list(input_shape),
        "layers": {
            layer: {
                "grid": list(found.maps[layer].grid),
                "channels": bank.layers[layer].channels,
                "fields": None if (one := fields[layer]) is None else [axis.tolist() for axis in one.axes],
            }
            for layer in found.layers
        },
        "cavs": [
            {
                "layer": layer,
                "concept": concept,
                "threshold": bank.cav(layer, concept).threshold,
                "presence": _presence(found, bank, layer, concept),
                "quality": bank.cav(layer, concept).quality.stored(),
                "figures": quality_text(found, bank, layer, concept),
            }
            for layer in found.layers
            for concept in found.concepts
        ],
        "model": {key: bank.model[key] for key in ("spec", "kind", "fingerprint")},
        "solver": dict(bank.solver),
        "facts": {**facts_text(found, bank), "versions": versions_text(versions())},
    }


def _presence(found: Explanation, bank: ConceptBank, layer: str, concept: str) -> dict[str, Any]:
    cav = bank.cav(layer, concept)
    presence = cav.presence
    return {
        "threshold": presence.threshold,
        "pictures": len(presence),
        "negatives": presence.negatives,
        "kind": presence.kind,
        "calibrated": cav.calibrated,
        "others": cav.others,
        "told": found.presence_calibration(layer, concept),
    }
