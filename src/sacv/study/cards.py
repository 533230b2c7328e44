"""The data of a study in counts, and the quality of each concept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from sacv.cav import CAV, ConceptBank, weaknesses
from sacv.cav.strata import Association
from sacv.cli.bank_card import REMARKABLE_COSINE, remarks, rows_summary
from sacv.concepts import Labelled, count_units
from sacv.study.file import ConceptSource
from sacv.study.material import ALL, Material


def data_in_counts(material: Material, bank: ConceptBank) -> dict[str, Any]:
    """Count images, groups, classes and the rows of each concept by class."""
    table = material.table
    grouped = any(item.group is not None for item in table.images)
    return {
        "pictures": len(table.images),
        "groups": count_units(table.images) if grouped else None,
        "group_column": material.study.group,
        "class_column": material.study.classes,
        "unclassed": material.unclassed,
        "classes": [
            {"class": name, "pictures": len(images), "groups": count_units(images) if grouped else None}
            for name, images in material.classes.items()
        ],
        "concepts": [_concept(material, bank, name) for name in material.concepts],
        "within": None if bank.within is None else bank.within.to_json(),
        "within_told": None if bank.within is None else bank.within.description,
        "skipped": [
            {"name": name, "reason": reason}
            for name, reason in sorted(
                {pair for entry in (*bank.sets, *bank.rests, bank.absent) for pair in entry.skipped}
                | {(entry.name, entry.reason) for entry in table.images.skipped}
            )
        ],
    }


def _concept(material: Material, bank: ConceptBank, name: str) -> dict[str, Any]:
    entry = next(one for one in bank.sets if one.concept == name)
    given = material.study.concepts[name]
    labelled = material.table.concepts.get(name)
    return {
        "concept": name,
        "given": _given(given),
        "shown": entry.count,
        "others": entry.negatives if labelled is not None else None,
        "missing": entry.missing,
        "told": rows_summary(entry) if labelled is not None else None,
        "by_class": None if labelled is None else _by_class(material, labelled),
    }


def _given(given: ConceptSource) -> str:
    if given.column is not None:
        return given.column
    where = "" if given.masks is None else f", inside {given.masks}"
    return ", ".join(given.images) + where


def _by_class(material: Material, labelled: Labelled) -> dict[str, dict[str, int]]:
    column = material.study.classes
    sides = {"shown": labelled.images, "others": labelled.others}
    counts = {
        side: Counter(ALL if column is None else item.strata[column] for item in images)
        for side, images in sides.items()
    }
    return {name: {side: counts[side][name] for side in sides} for name in material.classes}


def concept_cards(bank: ConceptBank) -> list[dict[str, Any]]:
    """Return for each layer and concept the quality figures, and whether it can be judged."""
    return [_card(cav) for cav in bank.cavs]


def _card(cav: CAV) -> dict[str, Any]:
    quality, weak = cav.quality, weaknesses(cav)
    return {
        "layer": cav.layer,
        "concept": cav.concept,
        "weak": list(weak),
        "images": quality.images,
        "random_images": quality.random_images,
        "groups": quality.groups,
        "random_groups": quality.random_groups,
        "auroc": quality.auroc,
        "auroc_interval": list(quality.auroc_interval),
        "image_auroc": quality.image_auroc,
        "run_cosine": quality.run_cosine,
        "image_score": _image_score(cav),
        "strata": [str(one) for one in quality.strata],
        "not_told_apart": [one.column for one in quality.strata if not is_distinguished(one)],
        "alike": [other for other, cosine in quality.cosine.items() if abs(cosine) > REMARKABLE_COSINE],
        "presence": cav.calibration.description,
        "remarks": [remark for remark in remarks(cav) if remark not in map(str, quality.strata)],
    }


def _image_score(cav: CAV) -> dict[str, Any] | None:
    """Return the held-out AUROC of the image score (`sacv.cav.image_scores`), if the bank has it."""
    area, interval = cav.quality.image_score_auroc, cav.quality.image_score_interval
    return None if area is None or interval is None else {"auroc": area, "interval": list(interval)}


def is_distinguished(association: Association) -> bool:
    """Return whether the concept's AUROC within the values of a column is above 0.5."""
    interval = association.auroc_interval
    return association.separable and (interval is None or interval[0] > 0.5)


def entangled_columns(bank: ConceptBank, leading: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return for each concept the columns that it is not distinguished from."""
    return {
        concept: tuple(
            one.column for one in bank.cav(leading[concept], concept).quality.strata if not is_distinguished(one)
        )
        for concept in bank.concepts
    }
