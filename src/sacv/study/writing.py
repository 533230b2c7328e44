"""`study.json` and `report.html` of a study."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sacv.cav import ConceptBank
from sacv.errors import StorageError
from sacv.files import write_json
from sacv.report import render_study
from sacv.report.provenance import versions
from sacv.study.cards import concept_cards, data_in_counts, entangled_columns
from sacv.study.findings import find, score_notes
from sacv.study.images import drawn_images, read_images
from sacv.study.material import ALL, Material
from sacv.study.pipeline import TopImage, leading_layers
from sacv.study.run import FORMAT_VERSION, KIND
from sacv.study.steps import file_digest
from sacv.study.summary import answer, study_warnings


def write_report(
    material: Material,
    out: Path,
    bank: ConceptBank,
    scores: Mapping[str, Path],
    audited: Path,
    top: Mapping[str, Sequence[TopImage]],
    explained: Mapping[str, Path],
) -> dict[str, Any]:
    """Write both files, and return the content of `study.json`.

    By class, `scores` and `explained` are the folders of scores and of explanations, and `top` its top images;
    `audited` is the file of the audit.
    """
    study, leading = material.study, leading_layers(bank)
    found = find(
        bank,
        scores,
        material.target_names,
        leading,
        entangled_columns(bank, leading),
        ALL if study.classes is None else None,
    )
    data, cards = data_in_counts(material, bank), concept_cards(bank)
    audit = json.loads(audited.read_text(encoding="utf-8"))
    images = read_images(out, explained, top, material.target_names)
    content = {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "title": study.title,
        "question": study.question,
        "answer": answer(found, material.target_names),
        "doubts": study_warnings(bank, data, found, audit, images, leading),
        "data": data,
        "concepts": cards,
        "findings": [one.to_json() for one in found],
        "notes": score_notes(scores),
        "tests": sum(one.p is not None for one in found),
        "audit": audit,
        "pictures": images,
        "provenance": _provenance(material, bank),
    }
    page = render_study(content, list(drawn_images(material.model, out, top, images)))
    _write(out, content, page)
    return content


def _provenance(material: Material, bank: ConceptBank) -> dict[str, Any]:
    study = material.study
    return {
        "command": f"sacv study {study.path.name} --out DIR",
        "study_file": study.text,
        "sha256": {"study": file_digest(study.path), "table": file_digest(Path(study.placed(study.table)))},
        "seed": study.seed,
        "model": {key: bank.model[key] for key in ("spec", "kind", "fingerprint")},
        "bank_fingerprint": bank.fingerprint,
        "layers": list(bank.layers),
        "solver": dict(bank.solver),
        "runs": bank.runs,
        "nulls": bank.nulls,
        "folds": bank.folds,
        "versions": versions(),
    }


def _write(out: Path, content: Mapping[str, Any], page: str) -> None:
    try:
        fresh = out / f".report-{os.getpid()}"
        write_json(fresh, content)
        fresh.replace(out / "study.json")
        fresh.write_text(page, encoding="utf-8")
        fresh.replace(out / "report.html")
    except OSError as error:
        raise StorageError(f"{out} could not be written: {error.strerror or error}") from error
