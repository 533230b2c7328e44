"""The checks of an image in plain words: what was checked, and what it means for who reads the maps.

Each kind has one sentence, here alone: the page, the notebook and the app say it in these words, with the exact figure
one hover or click away.
"""

from __future__ import annotations

from dataclasses import dataclass

from sacv.maps.reliability import Checks

DOUBTS = {
    "weak evidence": (
        "Even the strongest place of this picture looks less like the concept than nearly all pictures that it was "
        "learned from: what is marked may be something else."
    ),
    "evidence beyond": (
        "The concept is far stronger here than in any picture that it was learned from: this picture is unlike those, "
        "and the map may not hold for it."
    ),
    "unmoved": (
        "With the concept taken out of what the network sees, its answer stays as it was: here the concept does not "
        "count, wherever it is seen."
    ),
    "opposite sign": (
        "With the concept taken out of what the network sees, its answer moves the other way than the map foretells: "
        "do not rely on whether the concept counts for or against."
    ),
    "other order": (
        "With the concepts taken out one by one, others turn out to count most than the maps say: do not compare the "
        "concepts of this picture by their scores."
    ),
    "other places": (
        "The layers before and after see the concept in other places: do not rely on where it is seen at this layer."
    ),
}
"""What speaks against the maps, by kind (`Checks.doubts_by_kind`)."""

WELL = {
    "evidence": "The strongest place of this picture looks like the concept in the pictures that it was learned from.",
    "moves": "With the concept taken out of what the network sees, its answer moves the way that the map foretells.",
    "places": "The layers before and after see the concept in like places.",
}
"""What speaks for them."""

UNCHECKED = "The checks of this picture were not asked for."

SENTENCES = {**WELL, **DOUBTS, "unchecked": UNCHECKED}


@dataclass(frozen=True)
class CheckWords:
    """One check of an image.

    Parameters
    ----------
    kind
        A key of `SENTENCES`.
    figure
        Its figure, in the terms of `Checks`.
    """

    kind: str
    figure: str

    @property
    def doubt(self) -> bool:
        """Whether it speaks against the maps."""
        return self.kind in DOUBTS


def words_of(line: Checks | None, value: str) -> list[CheckWords]:
    """Give the checks of an image at a layer, for one concept: first what speaks against the maps, then what for them.

    Parameters
    ----------
    line
        None where the checks were not asked for.
    value
        What is explained, in words.
    """
    if line is None:
        return [CheckWords("unchecked", "")]
    doubts = line.doubts_by_kind(value)
    found = [CheckWords(kind, text) for kind, text in doubts.items()]
    if not doubts.keys() & {"weak evidence", "evidence beyond"}:
        stands = f"its strongest evidence stands at percentile {line.evidence:.0f} of the held-out guidance"
        found.append(CheckWords("evidence", stands))
    if not doubts.keys() & {"unmoved", "opposite sign", "other order"}:
        found.append(CheckWords("moves", _moves(line, value)))
    if line.neighbours is not None and "other places" not in doubts:
        found.append(CheckWords("places", f"neighbouring layers' maps correlate with it by {line.neighbours:.2f}"))
    return found


def _moves(line: Checks, value: str) -> str:
    told = f"taking the concept out everywhere changes {value} by {line.ablation:+.3g}"
    told += f" (by the gradient {line.ablation_by_gradient:+.3g})"
    if line.sign_agreement is not None:
        told += f"; both agree in sign for {line.sign_agreement:.0%} of the concepts in this image"
    return told
