"""Verdicts on scores in words: whether a concept supports a target, opposes it, or neither.

A concept supports a target if its SACV score is above the score of no effect and significant after Holm's correction
for all tests of the score, and its 95 % interval over images excludes no effect. It opposes the target likewise below.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isnan
from typing import TYPE_CHECKING, Any, Literal

from sacv.report.display import few
from sacv.report.sentence import Name
from sacv.scores.kinds import CENTRES

if TYPE_CHECKING:
    from sacv.scores.class_scores import ClassScores

SCORE = "sacv"
"""The score that the verdict uses."""

LEVEL = 0.05

Verdict = Literal["for", "against", "none", "weak", "untested"]

VERBS = {"for": "support", "against": "oppose"}

WORDS: Mapping[str, str] = {
    "for": "supports it",
    "against": "opposes it",
    "none": "no significant effect",
    "weak": "too weak to judge",
    "untested": "not tested",
}


def verdict(row: Mapping[Any, Any], *, weak: bool, p: float) -> Verdict:
    """Judge a row of the scores.

    The row has `score`, `value`, `low`, `high` and `run_mean`. There is no verdict on a weak CAV. `p` is corrected for
    all tests that are judged together; NaN without a null distribution.
    """
    centre = CENTRES[row["score"]]
    value, low, high, tested = (float(row[name]) - centre for name in ("value", "low", "high", "run_mean"))
    if weak:
        return "weak"
    if isnan(p):
        return "untested"
    if p <= LEVEL and low * high > 0 and value * tested > 0:
        return "for" if value > 0 else "against"
    return "none"


def verdicts(found: ClassScores, target: str, score: str = SCORE) -> dict[tuple[str, str], Verdict]:
    """Return the verdict of each layer and concept on a target."""
    table = found.table[(found.table["score"] == score) & (found.table["target"] == target)]
    return {
        (str(row["layer"]), str(row["concept"])): verdict(row, weak=bool(row["weak"]), p=float(row["p_holm"]))
        for row in table.to_dict(orient="records")
    }


def sentence(given: Mapping[tuple[str, str], Verdict], target: str) -> list[str]:
    """Return the pieces of a sentence about the effects of the concepts on a target.

    `given` are the verdicts by layer and concept.
    """
    layers, concepts = (list(dict.fromkeys(pair[position] for pair in given)) for position in (0, 1))
    grouped: dict[str, list[str]] = {}
    for concept in concepts:
        grouped.setdefault(_sense([given[layer, concept] for layer in layers]), []).append(concept)
    parts: list[list[str]] = []
    for sense in ("for", "against"):
        if sense in grouped:
            each = [_where(given, layers, concept, sense) for concept in grouped[sense]]
            parts.append([*_listed(each, "and"), f" {VERBS[sense]}{'s' if len(each) == 1 else ''} ", Name(target)])
    for concept in grouped.get("mixed", ()):
        by = {way: few([layer for layer in layers if given[layer, concept] == way]) for way in ("for", "against")}
        layers_text = f" at {by['for']} and opposes it at {by['against']}"
        parts.append([Name(concept), " supports ", Name(target), layers_text])
    rest = {sense: [[Name(concept)] for concept in grouped.get(sense, ())] for sense in ("none", "untested", "weak")}
    start = ("n", "w") if parts else ("N", "W")
    if rest["none"]:
        parts.append([f"{start[0]}o significant effect of ", *_listed(rest["none"], "or"), " on ", Name(target)])
        start = ("n", "w")
    if rest["untested"]:
        verb = "matters" if len(rest["untested"]) == 1 else "matter"
        named = _listed(rest["untested"], "or")
        parts.append([f"{start[1]}hether ", *named, f" {verb} to ", Name(target), " is not tested"])
    if rest["weak"]:
        verb = "is" if len(rest["weak"]) == 1 else "are"
        parts.append([*_listed(rest["weak"], "and"), f" {verb} too weak to be judged"])
    return [*[piece for part in parts for piece in (*part, "; ")][:-1], "."]


def unreachable(found: ClassScores) -> str | None:
    """Return a warning if there are too few null CAVs for any verdict."""
    tests = int(found.table["p"].notna().sum()) // max(found.table["score"].nunique(), 1)
    nulls = found.provenance["nulls"]
    least = 1 / (1 + nulls)
    if not nulls or least * tests <= LEVEL:
        return None
    return (
        f"With {nulls} null CAVs p is at least {least:.3f}, so Holm's correction of {tests} tests "
        "cannot reach 0.05; fit with more --nulls."
    )


def _sense(given: Sequence[Verdict]) -> str:
    """Combine the verdicts of the layers on a concept."""
    if "for" in given and "against" in given:
        return "mixed"
    return next(sense for sense in ("for", "against", "none", "untested", "weak") if sense in given)


def _where(given: Mapping[tuple[str, str], Verdict], layers: Sequence[str], concept: str, sense: str) -> list[str]:
    """Return a concept, with its layers if the verdict differs at others."""
    those = [layer for layer in layers if given[layer, concept] == sense]
    return [Name(concept)] if len(those) == len(layers) else [Name(concept), f" (at {few(those)})"]


def _listed(named: Sequence[Sequence[str]], word: str) -> list[str]:
    """Join sentence pieces with commas, and the last with a word."""
    found: list[str] = []
    for number, one in enumerate(named):
        between = f" {word} " if number == len(named) - 1 else ", "
        found += [*([between] if number else []), *one]
    return found
