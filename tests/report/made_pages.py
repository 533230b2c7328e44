"""Pages made by hand, whose every value is known."""

import numpy as np
import pandas as pd

import sacv
from report import made_reports
from report.made_reports import HARMFUL
from sacv.concepts import Skipped
from sacv.report.page import write_page
from sacv.scores.page import page_of
from sacv.trust import Finding

MADE = {
    "model": {"spec": "zoo:net", "kind": "Net", "fingerprint": "ab12" * 16},
    "bank": {"fingerprint": "cd34" * 16, "seed": 5},
    "solver": {"name": "LDA", "parameters": {"shrinkage": 0.1}},
    "runs": 4,
    "nulls": 999,
    "versions": {"sacv": "1.2.3", "python": "3.12"},
}
COMMAND = "sacv score --bank bank --target zebra photos"

EFFECTS = {"striped": (2.0, 1.5, 2.5, 0.002), "grass": (-1.0, -1.4, -0.6, 0.01), "sky": (0.1, -0.4, 0.6, 0.8)}
"""Of the SACV score: value, interval, and p after Holm's correction."""


def score_table(concepts=EFFECTS, layers=("early", "late"), targets=("zebra",), weak=()):
    rows = []
    for target in targets:
        for layer in layers:
            for concept, (value, low, high, p) in concepts.items():
                for kind in ("tcav", "sacv"):
                    made = (value, low, high) if kind == "sacv" else tuple(0.5 + 0.1 * v for v in (value, low, high))
                    numbers = dict(zip(("value", "low", "high"), made, strict=True))
                    tested = {"run_mean": made[0], "run_sd": 0.1, "effect": value * 3, "chance": 0.4 if p == p else p}
                    ps = {"p": p / 2, "p_holm": p, "p_bh": p}
                    rows.append(
                        {"layer": layer, "concept": concept, "target": target, "score": kind}
                        | numbers | tested | ps | {"images": 40, "weak": concept in weak}
                    )  # fmt: skip
    return pd.DataFrame(rows)


def scores(table=None, targets=("zebra",), notes=(), skipped=(), made=MADE, command=COMMAND):
    """Class scores without their rows of images."""
    return sacv.ClassScores(
        table=score_table(targets=targets) if table is None else table,
        rows=None,
        notes=tuple(notes),
        bank=None,
        skipped=tuple(skipped),
        settings={"targets": list(targets), "seed": 3, "images": 40, "command": command},
        origin=made,
    )


def audit():
    made = {**MADE, "target": "zebra", "images": 24, "seed": 7, "command": "sacv audit --bank bank"}
    return sacv.Audit(
        (
            Finding("quality", "late", "striped", True, "held-out AUROC 0.98"),
            Finding("looks", "late", "grass", False, "brightness of /data/a/long/way/one.png tells the sets apart"),
            Finding("contribution varies", "late", None, None, "not run: no image"),
        ),
        made,
    )


def write(kind, file):
    """Write the page of a kind."""
    if kind == "scores":
        write_page(file, page_of(scores(skipped=[Skipped("a/notes.txt", "a/notes.txt is no image")])))
    elif kind == "two targets":
        write_page(file, page_of(scores(targets=("zebra", "horse"), notes=["Beware."])))
    elif kind == "audit":
        audit().write_page(file)
    elif kind == "harmful":
        concepts = {HARMFUL: EFFECTS["striped"], "<i>b</i>": EFFECTS["sky"]}
        table = score_table(concepts, (HARMFUL,), (HARMFUL,))
        skipped = [Skipped(HARMFUL, f"{HARMFUL} is no image")]
        write_page(file, page_of(scores(table, (HARMFUL,), [HARMFUL], skipped, command=HARMFUL)))
    elif kind == "study":
        file.write_text(made_reports.study(), encoding="utf-8")
    elif kind == "search":
        file.write_text(made_reports.search(), encoding="utf-8")
    return file


KINDS = ("scores", "two targets", "audit", "harmful", "study", "search")

NAN = float("nan")
UNTESTED = {name: (*values[:3], np.nan) for name, values in EFFECTS.items()}
