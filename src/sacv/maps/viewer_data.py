"""Convert explanations to the input of the viewer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from sacv.concepts.formats import format_of
from sacv.maps.check_sentences import DOUBTS, SENTENCES, words_of
from sacv.maps.listing import RULE, choose, measures
from sacv.maps.planes import ANATOMICAL, PLAIN
from sacv.maps.views import chunks
from sacv.report.display import in_groups
from sacv.report.provenance import model_text, solver_text
from sacv.viewer import Blocks, ViewerData

if TYPE_CHECKING:
    from sacv.cav import ConceptBank, Quality
    from sacv.maps.display_images import DisplayImage
    from sacv.maps.explanation import Explanation
    from sacv.maps.layer_maps import LayerMaps

UNDRAWN_NOTES = ("zero contribution", "constant contribution")
"""Kinds of notes on contribution maps that do not distinguish locations, and are not drawn."""

NAMED = 10
"""Maximum number of skipped files that the report names."""

MOST = 240
"""Maximum number of images in a report."""

ROOM = 17_000_000
"""Approximate bytes of maps and images in a report of many images; the file is a third larger."""

PICTURE = 70_000
"""Approximate bytes of an image."""

SCORES = (
    "relevant", "relevance_max", "relevance_mean", "sacv_score", "sacv_positive", "sacv_negative", "contribution_sum",
    "relevance_significant", "contribution_significant", "present", "inside", "image_score", "image_p",
)  # fmt: skip
"""Columns of `Explanation.scores` that are in the viewer, if they exist."""

CHOSEN = f"images are shown: {RULE}. scores.parquet has a row for each image."


def report_numbers(found: Explanation) -> tuple[int, ...]:
    """Return the numbers of the images in the report: all, or a choice that has room."""
    kinds = 5 + 2 * len(found.concepts)  # two maps in float16, three masks
    cells = sum(int(np.prod(found.maps[layer].grid)) for layer in found.layers)
    bytes_of_one = PICTURE + cells * len(found.concepts) * kinds // 2
    most = min(max(ROOM // bytes_of_one, 1), MOST)
    return choose(found.maps, len(found.concepts), len(found.images), most)


def build_viewer_data(
    explanations: Sequence[Explanation], numbers: Sequence[int], pictures: Sequence[DisplayImage]
) -> ViewerData:
    """Return the input of the viewer.

    The explanations are of the same images, concepts and layers, one for each target. `numbers` and `pictures` are
    those of the images shown.
    """
    whole = explanations[0]
    shown = [found.subset(numbers) for found in explanations]
    blocks = Blocks()
    for number, one in enumerate(pictures):
        for name, content in zip(one.names(), one.pictures, strict=True):
            blocks.add_bytes(f"pictures/{number}/{name}", content)
    for number, layer in enumerate(whole.layers):
        _add_maps(blocks, shown, number, layer)
    _add_scores(blocks, shown)
    blocks.add_figures("summary", np.stack([_summary(found) for found in explanations]))
    few = [] if len(numbers) == len(whole.images) else [f"{len(numbers)} of {len(whole.images)} {CHOSEN}"]
    command = whole.settings.get("command")
    method, skipped = whole.settings["method"], whole.image_set.skipped
    more = [f"Left out: {len(skipped) - NAMED} more, named in explanation.json"] if len(skipped) > NAMED else []
    header = {
        "kind": "explanation",
        "title": f"{', '.join(whole.concepts)}: what {whole.provenance['model']['kind']} sees, and where",
        "subject": str(whole.provenance["model"]["kind"]),
        "count": len(whole.images),
        "meaning": method["meaning"],
        "concepts": list(whole.concepts),
        "units": [found.settings["method"]["unit"] for found in explanations],
        "values": [found.value for found in explanations],
        "targets": [str(found.settings["target"]) for found in explanations],
        "images": [_image(shown, row, one) for row, one in enumerate(pictures)],
        "layers": [_layer(explanations, layer, pictures) for layer in whole.layers],
        "cards": [[_card(whole, layer, concept) for concept in whole.concepts] for layer in whole.layers],
        "sentences": {kind: [text, kind in DOUBTS] for kind, text in SENTENCES.items()},
        "checks": [
            [
                [
                    [_checks(found, layer, number, row) for row in range(len(numbers))]
                    for number in range(len(found.concepts))
                ]
                for layer in found.layers
            ]
            for found in shown
        ],
        "warnings": [*few, *(f"Left out: {entry.reason}" for entry in skipped[:NAMED]), *more],
        "facts": [
            *map(list, whole.provenance["facts"].items()),
            *([["command", command]] if command else []),
            ["files left out", str(len(skipped) or "none")],
        ],
    }
    return blocks.data(header)


def _add_maps(blocks: Blocks, shown: Sequence[Explanation], number: int, layer: str) -> None:
    first = shown[0].maps[layer]
    blocks.add_map(f"maps/{number}/relevance", _lines(first.relevance))
    if first.relevance_significant is not None:
        blocks.add_marks(f"maps/{number}/relevance_marks", _lines(first.relevance_significant))
    if first.present:
        nothing = np.zeros((len(first.relevance), *first.grid), dtype=bool)
        present = [first.present.get(concept, nothing) for concept in shown[0].concepts]
        blocks.add_marks(f"maps/{number}/present", _lines(np.stack(present, axis=1)))
    if first.inside is not None:
        blocks.add_marks(f"maps/{number}/inside", first.inside[:, None] if len(first.grid) == 1 else first.inside)
    for target, found in enumerate(shown):
        maps = found.maps[layer]
        blocks.add_map(f"maps/{number}/contribution/{target}", _lines(maps.contribution))
        if maps.contribution_significant is not None:
            blocks.add_marks(f"maps/{number}/contribution_marks/{target}", _lines(maps.contribution_significant))


def _lines(values: NDArray[Any]) -> NDArray[Any]:
    """Return maps to draw; maps of signals `(images, concepts, length)` become one row each."""
    return values[:, :, None, :] if values.ndim == 3 else values


def _add_scores(blocks: Blocks, shown: Sequence[Explanation]) -> None:
    """Add each score, `(targets, layers, concepts, images)`."""
    tables = [found.scores() for found in shown]
    shape = len(shown), len(shown[0].layers), len(shown[0].concepts), len(shown[0].images)
    for name in SCORES:
        if name in tables[0].columns:
            blocks.add_figures(
                f"scores/{name}",
                np.stack([table[name].to_numpy(dtype=np.float64, na_value=np.nan) for table in tables]).reshape(shape),
            )


def _summary(found: Explanation) -> NDArray[np.float64]:
    """Return the mean SACV score over all images and its 95 % interval, `(layers, concepts, 3)`.

    The interval is Student's, mean +- t s / sqrt(n); NaN for a single image.
    """
    rows = []
    for layer in found.layers:
        maps = found.maps[layer]
        scores = np.concatenate([measures(maps.subset(some))[1] for some in chunks(len(found.images))])
        mean, half = scores.mean(axis=0), np.full(scores.shape[1], np.nan)
        if len(scores) > 1:
            half = student.ppf(0.975, len(scores) - 1) * scores.std(axis=0, ddof=1) / np.sqrt(len(scores))
        rows.append(np.stack([mean, mean - half, mean + half], axis=-1))
    return np.stack(rows)


def _image(shown: Sequence[Explanation], row: int, one: DisplayImage) -> dict[str, Any]:
    image = shown[0].images[row]
    values = [found.images[row] for found in shown]
    return {
        "path": image.path,
        **one.labels(),
        "in_fit": image.in_fit,
        "predicted": image.predicted_name,
        "probability": image.probability,
        "targets": [[value.target_name, value.logit] for value in values],
    }


def _layer(explanations: Sequence[Explanation], layer: str, pictures: Sequence[DisplayImage]) -> dict[str, Any]:
    found = explanations[0]
    grid, made = found.maps[layer].grid, found.provenance
    fields = made["layers"][layer]["fields"]
    return {
        "name": layer,
        "grid": [1, *grid] if len(grid) == 1 else list(grid),
        "fields": _shares(fields, made["input_shape"][1:]) if len(grid) == 2 and fields is not None else None,
        "field": describe_field(fields),
        # A zero or constant map is not drawn; its note gives the reason.
        "silent": [
            any(note.layer == layer and note.kind in UNDRAWN_NOTES for note in one.notes) for one in explanations
        ],
        "notes": [_layer_notes(one, layer) + _shape_note(grid, pictures) for one in explanations],
    }


def _layer_notes(found: Explanation, layer: str) -> list[str]:
    return [note.text for note in found.notes if note.layer in (layer, None) and note.concept is None]


def _shares(fields: Sequence[Sequence[Sequence[int]]], size: Sequence[int]) -> list[list[list[float]]]:
    """Return the first and past-last line of each field, along rows and columns, as shares of the input."""
    return [
        [[round(first / side, 5), round(last / side, 5)] for first, last in axis]
        for axis, side in zip(fields, size, strict=True)
    ]


def _card(found: Explanation, layer: str, concept: str) -> dict[str, Any]:
    cav = next(one for one in found.provenance["cavs"] if (one["layer"], one["concept"]) == (layer, concept))
    quality = cav["quality"]
    return {
        "auroc": quality["auroc"],
        "interval": list(quality["auroc_interval"]),
        "figures": [[label, text] for label, text in cav["figures"].items()],
        "line": _line(found.maps[layer], concept),
        "weak": any((note.kind, note.layer, note.concept) == ("weak CAV", layer, concept) for note in found.notes),
        "notes": [note.text for note in found.notes if note.layer in (layer, None) and note.concept == concept],
    }


def _line(maps: LayerMaps, concept: str) -> str:
    if concept in maps.present:
        return "present"
    return "" if maps.relevance_significant is None else "significant"


def _shape_note(grid: tuple[int, ...], pictures: Sequence[DisplayImage]) -> list[str]:
    if len(grid) == 3:
        anatomical = all(plane.flipped for one in pictures for plane in one.planes)
        return [f"{ANATOMICAL if anatomical else PLAIN} maps.safetensors holds the whole maps."]
    return ["The locations lie along one axis, drawn from left to right."] if len(grid) == 1 else []


def _checks(found: Explanation, layer: str, number: int, row: int) -> list[list[str]]:
    line = None if found.checks is None else found.checks[layer][row][number]
    return [[one.kind, one.figure] for one in words_of(line, found.value)]


def quality_text(found: Explanation, bank: ConceptBank, layer: str, concept: str) -> dict[str, str]:
    """Return the figures of a CAV by their label."""
    quality = bank.cav(layer, concept).quality
    random = in_groups(quality.random_images, quality.random_groups)
    return {
        "accuracy, locations": f"{quality.accuracy:.3f}",
        "AUROC, locations": f"{quality.auroc:.3f} ({quality.auroc_interval[0]:.3f} to {quality.auroc_interval[1]:.3f})",
        "accuracy, images": f"{quality.image_accuracy:.3f}",
        "AUROC, images": f"{quality.image_auroc:.3f}",
        "concept": f"{in_groups(quality.images, quality.groups)}, {quality.locations:.0f} locations",
        **({} if quality.run_cosine is None else {"cosine between runs": f"{quality.run_cosine:.3f}"}),
        "random": f"{random}, {quality.random_locations:.0f} locations",
        **image_score_text(quality),
        "mask of presence": found.presence_calibration(layer, concept),
        **({} if found.within is None else {"within masks": found.within.summary(layer, concept)}),
    }


def image_score_text(quality: Quality) -> dict[str, str]:
    """Return the AUROC of image scores by its label, if there are any."""
    if quality.image_score_auroc is None or quality.image_score_interval is None:
        return {}
    low, high = quality.image_score_interval
    return {"AUROC, image scores": f"{quality.image_score_auroc:.3f} ({low:.3f} to {high:.3f})"}


def facts_text(found: Explanation, bank: ConceptBank) -> dict[str, str]:
    """Return the provenance in words, by label."""
    return {
        "model": model_text(bank.model),
        "fingerprint": str(bank.model["fingerprint"]),
        "bank": bank.fingerprint,
        "target": str(found.settings["target"]),
        "solver": solver_text(bank.solver),
        "contribution": _method(found),
        "seed": str(bank.seed),
        **_window(found, bank),
    }


def _window(found: Explanation, bank: ConceptBank) -> dict[str, str]:
    if bank.window is not None:
        return {"window": str(bank.window)}
    deep = any(format_of(Path(item.name)) is not None for item in found.image_set)
    return {"window": "each file's own"} if deep else {}


def _method(found: Explanation) -> str:
    method = found.settings["method"]
    parameters = ", ".join(f"{key}={value!r}" for key, value in method["parameters"].items())
    return f"{method['name']}({parameters}), {method['unit']}"


def describe_field(fields: Sequence[Sequence[Sequence[int]]] | None) -> str:
    """Describe the size of the largest receptive field, given the first and past-last lines along each axis."""
    if fields is None:
        return "not known for this layer"
    sides = [max(last - first for first, last in axis) for axis in fields]
    return f"{' x '.join(map(str, sides))} px of the network's input"
