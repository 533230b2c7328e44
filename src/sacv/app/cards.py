"""How good the concepts of a bank are, in words and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sacv.cav import CAV, ConceptBank
from sacv.cav.presence import CHANGED, LEAST
from sacv.cav.quality_thresholds import weaknesses

REMARKABLE_LOOKS = 0.8
"""AUROC of a trivial difference from which it is mentioned."""

WORDS = ((0.95, "very well"), (0.85, "well"), (0.75, "fairly well"), (0.65, "somewhat"), (0.0, "hardly"))


def cards(bank: ConceptBank) -> list[dict[str, Any]]:
    """Tell of each concept at each layer what the page shows."""
    return [card(cav) for cav in bank.cavs]


def card(cav: CAV) -> dict[str, Any]:
    """Tell of one."""
    quality = cav.quality
    low, high = quality.auroc_interval
    how = next(word for least, word in WORDS if quality.auroc >= least)
    figures = [
        ["AUROC of places", f"{quality.auroc:.3f} ({low:.2f} to {high:.2f})"],
        ["right answers, places", f"{quality.accuracy:.0%}; 50% is chance"],
        ["AUROC of pictures", f"{quality.image_auroc:.3f}"],
        ["pictures", f"{quality.images} with it, {quality.random_images} without"],
    ]
    if quality.run_cosine is not None:
        figures.append(["same direction with other random pictures", f"{quality.run_cosine:.2f} of 1"])
    if quality.place_auroc is not None:
        figures.append(["inside told from outside, photos left out", f"AUROC {quality.place_auroc:.3f}"])
    if quality.groups is not None:
        figures.append(["groups, such as patients", f"{quality.groups} with it, {quality.random_groups} without"])
    figures.append(["map of what is clearly seen", _presence(cav)])
    return {
        "layer": cav.layer,
        "concept": cav.concept,
        "words": f"{cav.layer} tells {cav.concept} {how} from the rest: of two places in pictures it has not seen, "
        f"one with it and one without, it picks the right one {_often(quality.auroc)}.",
        "weak": list(weaknesses(cav)),
        "remarks": _remarks(cav),
        "figures": figures,
    }


def _presence(cav: CAV) -> str:
    if cav.presence.kind == CHANGED:
        return "none; the direction has changed since it was made, as the bank got other concepts; make it anew"
    if cav.presence.threshold is None:
        return f"none; it takes {LEAST} or more photos that show none of it, which nothing else is learned from"
    return cav.presence.told


def _often(share: float) -> str:
    return "practically always" if share > 0.995 else f"{round(100 * share)} times of 100"


def _remarks(cav: CAV) -> list[str]:
    found = [
        f"{name} alone tells the two sets apart (AUROC {area:.2f}), so the concept may stand for it; take random "
        "pictures that do not differ in it"
        for name, area in cav.quality.looks_auroc.items()
        if area > REMARKABLE_LOOKS
    ]
    if cav.quality.absent:
        named = ", ".join(Path(name).name for name in cav.quality.absent[:5])
        found.append(f"these pictures hardly show it, by what was learned from the others: {named}")
    return found
