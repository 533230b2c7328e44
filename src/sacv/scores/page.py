"""The report of class scores as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from sacv.registry import sections
from sacv.report.chart import Axis, Chart, Lane, Panel, figure_text
from sacv.report.display import counted, few
from sacv.report.page import Cell, Column, Grid, Page, Section
from sacv.report.provenance import Provenance, model_text, solver_text, versions_text
from sacv.scores.kinds import CENTRES
from sacv.scores.verdicts import SCORE, WORDS, Verdict, sentence, unreachable, verdicts

if TYPE_CHECKING:
    from sacv.scores.class_scores import ClassScores

WEAK = " is too weak to rely on: "
"""Part of the notes on weak CAVs, which the verdict repeats."""

DRAWN = {
    "sacv": ("SACV score", "logits per unit of the concept\N{RIGHT SINGLE QUOTATION MARK}s vector"),
    "tcav": ("TCAV score", "share of images"),
}
"""The scores that are drawn, with title and axis."""

SHORT = {
    "for": "supports",
    "against": "opposes",
    "none": "not significant",
    "weak": "too weak",
    "untested": "not tested",
}
"""Verdicts beside a lane."""

MEANING = {
    "score": "sacv: mean over the images of the contributions at locations that show the concept; sacv_density: "
    "the same for an average location; tcav: share of images whose target rises with the concept; magnitude and smooth "
    "weight it",
    "value": "of the bank's CAV",
    "from": "lower end of the 95 % interval over images",
    "to": "upper end of the 95 % interval over images",
    "mean of runs": "of CAVs fitted on resampled random images; the test uses this",
    "effect": "distance from no effect, in standard deviations of the scores of null CAVs",
    "p": "two-sided, against null CAVs",
    "p, Holm": "corrected so that the chance of even one false alarm is 5 %",
    "p, BH": "corrected so that at most 5 % of all alarms are false",
}

FIGURES = {
    "value": "value",
    "from": "low",
    "to": "high",
    "mean of runs": "run_mean",
    "effect": "effect",
    "p": "p",
    "p, Holm": "p_holm",
    "p, BH": "p_bh",
}
"""Columns of the table, by the headers of the report."""


def page_of(found: ClassScores) -> Page:
    """Return the report of class scores."""
    targets, nulls = list(found.settings["targets"]), found.provenance["nulls"]
    given = {target: verdicts(found, target) for target in targets}
    sentences = [sentence(given[target], target) for target in targets]
    images = counted(found.settings["images"], "image")
    beside = f", compared with {nulls} null CAVs" if nulls else ""
    few_nulls = unreachable(found)
    several = len(targets) > 1
    return Page(
        title=f"Scores of {few(targets)} over {images}{beside}",
        headline=_pairs(given) if several else sentences[0],
        points=sentences if several else (),
        warnings=[*([] if few_nulls is None else [few_nulls]), *(one for one in found.notes if WEAK not in one)],
        sections=sections("scores", found),
        provenance=_provenance(found),
    )


def target_sections(found: ClassScores) -> list[Section]:
    """Return a section for each target."""
    targets = list(found.settings["targets"])
    return [_section(found, target, verdicts(found, target), len(targets) > 1) for target in targets]


def weak_sections(found: ClassScores) -> list[Section]:
    """Return the section of CAVs below the quality thresholds, if there are any."""
    weak = [note for note in found.notes if WEAK in note]
    return [Section("Too weak to be judged", words=weak)] if weak else []


def _pairs(given: Mapping[str, Mapping[tuple[str, str], Verdict]]) -> list[str]:
    pairs = {(target, concept): False for target, each in given.items() for _, concept in each}
    for target, each in given.items():
        for (_, concept), one in each.items():
            pairs[target, concept] |= one in ("for", "against")
    return [f"{sum(pairs.values())} of {len(pairs)} pairs of concept and target have a significant effect."]


def _section(found: ClassScores, target: str, given: Mapping[tuple[str, str], Verdict], several: bool) -> Section:
    rows = found.table[found.table["target"] == target]
    beside = f" for {target}" if several else ""
    return Section(
        title=f"Effects on {target}",
        charts=[_chart(rows, kind, target, verdicts(found, target, kind)) for kind in DRAWN],
        grids=[
            Grid(
                f"scores {target}",
                f"SACV scores{beside}",
                [*map(Column, ("concept", "layer", "verdict")), *_figures()],
                [
                    _row(row, Cell(WORDS[one], tone=one if one in ("for", "against") else "soft"))
                    for row in _records(rows[rows["score"] == SCORE])
                    for one in [given[row["layer"], row["concept"]]]
                ],
            )
        ],
    )


def _chart(rows: pd.DataFrame, kind: str, target: str, given: Mapping[tuple[str, str], Verdict]) -> Chart:
    """Draw a score: a panel for each layer, a lane for each concept with its verdict by this score."""
    rows, centre, (title, axis) = rows[rows["score"] == kind], CENTRES[kind], DRAWN[kind]
    panels = []
    for layer, part in rows.groupby("layer", sort=False):
        records = _records(part)
        # Layers share a scale only for shares of images.
        held = [one[name] for one in records for name in ("value", "low", "high")]
        held += [centre + one["chance"] for one in records]
        scale = Axis.around(held, centre) if kind == SCORE else Axis(-0.02, 1.02)
        lanes = tuple(_lane(one, scale, centre, given[str(layer), one["concept"]]) for one in records)
        panels.append(Panel(str(layer), lanes, scale.ticks(), scale.position(centre)))
    tested = not rows["chance"].isna().all()
    use = (
        "The headline uses this score."
        if kind == SCORE
        else "It measures how often a concept has an effect, not how large it is."
    )
    test = " Short line: the mean of the runs, which is tested; grey band: 95 % of null CAVs."
    return Chart(
        name=f"{kind} {target}",
        title=f"{title} of {target}, by layer",
        axis=axis,
        panels=tuple(panels),
        caption="Dot: the score; bar: its 95 % interval over images; dashed line: no effect."
        f"{test if tested else ''} {use}",
        ends=(f"\N{LEFTWARDS ARROW} against {_cut(target)}", f"for {_cut(target)} \N{RIGHTWARDS ARROW}"),
    )


def _cut(name: str, letters: int = 14) -> str:
    return name if len(name) <= letters else f"{name[: letters - 1]}\N{HORIZONTAL ELLIPSIS}"


def _lane(row: Mapping[str, Any], scale: Axis, centre: float, given: Verdict) -> Lane:
    ends = scale.position(centre - row["chance"]), scale.position(centre + row["chance"])
    text = f"{row['concept']}: {figure_text(row['value'], row['low'], row['high'])}"
    return Lane(
        label=row["concept"],
        text=f"{text}, {WORDS[given]}",
        value=scale.position(row["value"]),
        low=scale.position(row["low"]),
        high=scale.position(row["high"]),
        tone=given,
        verdict=SHORT[given],
        chance=None if ends[0] is None or ends[1] is None else (max(ends[0], 0.0), min(ends[1], 100.0)),
        tested=scale.position(row["run_mean"]) if row["chance"] == row["chance"] else None,
        strong=given in ("for", "against"),
    )


def all_figures(found: ClassScores) -> list[Section]:
    """Return the section with all scores."""
    several = len(found.settings["targets"]) > 1
    kind = Column("score", meaning=MEANING["score"])
    columns = [*map(Column, ("concept", "layer")), kind, *([Column("target")] if several else []), *_figures()]
    rows = [_row(row, Cell(row["score"]), *([Cell(row["target"])] if several else [])) for row in _records(found.table)]
    section = Section(
        "All figures",
        words=["images.parquet beside this page has a row for each image."],
        grids=[Grid("all scores", "All scores of all kinds", columns, rows, folded=True)],
    )
    return [section]


def _figures() -> list[Column]:
    return [Column(name, numeric=True, meaning=MEANING[name]) for name in FIGURES]


def _row(row: Mapping[str, Any], *after: Cell) -> list[Cell]:
    return [Cell(row["concept"]), Cell(row["layer"]), *after, *(Cell.number(row[name]) for name in FIGURES.values())]


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict(orient="records")]


def _provenance(found: ClassScores) -> Provenance:
    made, settings = found.provenance, found.settings
    groups = settings.get("groups")
    return Provenance(
        {
            "model": model_text(made["model"]),
            "fingerprint": str(made["model"]["fingerprint"]),
            "bank": str(made["bank"]["fingerprint"]),
            "solver": f"{solver_text(made['solver'])}; {made['runs']} runs, {made['nulls']} null directions",
            "targets": ", ".join(settings["targets"]),
            "images": f"{settings['images']}" + ("" if groups is None else f" of {groups} groups"),
            **{f"within masks, {layer}": f"{counts} of the locations" for layer, counts in found.within.items()},
            "seeds": f"intervals {settings['seed']}, bank {made['bank']['seed']}",
            "versions": versions_text(made["versions"]),
            **({"command": settings["command"]} if "command" in settings else {}),
        },
        [one.reason for one in found.skipped],
        "scores.json",
    )
