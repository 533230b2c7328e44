"""Reports of a study and of a search made by hand, whose every value is known."""

import numpy as np
from PIL import Image

from sacv.report import Patch, PatchList, StudyImage, render_patches, render_study
from sacv.report.provenance import Provenance

HARMFUL = "</script><img src=x onerror=alert(1)>"

SCORES = {
    "striped": (2.0123456789, 1.5, 2.5, "for"), "grass": (-1.0, -1.4, -0.6, "against"),
    HARMFUL: (0.1, -0.4, 0.6, "weak"),
}  # fmt: skip
"""Of each concept: SACV score, interval and verdict."""
LONG = "/data/a/long/way/one.png"


def finding(concept, target, group, layer, leading):
    value, low, high, verdict = SCORES[concept]
    return {
        "layer": layer, "concept": concept, "class": group, "target": target, "value": value, "low": low, "high": high,
        "effect": 3.0 * value, "p": 0.001, "p_holm": None if verdict == "weak" else 0.0123456789, "images": 9,
        "groups": 5, "verdict": verdict, "entangled": ["site"] if concept == "grass" else [], "leading": leading,
        "sentence": f"In images of {group}, {concept} scores {verdict} {target}.",
    }  # fmt: skip


def card(concept, weak):
    return {
        "layer": "late", "concept": concept, "weak": ["its held-out AUROC is 0.55"] if weak else [], "images": 9,
        "auroc": 0.9123, "auroc_interval": [0.81, 0.973], "image_auroc": 0.95, "run_cosine": None if weak else 0.871,
        "image_score": None if weak else {"auroc": 0.8, "interval": [0.7, 0.9]}, "strata": ["one", "two"],
        "not_told_apart": ["site"] if concept == "grass" else [], "alike": [], "remarks": [f"see {LONG}"],
    }  # fmt: skip


def counts(concept):
    by_class = {"zebra": {"shown": 4, "others": 5}, "horse": {"shown": 1, "others": 8}}
    return {"concept": concept, "given": "c:1", "shown": 5, "others": 13, "missing": None, "by_class": by_class}


def picture(concept):
    figures = {
        "class": "zebra", "image": LONG, "concept": concept, "layer": "late", "target": "zebra", "value": 3.2,
        "page": "explain/a b.html", "fragment": "#concept=x", "predicted": "horse", "probability": 0.7,
        "sacv_score": 1.5, "labelled": True, "doubts": "the image is unlike the concept images",
    }  # fmt: skip
    maps = np.linspace(-1, 1, 16).reshape(4, 4)
    return StudyImage(figures, Image.new("RGB", (60, 40), "grey"), (0, 0, 60, 40), maps, maps, maps > -0.9, maps > 0.5)


def study(pictures=True):
    """Return the report of a study with two classes, two targets and two layers."""
    findings = [
        finding(concept, target, group, layer, layer == "late")
        for target in ("zebra", "horse")
        for group in ("zebra", "horse")
        for layer in ("early", "late")
        for concept in SCORES
    ]
    drawn = [picture(concept) for concept in SCORES] if pictures else []
    audit = [
        {"check": "quality", "layer": "late", "concept": "striped", "passed": True, "reason": "held-out AUROC 0.98"},
        {"check": "image statistics", "layer": "late", "concept": None, "passed": False, "reason": f"see {LONG}"},
        {"check": "contribution varies", "layer": "late", "concept": None, "passed": None, "reason": "no image"},
    ]
    data = {
        "pictures": 18, "groups": 10, "group_column": "patient", "class_column": "class", "unclassed": 1,
        "within_told": "75%", "skipped": [{"reason": f"{HARMFUL} is no image"}],
        "classes": [{"class": name, "pictures": 9, "groups": 5} for name in ("zebra", "horse")],
        "concepts": [counts(concept) for concept in SCORES],
    }  # fmt: skip
    provenance = {
        "model": {"spec": "zoo:net", "kind": "Net", "fingerprint": "ab12" * 16}, "layers": ["early", "late"],
        "nulls": 99, "runs": 4, "folds": 3, "bank_fingerprint": "cd34" * 16, "seed": 0,
        "solver": {"name": "LDA", "parameters": {}}, "sha256": {"study": "a" * 64, "table": "b" * 64},
        "versions": {"sacv": "1.2.3"}, "command": "sacv study a.toml", "study_file": f'title = "{HARMFUL}"',
    }  # fmt: skip
    content = {
        "title": "Stripes", "question": f"Do stripes and {HARMFUL} support zebra?", "answer": ["Yes.", "No."],
        "doubts": [f"warning {number}" for number in range(7)], "data": data, "findings": findings,
        "notes": ["A note."], "concepts": [card(concept, concept == HARMFUL) for concept in SCORES],
        "tests": len(findings), "audit": {"findings": audit}, "provenance": provenance,
        "pictures": [one.figures for one in drawn],
    }  # fmt: skip
    return render_study(content, drawn)


def patches(title, measure, count, present):
    image = Image.new("RGB", (50, 40), "grey")
    each = [
        Patch(image, (20, 15, 30, 25), f"/data/{HARMFUL}/{number}.png", f"{number}.png", 0.9123456789 - number / 10,
              f"row {number}, column 2", present)
        for number in range(count)
    ]  # fmt: skip
    return PatchList(title, measure, ["Held-out AUROC of its locations 0.950."], each)


def search():
    """Return the report of a search with two concepts, a query and a folded layer."""
    return render_patches(
        title=f"striped, {HARMFUL}: the best locations among 8 images",
        provenance=Provenance({"command": f"sacv search {HARMFUL}"}, ["a.txt is no image"], "search.json"),
        warnings=["Beware.", "Beware of it.", f"Beware of {HARMFUL}."],
        first=[
            patches("striped, at late", "relevance", 8, True), patches(f"{HARMFUL}, at late", "relevance", 2, False),
            patches("Like a.png, at late", "cosine", 1, None), patches("empty, at late", "relevance", 0, None),
        ],
        rest={"At early": [patches("striped, at early", "relevance", 3, True)]},
    )  # fmt: skip
