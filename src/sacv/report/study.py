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

from sacv.report.chart import Axis, Chart, Lane, Panel, figure_text
from sacv.report.drawing import jpeg, png
from sacv.report.overlay import Scale, diverging, drawn_size, lay_over, sequential
from sacv.report.page import render
from sacv.report.provenance import Provenance, model_text, solver_text, versions_text

FIRST_WARNINGS = 5
"""Number of warnings on the first screen; the others are folded."""

VERDICTS = {"for": "supports", "against": "opposes", "none": "not significant", "weak": "weak CAV"}
"""Verdicts next to a lane of the chart."""


@dataclass(frozen=True, eq=False)
class StudyImage:
    """An image of the report."""

    figures: Mapping[str, Any]
    """Its entry in `study.json`."""
    pixels: Image.Image
    """The image, RGB."""
    region: tuple[float, float, float, float]
    """The part of the image that the maps cover: left, top, right, bottom in its pixels."""
    relevance: NDArray[np.floating] | None
    contribution: NDArray[np.floating] | None
    """Float `(h, w)`; None for volumes and signals."""
    inside: NDArray[np.bool_] | None
    present: NDArray[np.bool_] | None
    """Bool `(h, w)`: the locations that count, and the presence mask; None if there is none."""


def render_study(content: Mapping[str, Any], images: Sequence[StudyImage]) -> str:
    """Return the report as HTML.

    `content` is that of `study.json`; the images are in the order of `content["pictures"]`.
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
        chart=_chart(content["findings"]),
        several=len({one["target"] for one in content["findings"]}) > 1,
        scored=any(one["image_score"] is not None for one in content["concepts"]),
        drawn=drawn,
        scales=[
            {"layer": layer, "relevance": (seen.low, seen.high), "contribution": (given.low, given.high)}
            for layer, (seen, given) in scales.items()
        ],
        within=any(one.inside is not None for one in images),
        present=any(one.present is not None for one in images),
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
    """Return the common folder of all images shown, with its separator; empty if there is none."""
    names = [one["image"] for one in content["pictures"]]
    return os.path.join(os.path.commonpath([os.path.dirname(name) for name in names]), "") if names else ""


def _short(folder: str, text: str) -> str:
    """Remove the folder from the paths in a text."""
    return text.replace(folder, "") if folder else text


def _chart(findings: Sequence[Mapping[str, Any]]) -> Chart:
    """Return the chart of the concepts at their leading layers; the panels of a layer share one axis around 0."""
    leading = [one for one in findings if one["leading"]]
    panels: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for one in leading:
        panels.setdefault((one["layer"], one["class"], one["target"]), []).append(one)
    axes = {
        layer: Axis.around(
            (one[name] for one in leading if one["layer"] == layer for name in ("value", "low", "high")), 0
        )
        for layer in dict.fromkeys(one["layer"] for one in leading)
    }
    return Chart(
        name="findings",
        title="SACV scores with their 95 % intervals",
        axis="logits per unit of the concept\N{RIGHT SINGLE QUOTATION MARK}s vector",
        panels=tuple(
            Panel(
                f"{target} in {f'images of {name}' if name else 'all images'}, {layer}",
                tuple(_lane(one, axes[layer]) for one in parts),
                axes[layer].ticks(),
                axes[layer].position(0),
            )
            for (layer, name, target), parts in panels.items()
        ),
        caption="Each concept at its best layer by held-out AUROC. The dashed line is no effect.",
    )


def _lane(one: Mapping[str, Any], axis: Axis) -> Lane:
    verdict = VERDICTS[one["verdict"]]
    return Lane(
        label=one["concept"],
        text=f"{one['concept']}: {figure_text(one['value'], one['low'], one['high'])}, {verdict}",
        value=axis.position(one["value"]),
        low=axis.position(one["low"]),
        high=axis.position(one["high"]),
        tone=one["verdict"],
        verdict=verdict,
    )


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
    image = one.pixels.resize(size, Image.Resampling.LANCZOS)
    return {
        "figures": one.figures,
        "size": size,
        "photo": jpeg(image),
        "maps": [{"name": name, "data": png(layer)} for name, layer in maps],
    }
