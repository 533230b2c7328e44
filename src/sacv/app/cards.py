"""The quality of the concepts of a bank, in words and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sacv.cav import CAV, ConceptBank
from sacv.cav.presence import CHANGED, LEAST
from sacv.cav.quality_thresholds import weaknesses

REMARKABLE_STATISTIC = 0.8
"""AUROC of an image statistic, such as brightness, above which it is mentioned."""

WORDS = ((0.95, "very well"), (0.85, "well"), (0.75, "fairly well"), (0.65, "somewhat"), (0.0, "hardly"))


def cards(bank: ConceptBank) -> list[dict[str, Any]]:
    """Return the card of each concept at each layer, as the app shows it."""
    return [card(cav) for cav in bank.cavs]


def card(cav: CAV) -> dict[str, Any]:
    """Return the card of a CAV."""
    quality = cav.quality
    low, high = quality.auroc_interval
    how = next(word for least, word in WORDS if quality.auroc >= least)
    figures = [
        ["AUROC of locations", f"{quality.auroc:.3f} ({low:.2f} to {high:.2f})"],
        ["accuracy, locations", f"{quality.accuracy:.0%}; 50% is chance"],
        ["AUROC of images", f"{quality.image_auroc:.3f}"],
        ["images", f"{quality.images} with it, {quality.random_images} without"],
    ]
    if quality.run_cosine is not None:
        figures.append(["cosine between random runs", f"{quality.run_cosine:.2f} of 1"])
    if quality.location_auroc is not None:
        figures.append(["regions against the rest, held out", f"AUROC {quality.location_auroc:.3f}"])
    if quality.groups is not None:
        figures.append(["groups, such as patients", f"{quality.groups} with it, {quality.random_groups} without"])
    figures.append(["presence mask", _presence(cav)])
    return {
        "layer": cav.layer,
        "concept": cav.concept,
        "words": f"{cav.layer} separates {cav.concept} {how} from the rest: of two locations in held-out images, "
        f"one with it and one without, it ranks the right one higher {_often(quality.auroc)}.",
        "weak": list(weaknesses(cav)),
        "remarks": _remarks(cav),
        "figures": figures,
    }


def _presence(cav: CAV) -> str:
    if cav.presence.kind == CHANGED:
        return "none; the CAV has changed since its calibration, because the bank got other concepts; fit it again"
    if cav.presence.threshold is None:
        return f"none; give {LEAST} or more absent images: photos without the concept that are used for nothing else"
    return cav.presence.description


def _often(share: float) -> str:
    return "practically always" if share > 0.995 else f"{round(100 * share)} times of 100"


def _remarks(cav: CAV) -> list[str]:
    found = [
        f"{name} alone separates the two sets (AUROC {area:.2f}), so the CAV may represent it; give random "
        "images that do not differ in it"
        for name, area in cav.quality.statistics_auroc.items()
        if area > REMARKABLE_STATISTIC
    ]
    if cav.quality.absent:
        named = ", ".join(Path(name).name for name in cav.quality.absent[:5])
        found.append(f"these images hardly show the concept, according to a CAV of the others: {named}")
    return found
