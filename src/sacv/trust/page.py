"""The report of an audit as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sacv.registry import sections
from sacv.report.display import counted, few
from sacv.report.page import Cell, Column, Grid, Page, Section
from sacv.report.provenance import Provenance, model_text, solver_text, versions_text
from sacv.report.sentence import Name, Sentence

if TYPE_CHECKING:
    from sacv.trust.findings import Audit, Finding

RESULTS = {True: Cell("\N{CHECK MARK} pass", tone="good"), False: Cell("\N{BALLOT X} fail", tone="bad")}
NOT_RUN = Cell("not run", tone="soft")
ORDER = (False, None, True)
"""Failed checks come first."""

MEANING = {
    "quality": "Does the CAV separate held-out images with the concept from those without it?",
    "label permutation": "Do permuted labels give the same AUROC?",
    "images show the concept": "Do all concept images show the concept to the network?",
    "looks": "Does a trivial image statistic, such as brightness, separate the sets?",
    "entanglement": "Is the concept distinguished from the other concepts?",
    "random concepts": "How often is a random CAV significant?",
    "randomised weights": "Do the maps change with the weights of the network?",
    "contribution varies": "Does the contribution vary over the locations of the layer?",
    "within masks": "Which share of the images is inside the masks?",
    "outside the masks": "What are the figures of whole images?",
}
"""By check, the question that it answers."""


def page_of(found: Audit) -> Page:
    """Return the report of an audit."""
    return Page(
        title=f"Audit of the directions of {_subject(found)}",
        headline=headline(found.findings),
        points=_failed(found.findings),
        warnings=[],
        sections=sections("audit", found),
        provenance=_provenance(found),
    )


def checks(found: Audit) -> list[Section]:
    """Return the section with the outcomes of each check."""
    return [Section("Checks", grids=[_summary(found.findings)])]


def reasons(found: Audit) -> list[Section]:
    """Return the section with every finding and its reason."""
    return [Section("Reasons", grids=[_all(found.findings)])]


def headline(findings: Sequence[Finding]) -> list[str]:
    """Return the result in one sentence."""
    passed, failed, other = (sum(one.passed is how for one in findings) for how in (True, False, None))
    rest = f"; {other} could not be run" if other else ""
    if failed:
        return [f"{failed} of {counted(len(findings), 'check')} failed{rest}."]
    if not passed:
        return [f"None of the {len(findings)} checks could be run."]
    return [f"No check failed: {passed} of {len(findings)} passed{rest}."]


def _subject(found: Audit) -> str:
    names = list(dict.fromkeys(one.concept for one in found.findings if one.concept is not None))
    return few(names) if names else "a bank"


def _failed(findings: Sequence[Finding]) -> list[Sentence]:
    """Return a sentence for each check that failed, with its concepts and layers."""
    failed: dict[str, list[str]] = {}
    for one in findings:
        if one.passed is False:
            where = one.layer if one.concept is None else f"{one.concept} at {one.layer}"
            failed.setdefault(one.check, []).append(where)
    return [(Name(check), f": {few(list(dict.fromkeys(where)))}") for check, where in failed.items()]


def _summary(findings: Sequence[Finding]) -> Grid:
    rows = []
    for check in dict.fromkeys(one.check for one in findings):
        counts = [sum(one.passed is how for one in findings if one.check == check) for how in (False, True, None)]
        worst = next(how for how, count in zip((False, True, None), counts, strict=True) if count)
        cells = [Cell(str(count) if count else "", float(count)) for count in counts]
        rows.append([Cell(check), _result(worst), *cells, Cell(MEANING.get(check, ""))])
    columns = [Column("check"), Column("result"), *(Column(name, True) for name in ("failed", "passed", "not run"))]
    return Grid("checks", "Outcomes of each check", [*columns, Column("question", wide=True)], rows)


def _all(findings: Sequence[Finding]) -> Grid:
    rows = [
        [Cell(one.check), Cell(one.concept or ""), Cell(one.layer), _result(one.passed), Cell.sentence(one.reason)]
        for how in ORDER
        for one in findings
        if one.passed is how
    ]
    columns = [*map(Column, ("check", "concept", "layer", "result")), Column("reason", wide=True)]
    return Grid("audit", "Every finding", columns, rows)


def _result(passed: bool | None) -> Cell:
    return NOT_RUN if passed is None else RESULTS[passed]


def _provenance(found: Audit) -> Provenance:
    made = found.provenance
    if not made:
        return Provenance({"provenance": "unknown"})
    return Provenance(
        {
            "model": model_text(made["model"]),
            "fingerprint": str(made["model"]["fingerprint"]),
            "bank": str(made["bank"]["fingerprint"]),
            "solver": f"{solver_text(made['solver'])}; {made['runs']} runs, {made['nulls']} null CAVs",
            "target": str(made["target"]),
            "images": str(made["images"]),
            "seeds": f"audit {made['seed']}, bank {made['bank']['seed']}",
            "versions": versions_text(made["versions"]),
            **({"command": made["command"]} if "command" in made else {}),
        },
        file="audit.json",
    )
