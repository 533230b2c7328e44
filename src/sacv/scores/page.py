"""From class scores to the plain data of their page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import pandas as pd

from sacv.report.chart import Axis, Chart, Lane, Panel, figure_told
from sacv.report.display import counted, few
from sacv.report.page import Cell, Column, Grid, Page, Section
from sacv.report.provenance import Provenance, model_told, solver_told, versions_told
from sacv.scores.kinds import CENTRES
from sacv.scores.reading import SCORE, WORDS, Verdict, sentence, unreachable, verdicts

if TYPE_CHECKING:
    from sacv.scores.class_scores import ClassScores

DRAWN = {
    "sacv": ("SACV score", "logits per unit of the concept\N{RIGHT SINGLE QUOTATION MARK}s vector"),
    "tcav": ("TCAV score", "share of pictures"),
}
"""The scores that are drawn, with title and axis."""

MEANING = {
    "score": "sacv: mean over the pictures of what the concept contributes where it is seen; sacv_density: the same for "
    "an average place; tcav: share of pictures whose target rises with the concept; magnitude and smooth: the same, "
    "weighed",
    "value": "of the bank's own direction",
    "from": "lower end of the 95 % interval over images",
    "to": "upper end of the 95 % interval over images",
    "mean of runs": "of directions fitted on other random images; this is what is tested",
    "effect": "distance from no effect, in standard deviations of the scores of random directions",
    "p": "two-sided, against random directions",
    "p, Holm": "corrected so that the chance of even one false alarm is 5 %",
    "p, BH": "corrected so that at most 5 % of all alarms are false",
}

COLUMNS = (
    *(Column(name) for name in ("concept", "layer", "score")),
    *(Column(name, numeric=True) for name in ("value", "from", "to", "mean of runs", "effect", "p", "p, Holm", "p, BH")),
)


def page_of(found: ClassScores) -> Page:
    """Give the page of scores."""
    targets, nulls = list(found.settings["targets"]), found.made["nulls"]
    given = {target: verdicts(found, target) for target in targets}
    sentences = [sentence(given[target], target) for target in targets]
    images = counted(found.settings["images"], "image")
    beside = f", held against {nulls} random directions" if nulls else ""
    several = len(targets) > 1
    return Page(
        title=f"Scores of {few(targets)} over {images}{beside}",
        headline=f"What {len(targets)} targets make of {counted(len({c for _, c in given[targets[0]]}), 'concept')}"
        if several
        else sentences[0],
        points=sentences if several else (),
        warnings=[*([text] if (text := unreachable(found)) else []), *found.notes],
        sections=[
            *(_section(found, target, given[target], several) for target in targets),
            _all(found, several),
        ],
        provenance=_provenance(found),
    )


def _section(found: ClassScores, target: str, given: Mapping[tuple[str, str], Verdict], several: bool) -> Section:
    rows = found.table[found.table["target"] == target]
    beside = f" for {target}" if several else ""
    return Section(
        title=f"What counts for {target}",
        charts=[_chart(rows, kind, target, given) for kind in DRAWN],
        grids=[
            Grid(
                f"scores {target}",
                f"SACV scores{beside}",
                [Column("concept"), Column("layer"), Column("verdict"), *_columns()[3:]],
                [
                    _row(row, Cell(WORDS[one], tone=one if one in ("for", "against") else "soft"))
                    for row in _records(rows[rows["score"] == SCORE])
                    for one in [given[row["layer"], row["concept"]]]
                ],
            )
        ],
    )


def _chart(rows: pd.DataFrame, kind: str, target: str, given: Mapping[tuple[str, str], Verdict]) -> Chart:
    """Draw a score: a panel for each layer, a lane for each concept; verdicts stand beside the score they are of."""
    rows, centre, (title, axis) = rows[rows["score"] == kind], CENTRES[kind], DRAWN[kind]
    judged = kind == SCORE
    panels = []
    for layer, part in rows.groupby("layer", sort=False):
        records = _records(part)
        # Only of shares do layers have one scale.
        held = [one[name] for one in records for name in ("value", "low", "high")]
        held += [centre + one["chance"] for one in records]
        scale = Axis.around(held, centre) if judged else Axis(-0.02, 1.02)
        lanes = tuple(_lane(one, scale, centre, given[str(layer), one["concept"]], judged) for one in records)
        panels.append(Panel(str(layer), lanes, scale.ticks(), scale.place(centre)))
    test = "" if rows["chance"].isna().all() else " Grey band: where 95 % of random directions score."
    return Chart(
        name=f"{kind} {target}",
        title=f"{title} of {target}, by layer",
        axis=axis,
        panels=tuple(panels),
        caption=f"Dot: the score; bar: its 95 % interval over images; dashed line: no effect.{test} "
        + ("Each layer has a scale of its own." if judged else "It says how often the concept counts, not how much."),
        ends=(f"\N{LEFTWARDS ARROW} against {_cut(target)}", f"for {_cut(target)} \N{RIGHTWARDS ARROW}"),
    )


def _cut(name: str, letters: int = 14) -> str:
    return name if len(name) <= letters else f"{name[: letters - 1]}\N{HORIZONTAL ELLIPSIS}"


def _lane(row: Mapping[str, Any], scale: Axis, centre: float, given: Verdict, judged: bool) -> Lane:
    ends = scale.place(centre - row["chance"]), scale.place(centre + row["chance"])
    told = f"{row['concept']}: {figure_told(row['value'], row['low'], row['high'])}"
    return Lane(
        label=row["concept"],
        text=f"{told}, {WORDS[given]}" if judged else told,
        value=scale.place(row["value"]),
        low=scale.place(row["low"]),
        high=scale.place(row["high"]),
        tone=given,
        verdict=WORDS[given].removesuffix(" it").replace("too weak to judge", "too weak") if judged else "",
        chance=None if ends[0] is None or ends[1] is None else (max(ends[0], 0.0), min(ends[1], 100.0)),
        strong=given in ("for", "against"),
    )


def _all(found: ClassScores, several: bool) -> Section:
    columns = [*_columns()[:3], *([Column("target")] if several else []), *_columns()[3:]]
    rows = [
        _row(row, Cell(row["score"]), *([Cell(row["target"])] if several else []))
        for row in _records(found.table)
    ]
    return Section(
        "All figures",
        words=["images.parquet beside this page has a row for each image."],
        grids=[Grid("all scores", "All scores of all kinds", columns, rows, folded=True)],
    )


def _columns() -> list[Column]:
    return [Column(one.name, one.numeric, MEANING.get(one.name, "")) for one in COLUMNS]


def _row(row: Mapping[str, Any], *after: Cell) -> list[Cell]:
    figures = [row[name] for name in ("value", "low", "high", "run_mean", "effect", "p", "p_holm", "p_bh")]
    return [Cell(row["concept"]), Cell(row["layer"]), *after, *map(Cell.number, figures)]


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in rows.to_dict(orient="records")]


def _provenance(found: ClassScores) -> Provenance:
    made, settings = found.made, found.settings
    groups = settings.get("groups")
    return Provenance(
        {
            "model": model_told(made["model"]),
            "fingerprint": str(made["model"]["fingerprint"]),
            "bank": str(made["bank"]["fingerprint"]),
            "solver": f"{solver_told(made['solver'])}; {made['runs']} runs, {made['nulls']} null directions",
            "targets": ", ".join(settings["targets"]),
            "images": f"{settings['images']}" + ("" if groups is None else f" of {groups} groups"),
            **{f"within masks, {layer}": f"{counts} of the places of each image" for layer, counts in found.within.items()},
            "seeds": f"intervals {settings['seed']}, bank {made['bank']['seed']}",
            "versions": versions_told(made["versions"]),
            **({"command": settings["command"]} if "command" in settings else {}),
        },
        [one.reason for one in found.skipped],
        "scores.json",
    )
