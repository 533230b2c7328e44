"""The doubts of a study and its answer in three lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sacv.cav import ConceptBank, weaknesses
from sacv.cli.bank_card import FEW_GROUPS, REMARKABLE_COSINE, REMARKABLE_LOOKS, group_remarks
from sacv.scores.verdicts import LEVEL
from sacv.study.cards import told_apart
from sacv.study.findings import SPEAKS, Finding

SAID_OTHERWISE = ("quality", "entanglement", "looks")
"""Checks of the audit whose figures stand among the doubts in words of their own."""


def answer(findings: Sequence[Finding], targets: Sequence[str]) -> list[str]:
    """Return three lines: what speaks for the targets, what against them, and what is not known.

    They are of the leading layer of each concept, and leave out what is not told apart from a column.
    """
    own = [one for one in findings if one.leading]
    sure = [one for one in own if not one.entangled]
    return [*(_line(sure, targets, verdict) for verdict in ("for", "against")), _open(own)]


def _line(findings: Sequence[Finding], targets: Sequence[str], verdict: str) -> str:
    parts = []
    for target in targets:
        where: dict[str, list[str]] = {}
        for one in findings:
            if (one.target, one.verdict) == (target, verdict):
                where.setdefault(one.concept, []).append(one.group)
        named = ", ".join(f"{name}{_of(groups)}" for name, groups in where.items())
        parts.append(f"{target}: {named or 'no concept is shown to'}")
    return f"{SPEAKS[verdict].capitalize()} {'; '.join(parts)}."


def _of(groups: Sequence[str]) -> str:
    named = [group for group in groups if group]
    return f" (in pictures of {', '.join(named)})" if named else ""


def _open(findings: Sequence[Finding]) -> str:
    concepts = list(dict.fromkeys(one.concept for one in findings))
    verdicts = {name: {one.verdict for one in findings if one.concept == name} for name in concepts}
    entangled = {one.concept: one.entangled for one in findings if one.entangled and one.verdict != "weak"}
    none = [name for name in concepts if verdicts[name] == {"none"} and name not in entangled]
    weak = [name for name in concepts if "weak" in verdicts[name]]
    parts = [f"no effect beyond chance is shown of {', '.join(none)}"] if none else []
    parts += [f"{name} is not told apart from {' and '.join(columns)}" for name, columns in entangled.items()]
    parts += [f"too weak to be judged: {', '.join(weak)}"] if weak else []
    return f"Not known: {'; '.join(parts)}." if parts else "Of every concept something can be said."


def doubts(
    bank: ConceptBank,
    data: Mapping[str, Any],
    findings: Sequence[Finding],
    audit: Mapping[str, Any],
    pictures: Sequence[Mapping[str, Any]],
    leading: Mapping[str, str],
) -> list[str]:
    """Return what speaks against the findings, the gravest first.

    Parameters
    ----------
    bank
        The CAVs.
    data
        The data in counts.
    findings
        All of them.
    audit
        What the audit found.
    pictures
        The telling images, with the doubts of each.
    leading
        The leading layer of each concept.
    """
    found = [
        *_of_concepts(bank, leading),
        *of_layers(findings),
        *_of_audit(audit),
        *_of_groups(data),
        *_of_tests(bank, findings),
        *_of_pictures(pictures),
    ]
    return list(dict.fromkeys(found))


def _of_concepts(bank: ConceptBank, leading: Mapping[str, str]) -> Iterator[str]:
    cavs = [bank.cav(layer, concept) for concept, layer in leading.items()]
    columns = [(cav, one) for cav in cavs for one in cav.quality.strata]
    for cav, one in sorted(columns, key=lambda pair: pair[1].separable):
        if not told_apart(one):
            yield f"{cav.concept}: {one}"
    for cav in cavs:
        if weak := weaknesses(cav):
            yield f"{cav.concept} is too weak to be judged: {', and '.join(weak)}"
    yield from _alike(bank, leading)
    for cav in cavs:
        for name, area in cav.quality.statistics_auroc.items():
            if area > REMARKABLE_LOOKS:
                yield (
                    f"{cav.concept}: {name} alone tells its pictures from the others (AUROC {area:.2f}), so that what "
                    f"is found may be {name}"
                )
        yield from (f"{cav.concept}: {remark}" for remark in group_remarks(cav))


def _alike(bank: ConceptBank, leading: Mapping[str, str]) -> Iterator[str]:
    """Return which concepts lie along nearly the same direction, each pair once."""
    concepts = list(leading)
    pairs = []
    for number, concept in enumerate(concepts):
        cosines = bank.cav(leading[concept], concept).quality.cosine
        pairs += [
            f"{concept} and {other} (cosine {cosines[other]:.2f} at {leading[concept]})"
            for other in concepts[number + 1 :]
            if abs(cosines[other]) > REMARKABLE_COSINE
        ]
    if pairs:
        yield f"these hardly differ, so that what is found of one may be the other: {'; '.join(pairs)}"


def of_layers(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield where another layer says the opposite of the leading one."""
    leading = {(one.concept, one.group, one.target): one for one in findings if one.leading}
    for one in findings:
        first = leading[one.concept, one.group, one.target]
        if {first.verdict, one.verdict} == {"for", "against"}:
            where = f" in pictures of {one.group}" if one.group else ""
            yield (
                f"{one.concept} {SPEAKS[first.verdict]} {one.target}{where} at {first.layer}, and "
                f"{SPEAKS[one.verdict]} it at {one.layer}"
            )


def _of_audit(audit: Mapping[str, Any]) -> Iterator[str]:
    for finding in audit["findings"]:
        if finding["passed"] is False and finding["check"] not in SAID_OTHERWISE:
            of = f"{finding['concept']} at " if finding["concept"] else ""
            yield f"the audit's check {finding['check']!r} failed for {of}{finding['layer']}: {finding['reason']}"


def _of_groups(data: Mapping[str, Any]) -> Iterator[str]:
    if data["groups"] is None:
        yield (
            "no column says which pictures belong together, such as those of one patient (data.group), so that each "
            "counts as independent: if some are of one patient, intervals and p-values are too narrow"
        )
    for one in data["classes"]:
        count, unit = (one["pictures"], "pictures") if one["groups"] is None else (one["groups"], "groups")
        if count < FEW_GROUPS:
            yield f"{one['class']} has {count} {unit} only, so that its intervals are unsure"


def _of_tests(bank: ConceptBank, findings: Sequence[Finding]) -> Iterator[str]:
    tests = sum(one.p is not None for one in findings)
    if not tests:
        yield "no null was drawn, so that nothing has a p-value: fit with nulls = 999"
    elif tests / (1 + bank.nulls) > LEVEL:
        yield (
            f"with {bank.nulls} null CAVs a p-value is at least {1 / (1 + bank.nulls):.3f}, so that of {tests} tests "
            f"none can reach {LEVEL} alone: fit with nulls = {max(round(tests / LEVEL * 1.2), 999)}"
        )
    yield (
        "the pictures scored are those that the concepts were found from: the scores say what the network does with "
        "these pictures; confirm them on others"
    )


def _of_pictures(pictures: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    doubted = [one for one in pictures if one["doubts"]]
    if doubted:
        yield f"{len(doubted)} of {len(pictures)} explanations shown carry doubts of their own"
