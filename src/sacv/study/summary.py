"""The answer of a study in three lines, and its warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sacv.cav import ConceptBank, weaknesses
from sacv.cli.bank_card import FEW_GROUPS, REMARKABLE_COSINE, REMARKABLE_LOOKS, group_remarks
from sacv.scores.verdicts import LEVEL
from sacv.study.cards import is_distinguished
from sacv.study.findings import VERBS, Finding

WORDED_HERE = ("quality", "entanglement", "looks")
"""Checks of the audit whose figures have warnings of their own here."""


def answer(findings: Sequence[Finding], targets: Sequence[str]) -> list[str]:
    """Return three lines: the concepts that support the targets, that oppose them, and that allow no conclusion.

    They use the leading layer of each concept, and omit concepts that are not distinguished from a column.
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
        parts.append(f"{target}: {named or 'no concept significantly'}")
    return f"{VERBS[verdict].capitalize()} {'; '.join(parts)}."


def _of(groups: Sequence[str]) -> str:
    named = [group for group in groups if group]
    return f" (in images of {', '.join(named)})" if named else ""


def _open(findings: Sequence[Finding]) -> str:
    concepts = list(dict.fromkeys(one.concept for one in findings))
    verdicts = {name: {one.verdict for one in findings if one.concept == name} for name in concepts}
    entangled = {one.concept: one.entangled for one in findings if one.entangled and one.verdict != "weak"}
    none = [name for name in concepts if verdicts[name] == {"none"} and name not in entangled]
    weak = [name for name in concepts if "weak" in verdicts[name]]
    parts = [f"{', '.join(none)} (no significant effect)"] if none else []
    parts += [f"{name} (not distinguished from {' and '.join(columns)})" for name, columns in entangled.items()]
    parts += [f"{', '.join(weak)} (too weak to be judged)"] if weak else []
    return f"No conclusion on {'; '.join(parts)}." if parts else "Every concept has a significant effect."


def study_warnings(
    bank: ConceptBank,
    data: Mapping[str, Any],
    findings: Sequence[Finding],
    audit: Mapping[str, Any],
    images: Sequence[Mapping[str, Any]],
    leading: Mapping[str, str],
) -> list[str]:
    """Return the warnings about the findings, the gravest first.

    `data` are the counts of the data (`data_in_counts`); `audit`, its findings; `images`, the top images, with the
    warnings of each; `leading`, the leading layer of each concept.
    """
    found = [
        *_of_concepts(bank, leading),
        *of_layers(findings),
        *_of_audit(audit),
        *_of_groups(data),
        *_of_tests(bank, findings),
        *_of_images(images),
    ]
    return list(dict.fromkeys(found))


def _of_concepts(bank: ConceptBank, leading: Mapping[str, str]) -> Iterator[str]:
    cavs = [bank.cav(layer, concept) for concept, layer in leading.items()]
    columns = [(cav, one) for cav in cavs for one in cav.quality.strata]
    for cav, one in sorted(columns, key=lambda pair: pair[1].separable):
        if not is_distinguished(one):
            yield f"{cav.concept}: {one}"
    for cav in cavs:
        if weak := weaknesses(cav):
            yield f"{cav.concept} is too weak to be judged: {', and '.join(weak)}"
    yield from _alike(bank, leading)
    for cav in cavs:
        for name, area in cav.quality.statistics_auroc.items():
            if area > REMARKABLE_LOOKS:
                yield (
                    f"{cav.concept}: {name} alone separates its images from the others (AUROC {area:.2f}), so the "
                    f"concept found may be {name}"
                )
        yield from (f"{cav.concept}: {remark}" for remark in group_remarks(cav))


def _alike(bank: ConceptBank, leading: Mapping[str, str]) -> Iterator[str]:
    """Yield the pairs of concepts whose directions are nearly the same."""
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
        yield f"these directions hardly differ, so a finding about one may be about the other: {'; '.join(pairs)}"


def of_layers(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the effects whose sign at another layer is opposite to that at the leading one."""
    leading = {(one.concept, one.group, one.target): one for one in findings if one.leading}
    for one in findings:
        first = leading[one.concept, one.group, one.target]
        if {first.verdict, one.verdict} == {"for", "against"}:
            where = f" in images of {one.group}" if one.group else ""
            yield (
                f"{one.concept} {VERBS[first.verdict]} {one.target}{where} at {first.layer}, and "
                f"{VERBS[one.verdict]} it at {one.layer}"
            )


def _of_audit(audit: Mapping[str, Any]) -> Iterator[str]:
    for finding in audit["findings"]:
        if finding["passed"] is False and finding["check"] not in WORDED_HERE:
            of = f"{finding['concept']} at " if finding["concept"] else ""
            yield f"the audit's check {finding['check']!r} failed for {of}{finding['layer']}: {finding['reason']}"


def _of_groups(data: Mapping[str, Any]) -> Iterator[str]:
    if data["groups"] is None:
        yield (
            "no column gives the groups of images, such as those of one patient (data.group), so each image counts as "
            "independent: if some are of one patient, intervals are too narrow and p-values too small"
        )
    for one in data["classes"]:
        count, unit = (one["pictures"], "images") if one["groups"] is None else (one["groups"], "groups")
        if count < FEW_GROUPS:
            yield f"{one['class']} has only {count} {unit}, so its intervals are unreliable"


def _of_tests(bank: ConceptBank, findings: Sequence[Finding]) -> Iterator[str]:
    tests = sum(one.p is not None for one in findings)
    if not tests:
        yield "no null CAVs were fitted, so there are no p-values: fit with nulls = 999"
    elif tests / (1 + bank.nulls) > LEVEL:
        yield (
            f"with {bank.nulls} null CAVs a p-value is at least {1 / (1 + bank.nulls):.3f}, so none of {tests} "
            f"tests can reach {LEVEL} alone: fit with nulls = {max(round(tests / LEVEL * 1.2), 999)}"
        )
    yield (
        "the CAVs were fitted on the images that are scored: the scores describe these images; confirm them on others"
    )


def _of_images(images: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    failed = [one for one in images if one["doubts"]]
    if failed:
        yield f"{len(failed)} of {len(images)} explanations shown have warnings from their reliability checks"
