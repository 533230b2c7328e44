"""Explain photos with concepts of a bank, and store the explanation as a folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sacv.app.http_errors import Refusal
from sacv.app.jobs import Progress
from sacv.app.workspace import Workplace
from sacv.cav import ConceptBank
from sacv.maps import explain
from sacv.model import VisionModel

BATCH = 4
"""Photos in a pass: few, so that a cancelled job stops soon."""


def explain_photos(
    model: VisionModel,
    workspace: Workplace,
    bank: str,
    concepts: Sequence[str],
    photos: Sequence[Path],
    targets: Sequence[str],
    progress: Progress,
) -> dict[str, Any]:
    """Explain photos; unreadable ones are left out and named on the page.

    Return the name of the explanation. Raises the errors of `sacv.explain`.
    """
    chosen = part_of(workspace.bank(bank), concepts)
    found = explain(
        model,
        list(photos),
        chosen,
        targets[0] if len(targets) == 1 else list(targets),
        batch_size=BATCH,
        allow_weak=True,
        skip_unreadable=True,
        progress=progress,
    )
    folder = workspace.new_explanation(f"{', '.join(chosen.concepts)} for {', '.join(targets)}")
    found.save(folder)
    return {"explanation": folder.name}


def part_of(bank: ConceptBank, concepts: Sequence[str]) -> ConceptBank:
    """Return a bank of some of its concepts; of all if none is named."""
    unknown = [concept for concept in concepts if concept not in bank.concepts]
    if unknown:
        raise Refusal(f"the bank has no concept {unknown[0]!r}; it has {', '.join(bank.concepts)}")
    if not concepts or set(concepts) == set(bank.concepts):
        return bank
    return replace(
        bank,
        sets=tuple(entry for entry in bank.sets if entry.concept is None or entry.concept in concepts),
        cavs=tuple(cav for cav in bank.cavs if cav.concept in concepts),
    )
