"""The findings of a study: a score for each layer, concept, class and target, tested together, in a sentence.

The score is the SACV score, the mean over the images of the class of the contributions where the concept is seen
(`sacv.scores.kinds`). Its p-values are corrected by Holm over every test of the study, so that the chance of even one
false "supports" or "opposes" is 5 %.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd

from sacv.cav import ConceptBank, weaknesses
from sacv.files import read_json
from sacv.scores.class_scores import FORMAT_VERSION, KIND, MARKER
from sacv.scores.significance import holm
from sacv.scores.verdicts import SCORE, verdict

VERBS = {"for": "supports", "against": "opposes"}


@dataclass(frozen=True)
class Finding:
    """A concept, a class and a target at a layer."""

    layer: str
    concept: str
    group: str
    target: str
    """`group` is the class whose images are scored; the target is in words."""
    value: float
    low: float
    high: float
    """The SACV score in logits per unit of the concept's vector, and its 95 % interval."""
    effect: float | None
    """In standard deviations of the null distribution; None without one."""
    p: float | None
    p_holm: float | None
    """Two-sided, and corrected over all tests of the study; None without a null distribution."""
    images: int
    groups: int | None
    """Number of images, and of their groups; None without groups."""
    verdict: str
    """"for", "against", "none", or "weak" where the concept is below the quality thresholds."""
    entangled: tuple[str, ...]
    """Columns that the concept is not distinguished from."""
    leading: bool
    """Whether the layer is the concept's leading one."""

    @property
    def figures(self) -> str:
        """The score, interval and p-value in words."""
        text = f"SACV score {self.value:+.3g} (95 % interval {self.low:+.3g} to {self.high:+.3g})"
        if self.effect is not None:
            text += f", {self.effect:+.1f} standard deviations of the null distribution"
        return text if self.p_holm is None else f"{text}, corrected p = {p_text(self.p_holm)}"

    @property
    def sentence(self) -> str:
        """The finding in one sentence, or two where it is entangled."""
        where = f"In images of {self.group}" if self.group else "In all images"
        if self.verdict == "weak":
            return f"{where}, {self.concept} at {self.layer} is too weak to be judged: {self.figures}."
        if self.verdict == "none":
            return f"{where}, {self.concept} has no significant effect on {self.target}: {self.figures}."
        text = f"{where}, {self.concept} {VERBS[self.verdict]} {self.target}: {self.figures}."
        if self.entangled:
            text += f" The concept is not distinguished from {' and '.join(self.entangled)}."
        return text

    def to_json(self) -> dict[str, Any]:
        """Return the fields and the sentence."""
        fields = asdict(self) | {"entangled": list(self.entangled)}
        return {"class" if name == "group" else name: value for name, value in fields.items()} | {
            "sentence": self.sentence
        }


def p_text(value: float) -> str:
    """Return a p-value as text."""
    return f"{value:.3f}" if value >= 0.001 else f"{value:.1g}"


def find(
    bank: ConceptBank,
    scores: Mapping[str, Path],
    targets: Sequence[str],
    leading: Mapping[str, str],
    entangled: Mapping[str, tuple[str, ...]],
    everything: str | None,
) -> list[Finding]:
    """Read the scores of all classes and test them together.

    `scores` are the folders of scores by class; `targets`, in words, are in the order in which they were scored;
    `leading` is the leading layer of each concept, and `entangled` are the columns that it is not distinguished from;
    `everything` names the class of all images, if there is no other.
    """
    tables = []
    for name, folder in scores.items():
        settings = read_json(folder / MARKER, kind=KIND, format_version=FORMAT_VERSION)["settings"]
        words = dict(zip(settings["targets"], targets, strict=True))
        table = pd.read_parquet(folder / "scores.parquet")
        table = table[table["score"] == SCORE]
        columns = {"group": "" if name == everything else name, "groups": settings.get("groups")}
        tables.append(table.assign(target=table["target"].map(words), **columns))
    rows = pd.concat(tables, ignore_index=True)
    rows["p_holm"] = holm(rows["p"].to_numpy())
    weak = {(cav.layer, cav.concept) for cav in bank.cavs if weaknesses(cav)}
    found = [_finding(row, weak, leading, entangled) for row in rows.to_dict(orient="records")]
    return sorted(found, key=lambda one: (targets.index(one.target), bank.concepts.index(one.concept)))


def score_notes(scores: Mapping[str, Path]) -> list[str]:
    """Return the notes on the scores of all classes, each once."""
    labels = (
        read_json(folder / MARKER, kind=KIND, format_version=FORMAT_VERSION)["notes"] for folder in scores.values()
    )
    return list(dict.fromkeys(note for notes in labels for note in notes if " is too weak to rely on: " not in note))


def _finding(
    row: Mapping[Any, Any],
    weak: set[tuple[str, str]],
    leading: Mapping[str, str],
    entangled: Mapping[str, tuple[str, ...]],
) -> Finding:
    layer, concept = row["layer"], row["concept"]
    known = {name: None if isnan(row[name]) else float(row[name]) for name in ("effect", "p", "p_holm")}
    value, low, high = (float(row[name]) for name in ("value", "low", "high"))
    judged = verdict(row, weak=(layer, concept) in weak, p=float(row["p_holm"]))
    return Finding(
        layer=layer,
        concept=concept,
        group=row["group"],
        target=row["target"],
        value=value,
        low=low,
        high=high,
        **known,
        images=int(row["images"]),
        groups=None if row["groups"] is None or row["groups"] != row["groups"] else int(row["groups"]),
        verdict="none" if judged == "untested" else judged,
        entangled=entangled.get(concept, ()),
        leading=leading[concept] == layer,
    )
