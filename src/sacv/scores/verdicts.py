"""Verdicts on scores in words: whether a concept counts for a target, against it, or neither.

A concept speaks for a target where its SACV score is above that of no effect, is significant after Holm's correction
for all tests of the score, and its 95 % interval over images leaves no effect out; against it in the same way below.
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
"""The score that concepts are judged by."""

LEVEL = 0.05

CHANCE = " beyond chance is shown"

Verdict = Literal["for", "against", "none", "weak", "untested"]

WORDS: Mapping[str, str] = {
    "for": "speaks for it",
    "against": "speaks against it",
    "none": "no effect shown",
    "weak": "too weak to judge",
    "untested": "not tested",
}


def verdict(row: Mapping[Any, Any], *, weak: bool, p: float) -> Verdict:
    """Judge a row of the scores.

    Parameters
    ----------
    row
        With `score`, `value`, `low`, `high` and `run_mean`.
    weak
        Whether the CAV is below the quality thresholds, so that there is no verdict.
    p
        Corrected for all tests that are judged together; not a number where there is no null.
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
    """Say in one sentence what the concepts mean for a target, as pieces.

    Parameters
    ----------
    given
        By layer and concept.
    target
        Its name.
    """
    layers, concepts = (list(dict.fromkeys(pair[place] for pair in given)) for place in (0, 1))
    grouped: dict[str, list[str]] = {}
    for concept in concepts:
        grouped.setdefault(_sense([given[layer, concept] for layer in layers]), []).append(concept)
    parts: list[list[str]] = []
    for sense in ("for", "against"):
        if sense in grouped:
            each = [_where(given, layers, concept, sense) for concept in grouped[sense]]
            verb = "speaks" if len(each) == 1 else "speak"
            parts.append([*_listed(each, "and"), f" {verb} {sense} ", Name(target)])
    for concept in grouped.get("mixed", ()):
        by = {way: few([layer for layer in layers if given[layer, concept] == way]) for way in ("for", "against")}
        layers_text = f" at {by['for']} and against it at {by['against']}"
        parts.append([Name(concept), " speaks for ", Name(target), layers_text])
    rest = {sense: [[Name(concept)] for concept in grouped.get(sense, ())] for sense in ("none", "untested", "weak")}
    start = ("n", "w") if parts else ("N", "W")
    if rest["none"]:
        parts.append([f"{start[0]}o effect of ", *_listed(rest["none"], "or"), " on ", Name(target), CHANCE])
        start = ("n", "w")
    if rest["untested"]:
        verb = "matters" if len(rest["untested"]) == 1 else "matter"
        named = _listed(rest["untested"], "or")
        parts.append([f"{start[1]}hether ", *named, f" {verb} to ", Name(target), " is not tested"])
    if rest["weak"]:
        verb = "is" if len(rest["weak"]) == 1 else "are"
        parts.append([*_listed(rest["weak"], "and"), f" {verb} recognised too weakly to be judged"])
    return [*[piece for part in parts for piece in (*part, "; ")][:-1], "."]


def unreachable(found: ClassScores) -> str | None:
    """Say that the null is too small for any verdict, if it is."""
    tests = int(found.table["p"].notna().sum()) // max(found.table["score"].nunique(), 1)
    nulls = found.provenance["nulls"]
    least = 1 / (1 + nulls)
    if not nulls or least * tests <= LEVEL:
        return None
    return (
        f"With {nulls} null CAVs p is at least {least:.3f}, so that Holm's correction of {tests} tests "
        "cannot reach 0.05; fit with more --nulls."
    )


def _sense(given: Sequence[Verdict]) -> str:
    """Return what the layers say of a concept together."""
    if "for" in given and "against" in given:
        return "mixed"
    return next(sense for sense in ("for", "against", "none", "untested", "weak") if sense in given)


def _where(given: Mapping[tuple[str, str], Verdict], layers: Sequence[str], concept: str, sense: str) -> list[str]:
    """Return a concept, with its layers where others say something else."""
    there = [layer for layer in layers if given[layer, concept] == sense]
    return [Name(concept)] if len(there) == len(layers) else [Name(concept), f" (at {few(there)})"]


def _listed(named: Sequence[Sequence[str]], word: str) -> list[str]:
    """Put things in a row, the last after a word."""
    found: list[str] = []
    for number, one in enumerate(named):
        between = f" {word} " if number == len(named) - 1 else ", "
        found += [*([between] if number else []), *one]
    return found
