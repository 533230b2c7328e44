"""Sentences on the reliability checks of an image: what was checked, and what the result means for the maps.

The report, the notebook and the app use these sentences, and show the exact figure on hover or click.
"""

from __future__ import annotations

from dataclasses import dataclass

from sacv.maps.reliability import Checks

DOUBTS = {
    "weak evidence": (
        "Even the strongest location of this image resembles the concept less than nearly all images that it was "
        "learned from: the locations shown may be something else."
    ),
    "evidence beyond": (
        "The concept is far stronger here than in any image that it was learned from: this image is unlike those, "
        "and the map may not hold for it."
    ),
    "unmoved": (
        "With the concept taken out of what the network sees, its answer stays as it was: here the concept does not "
        "count, wherever it is seen."
    ),
    "opposite sign": (
        "With the concept taken out of what the network sees, its answer moves the other way than the map predicts: "
        "do not rely on whether the concept counts for or against."
    ),
    "other order": (
        "With the concepts taken out one by one, their order differs from that of the maps: do not compare the "
        "concepts of this image by their scores."
    ),
    "other locations": (
        "The layers before and after see the concept in other locations: do not rely on where it is seen at this layer."
    ),
}
"""Warnings about the maps, by kind (`Checks.warnings_by_kind`)."""

WELL = {
    "evidence": "The strongest location of this image resembles the concept in the images that it was learned from.",
    "moves": "With the concept taken out of what the network sees, its answer moves the way that the map predicts.",
    "places": "The layers before and after see the concept in similar locations.",
}
"""Checks that passed, by kind."""

UNCHECKED = "The checks of this image were not requested."

SENTENCES = {**WELL, **DOUBTS, "unchecked": UNCHECKED}


@dataclass(frozen=True)
class CheckWords:
    """One check of an image."""

    kind: str
    """A key of `SENTENCES`."""
    figure: str
    """Its figure, in the terms of `Checks`."""

    @property
    def warning(self) -> bool:
        """Whether it is a warning."""
        return self.kind in DOUBTS


def words_of(line: Checks | None, value: str) -> list[CheckWords]:
    """Return the checks of an image at a layer, for one concept: warnings first.

    `value` is the explained value in words. Checks that were not requested are None.
    """
    if line is None:
        return [CheckWords("unchecked", "")]
    doubts = line.warnings_by_kind(value)
    found = [CheckWords(kind, text) for kind, text in doubts.items()]
    if not doubts.keys() & {"weak evidence", "evidence beyond"}:
        text = f"its strongest evidence is at percentile {line.evidence:.0f} of the held-out concept images"
        found.append(CheckWords("evidence", text))
    if not doubts.keys() & {"unmoved", "opposite sign", "other order"}:
        found.append(CheckWords("moves", _moves(line, value)))
    if line.neighbours is not None and "other locations" not in doubts:
        found.append(CheckWords("places", f"neighbouring layers' maps correlate with it by {line.neighbours:.2f}"))
    return found


def _moves(line: Checks, value: str) -> str:
    text = f"taking the concept out everywhere changes {value} by {line.ablation:+.3g}"
    text += f" (by the gradient {line.ablation_by_gradient:+.3g})"
    if line.sign_agreement is not None:
        text += f"; both agree in sign for {line.sign_agreement:.0%} of the concepts in this image"
    return text
