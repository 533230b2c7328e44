"""The rows of the scores table of an explanation, one for each layer, concept and image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from sacv.cav.conformal import p_interval
from sacv.maps.images import ExplainedImage
from sacv.maps.layer_maps import LayerMaps
from sacv.maps.reliability import Checks
from sacv.maps.views import chunks
from sacv.maps.within import relevant_sums, share

if TYPE_CHECKING:
    from sacv.maps.explanation import Explanation


def score_rows(explanation: Explanation) -> Iterator[list[dict[str, Any]]]:
    """Return the rows of `Explanation.scores`, some images at a time."""
    for layer in explanation.layers:
        for number in range(len(explanation.concepts)):
            for some in chunks(len(explanation.images)):
                maps, images = explanation.maps[layer], explanation.images[some]
                lines = [None] * len(images) if explanation.checks is None else explanation.checks[layer][some]
                yield [
                    _row(explanation, layer, number, image, maps, some.start + row, line)
                    for row, (image, line) in enumerate(zip(images, lines, strict=True))
                ]


def _row(
    explanation: Explanation,
    layer: str,
    number: int,
    image: ExplainedImage,
    maps: LayerMaps,
    row: int,
    lines: tuple[Checks, ...] | None,
) -> dict[str, Any]:
    concept = explanation.concepts[number]
    everywhere = np.ones(maps.grid, dtype=bool)
    counts = everywhere if maps.inside is None else np.array(maps.inside[row])
    shown, given = maps.relevance[row, number][counts], maps.contribution[row, number][counts]
    gated = np.where(shown > 0, given, 0).astype(np.float64)
    extra: dict[str, Any] = {}
    if maps.relevance_significant is not None:
        extra["relevance_significant"] = float(maps.relevance_significant[row, number][counts].mean())
    if maps.contribution_significant is not None:
        extra["contribution_significant"] = float(maps.contribution_significant[row, number][counts].mean())
    extra |= _image_p(explanation, layer, concept, row, image.in_fit)
    if concept in maps.present:
        extra["present"] = float(maps.present[concept][row][counts].mean())
    if maps.inside is not None:
        sums = relevant_sums(maps.subset([row]))[:, 0, number]
        extra |= {
            "inside": float(counts.mean()),
            "relevant_outside": share(*sums[:2]),
            "contribution_outside": share(*sums[2:]),
        }
    if lines is not None:
        extra |= asdict(lines[number]) | {"doubts": "; ".join(lines[number].warnings_for(explanation.value))}
    return {
        "image": image.path,
        "layer": layer,
        "concept": concept,
        "target": image.target_name,
        "logit": image.logit,
        "relevant": float(np.mean(shown > 0)),
        "relevance_max": float(shown.max()),
        "relevance_mean": float(shown.mean(dtype=np.float64)),
        "image_score": float(shown.max()) + explanation.threshold(layer, concept),
        "in_fit": image.in_fit,
        "sacv_score": float(gated.sum()),
        "sacv_positive": float(gated.clip(min=0).sum()),
        "sacv_negative": float(gated.clip(max=0).sum()),
        "contribution_sum": float(given.sum(dtype=np.float64)),
        **extra,
        "weak": any(
            (note.kind, note.layer, note.concept) == ("weak CAV", layer, concept) for note in explanation.notes
        ),
    }


def _image_p(explanation: Explanation, layer: str, concept: str, row: int, in_fit: bool) -> dict[str, float]:
    values = explanation.maps[layer].p_values
    if concept not in values:
        return {}
    names = ("image_p", "image_p_low", "image_p_high")
    if in_fit:
        return dict.fromkeys(names, float("nan"))
    value = float(values[concept][row])
    return dict(zip(names, (value, *p_interval(value, explanation.absent_count(layer, concept))), strict=True))
