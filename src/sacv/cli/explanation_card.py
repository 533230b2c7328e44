"""The result of `sacv explain` as text: sentences with the result, a narrow table, then warnings."""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan
from typing import TYPE_CHECKING, Any

from sacv.cli.console import say, say_table, short_names

if TYPE_CHECKING:
    from sacv.maps import Explanation

SENTENCES = 8
"""Pairs of a layer and a concept that get a sentence."""

ROWS = 24
"""Rows of the table, about; at least one image is listed."""


def show_explanation(found: Explanation) -> None:
    """Print the result of an explanation: of many images a choice is listed."""
    say_results(found)
    pairs = len(found.layers) * len(found.concepts)
    shown = found.subset(found.listed[: max(1, ROWS // pairs)])
    rows = shown.scores().to_dict(orient="records")
    say()
    say_table(*_table(found, rows))
    say("\n" + "\n".join(_legend(found, rows)))
    if len(shown.images) < len(found.images):
        say(
            f"{len(shown.images)} of {len(found.images)} images are listed; scores.parquet has a row for each image, "
            "layer and concept."
        )
    for text in _remarks(found):
        say(text)
    for text in _warnings(found):
        say(f"Warning: {text}")


def say_results(found: Explanation) -> None:
    """Print a sentence for each layer and concept: where it is found, and what it does to the target."""
    pairs = [(layer, concept) for layer in found.layers for concept in found.concepts]
    for layer, concept in pairs[:SENTENCES]:
        weak = " (weak CAV)" if _is_weak(found, layer, concept) else ""
        say(f"{concept}{weak} at {layer}: {_presence(found, layer, concept)}; {_effect(found, layer, concept)}.")
    if len(pairs) > SENTENCES:
        say(f"The report has {len(pairs) - SENTENCES} more pairs of a layer and a concept.")


def _presence(found: Explanation, layer: str, concept: str) -> str:
    """Count the images in which the concept is found, by the best mask that is available."""
    import numpy as np

    from sacv.maps.views import chunks
    from sacv.report.display import counted

    maps, number, count = found.maps[layer], found.concepts.index(concept), len(found.images)
    hits = 0
    for some in chunks(count):
        if concept in maps.present:
            mask = np.asarray(maps.present[concept][some])
        elif maps.relevance_significant is not None:
            mask = np.asarray(maps.relevance_significant[some, number])
        else:
            mask = maps.counting(maps.relevance[:, number])[some] > 0
        hits += int(mask.reshape(len(mask), -1).any(axis=1).sum())
    if concept in maps.present:
        return f"found in {hits} of {counted(count, 'image')} (presence mask)"
    if maps.relevance_significant is not None:
        return f"found in {hits} of {counted(count, 'image')} (significance mask)"
    return f"relevance above the threshold in {hits} of {counted(count, 'image')} (neither mask is available)"


def _effect(found: Explanation, layer: str, concept: str) -> str:
    """State what the concept does to the target, on average over the images."""
    import numpy as np

    number, value = found.concepts.index(concept), target_value(found)
    if found.checks is None:
        from sacv.maps.score_rows import score_rows

        scores = [
            row["sacv_score"]
            for rows in score_rows(found)
            for row in rows
            if (row["layer"], row["concept"]) == (layer, concept)
        ]
        return f"its mean SACV score is {np.mean(scores):+.2g} {found.settings['method']['unit']}"
    lines = [line[number] for line in found.checks[layer]]
    change = float(np.mean([line.ablation for line in lines]))
    if not any(line.moved for line in lines):
        return f"removing it does not change {value}"
    return f"it {'raises' if change < 0 else 'lowers'} {value} by {abs(change):.2g} on average"


def target_value(found: Explanation) -> str:
    """Return what is explained in words, such as "the logit of 'striped'"."""
    if found.value != "the logit":
        return found.value
    target = str(found.settings["target"])
    return "the logit of the predicted class" if target == "predicted" else f"the logit of {target!r}"


def _is_weak(found: Explanation, layer: str, concept: str) -> bool:
    return any((note.kind, note.layer, note.concept) == ("weak CAV", layer, concept) for note in found.notes)


def _table(found: Explanation, rows: list[dict[Any, Any]]) -> tuple[list[str], list[dict[str, Any]]]:
    """Return columns and rows; a column whose value is the same everywhere is left out."""
    columns = [
        "image",
        *(["layer"] if len(found.layers) > 1 else []),
        *(["concept"] if len(found.concepts) > 1 else []),
        *(["target"] if len({row["target"] for row in rows}) > 1 else []),
        "logit",
        _mask_column(rows),
        "SACV score",
        *([] if found.checks is None else ["if removed"]),
    ]
    names = short_names([row["image"] for row in rows])
    return columns, [
        {
            "image": names[row["image"]] + (" *" if row["in_fit"] else ""),
            "layer": row["layer"],
            "concept": f"{row['concept']} (weak)" if row["weak"] else row["concept"],
            "target": row["target"],
            "logit": row["logit"],
            "present": _share(row.get("present")),
            "significant": _share(row.get("relevance_significant")),
            "relevant": _share(row["relevant"]),
            "SACV score": row["sacv_score"],
            "if removed": "" if found.checks is None else f"{row['ablation']:+.3g}",
        }
        for row in rows
    ]


def _mask_column(rows: list[dict[Any, Any]]) -> str:
    """Return the column of the best mask that any row has."""
    for column, key in (("present", "present"), ("significant", "relevance_significant")):
        if any(_share(row.get(key)) for row in rows):
            return column
    return "relevant"


def _legend(found: Explanation, rows: list[dict[Any, Any]]) -> Iterator[str]:
    yield {
        "present": "present: share of locations inside the presence mask.",
        "significant": "significant: share of locations inside the significance mask.",
        "relevant": "relevant: share of locations with relevance above 0.",
    }[_mask_column(rows)]
    unit = found.settings["method"]["unit"]
    yield f"SACV score: sum of the contribution where relevance is above 0, in {unit}."
    if found.checks is not None:
        yield f"if removed: change of {found.value} when the concept is removed from the activation."
    if any(row["in_fit"] for row in rows):
        yield "*: the bank was fitted on this image; its figures are too good."


def _remarks(found: Explanation) -> Iterator[str]:
    for layer in found.layers:
        for concept in found.concepts:
            if found.within is not None:
                yield f"Within masks, {layer}, {concept}: {found.within.summary(layer, concept)}"
    for entry in found.image_set.skipped:
        yield f"Left out, unreadable: {entry.reason}"


def _warnings(found: Explanation) -> Iterator[str]:
    """Yield missing presence masks, notes, and the reliability checks that failed."""
    from sacv.report.display import few

    missing: dict[str, list[str]] = {}
    for layer in found.layers:
        for concept in found.concepts:
            if concept not in found.maps[layer].present:
                missing.setdefault(found.presence_calibration(layer, concept), []).append(f"{concept} at {layer}")
    for text, pairs in missing.items():
        yield f"presence mask of {few(pairs)}: {text}."
    for note in found.notes:
        yield note.text if note.layer is None else f"layer {note.layer}: {note.text}"
    yield from _failed_checks(found)


def _failed_checks(found: Explanation) -> Iterator[str]:
    """Yield a sentence for each kind of check that failed, with the images of the report's list that failed it."""
    from sacv.maps.check_sentences import DOUBTS
    from sacv.report.display import counted, few

    if found.checks is None:
        return
    shown = found.subset(found.listed)
    names = short_names([image.path for image in shown.images])
    failed: dict[str, dict[str, list[str]]] = {}
    for layer, images in (shown.checks or {}).items():
        for image, lines in zip(shown.images, images, strict=True):
            for concept, line in zip(found.concepts, lines, strict=True):
                for kind in line.warnings_by_kind(found.value):
                    failed.setdefault(kind, {}).setdefault(f"{concept} at {layer}", []).append(names[image.path])
    for kind, by_pair in failed.items():
        where = [
            f"{pair} in {images[0] if len(images) == 1 else counted(len(images), 'image')}"
            for pair, images in by_pair.items()
        ]
        if len(found.layers) * len(found.concepts) == 1:
            where = next(iter(by_pair.values()))
        yield f"{few(where)}: {DOUBTS[kind]}"


def _share(value: Any) -> str:
    return "" if not isinstance(value, float) or isnan(value) else f"{value:.0%}"
