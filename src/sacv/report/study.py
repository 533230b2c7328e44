"""The report of a study: one HTML file with everything inline, drawn from the content of `study.json`."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sacv.report.drawing import jpeg, png
from sacv.report.overlay import Scale, diverging, drawn_size, lay_over, sequential
from sacv.report.page import render
from sacv.report.provenance import Provenance, model_text, solver_text, versions_text

FIRST_WARNINGS = 5
"""Warnings on the first screen; the others unfold."""

WIDTH = 360
"""Width of the drawing of an interval, in its own units."""


@dataclass(frozen=True, eq=False)
class StudyImage:
    """An image of the report.

    Parameters
    ----------
    figures
        Its entry in `study.json`.
    pixels
        The image, RGB.
    region
        The part of it that the maps cover: left, top, right, bottom in its pixels.
    relevance, contribution
        Float `(h, w)`; None for volumes and signals.
    inside, present
        Bool `(h, w)`: the locations that count, and the presence mask; None if unknown.
    """

    figures: Mapping[str, Any]
    pixels: Image.Image
    region: tuple[float, float, float, float]
    relevance: NDArray[np.floating] | None
    contribution: NDArray[np.floating] | None
    inside: NDArray[np.bool_] | None
    present: NDArray[np.bool_] | None


def render_study(content: Mapping[str, Any], images: Sequence[StudyImage]) -> str:
    """Return the report as HTML.

    Parameters
    ----------
    content
        The content of `study.json`.
    images
        The top images, in the order of `content["pictures"]`.
    """
    scales = {
        layer: _scales([one for one in images if one.figures["layer"] == layer])
        for layer in dict.fromkeys(one.figures["layer"] for one in images)
    }
    drawn: dict[str, list[dict[str, Any]]] = {}
    for one in images:
        drawn.setdefault(one.figures["class"], []).append(_drawn(one, *scales[one.figures["layer"]]))
    return render(
        "study.html.j2",
        style="study.css",
        filters={"short": partial(_short, _folder(content))},
        provenance=_provenance(content),
        study=content,
        data=content["data"],
        made=content["provenance"],
        first=FIRST_WARNINGS,
        rows=_rows(content["findings"]),
        width=WIDTH,
        several=len({one["target"] for one in content["findings"]}) > 1,
        scored=any(one["image_score"] is not None for one in content["concepts"]),
        drawn=drawn,
        scales=[
            {"layer": layer, "relevance": (seen.low, seen.high), "contribution": (given.low, given.high)}
            for layer, (seen, given) in scales.items()
        ],
        within=any(one.inside is not None for one in images),
        calibrated=any(one.present is not None for one in images),
    )


def _provenance(content: Mapping[str, Any]) -> Provenance:
    made = content["provenance"]
    draws = f"{made['runs']} runs, {made['nulls']} null directions, {made['folds']} folds"
    return Provenance(
        {
            "model": model_text(made["model"]),
            "fingerprint": made["model"]["fingerprint"],
            "bank": made["bank_fingerprint"],
            "solver": f"{solver_text(made['solver'])}; {draws}",
            "seed": str(made["seed"]),
            "study file": f"SHA-256 {made['sha256']['study']}",
            "table": f"SHA-256 {made['sha256']['table']}",
            "versions": versions_text(made["versions"]),
            "command": made["command"],
        },
        [one["reason"] for one in content["data"]["skipped"]],
        "study.json",
    )


def _folder(content: Mapping[str, Any]) -> str:
    """Return the folder of all images shown, with a separator at its end; an empty text without images."""
    names = [one["image"] for one in content["pictures"]]
    return os.path.join(os.path.commonpath([os.path.dirname(name) for name in names]), "") if names else ""


def _short(folder: str, text: str) -> str:
    return text.replace(folder, "") if folder else text


def _rows(findings: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the findings with the coordinates of their intervals; those of a layer share one scale around zero."""
    widest: dict[str, float] = {}
    for one in findings:
        widest[one["layer"]] = max(widest.get(one["layer"], 0.0), abs(one["low"]), abs(one["high"]), abs(one["value"]))
    return [{"finding": one, **_coordinates(one, widest[one["layer"]])} for one in findings]


def _coordinates(finding: Mapping[str, Any], widest: float) -> dict[str, float]:
    unit = (WIDTH / 2 - 6) / widest if widest > 0 else 0.0
    return {name: round(WIDTH / 2 + finding[name] * unit, 1) for name in ("value", "low", "high")}


def _scales(images: Sequence[StudyImage]) -> tuple[Scale, Scale]:
    relevance = [_counting(one, one.relevance) for one in images if one.relevance is not None]
    given = [_counting(one, one.contribution) for one in images if one.contribution is not None]
    return sequential(relevance or [np.zeros(1)]), diverging([np.zeros(1), *given])


def _counting(one: StudyImage, values: NDArray[np.floating]) -> NDArray[np.floating]:
    return values if one.inside is None else values[one.inside]


def _drawn(one: StudyImage, relevant: Scale, given: Scale) -> dict[str, Any]:
    size = drawn_size(one.pixels)
    across, down = size[0] / one.pixels.width, size[1] / one.pixels.height
    left, top, right, bottom = one.region
    box = (left * across, top * down, right * across, bottom * down)
    maps = []
    if one.relevance is not None:
        maps.append(("relevance", lay_over(one.relevance, relevant, size, box, 0.0, one.present, one.inside)))
    if one.contribution is not None:
        maps.append(("contribution", lay_over(one.contribution, given, size, box, None, None, one.inside)))
    photo = one.pixels.resize(size, Image.Resampling.LANCZOS)
    return {
        "figures": one.figures,
        "size": size,
        "photo": jpeg(photo),
        "maps": [{"name": name, "data": png(layer)} for name, layer in maps],
    }
