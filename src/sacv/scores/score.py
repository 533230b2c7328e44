"""`score`: TCAV and SACV scores of a class over any number of images, with their significance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from sacv.cav import CAV, ConceptBank, require_strong
from sacv.cav.inside import Counted
from sacv.cav.passes import Progress, in_batches
from sacv.cav.within import without_masks
from sacv.concepts import (
    Groups,
    ImageItem,
    Source,
    Within,
    WithinSource,
    count_units,
    group_rule,
    image_set,
    with_groups,
)
from sacv.concepts.item import Loaded
from sacv.engine import Engine, LocalEngine, ShardStore, cut
from sacv.errors import OptionError
from sacv.model import VisionModel
from sacv.scores.accumulation import ScoreReducer, State, Sums
from sacv.scores.class_scores import ClassScores
from sacv.scores.image_rows import ImageRows
from sacv.scores.kinds import CENTRES, evaluate
from sacv.scores.significance import benjamini_hochberg, effect_size, holm, interval, p_value, reach
from sacv.stats import Float64
from sacv.targets import Aimed, Class, Given, Target, given_targets, names_of, require_images, target_of


def score(
    model: VisionModel,
    images: Source,
    bank: ConceptBank,
    target: Given | Sequence[Given],
    *,
    groups: Groups | None = None,
    seed: int = 0,
    batch_size: int | None = None,
    within: WithinSource | None = None,
    allow_weak: bool = False,
    skip_unreadable: bool = False,
    engine: Engine | None = None,
    shards: ShardStore | None = None,
    progress: Progress | None = None,
) -> ClassScores:
    """Score how much the bank's concepts matter to a class, over images of it.

    The scores are those of the bank's CAVs, with 95 % intervals over images. Each is tested with the run as the unit:
    the mean over the random runs against the scores that the null's CAVs get on the same images, two-sided; then
    corrected over all layers, concepts and targets. The formulas are in `sacv.scores.kinds`.

    Parameters
    ----------
    model
        The model that the bank was fitted with.
    images
        Images of the class: files, folders, images, uint8 arrays or float tensors. They are read batch by batch, and
        rows of images are written to disk, not stored in memory, and intervals are over at most 1,024 bundles of
        them.
    bank
        The CAVs, their runs and their null.
    target
        The class by index or name; an object of `sacv.targets`; or a function from the network's raw output to a float
        tensor `(n,)`, one scalar for each image; or several of these, all in one pass.
    groups
        Which images belong together, such as those of one patient, as in `sacv.fit`: intervals are then over groups.
    seed
        Of the intervals.
    within
        As in `sacv.explain`; every sum over locations, also of the runs and of the null, is over those that count.
    allow_weak
        As in `sacv.explain`.
    batch_size, skip_unreadable, engine, shards, progress
        As in `sacv.fit`.

    Raises
    ------
    WeakConceptError, MismatchError, TargetError, ImageError, ActivationError
        As `sacv.explain`.
    """
    bank.require(model)
    weak = require_strong(bank.cavs, allow_weak=allow_weak)
    if seed < 0:
        raise OptionError(f"seed must be 0 or above, not {seed}")
    targets = given_targets(target)
    listed = image_set("the images to score", images, skip_unreadable=skip_unreadable, window=model.window)
    if groups is not None:
        listed = replace(listed, items=with_groups(listed.items, group_rule(groups)))
    grouped = any(item.group is not None for item in listed)
    explained = _explained(model, listed.items[0].load(), targets, len(listed))
    if len(explained) < len(targets):
        raise OptionError(f"a target is given twice: {', '.join(map(str, targets))}")
    size = model.batch_size(batch_size)
    masks = None if within is None else Within.taken(within).of(listed.items)
    reducer = ScoreReducer(model, bank, explained, listed.items, masks)
    work, rows = cut(len(listed), size), ImageRows()
    counted: dict[str, list[Float64]] = {}
    sums = reducer.empty()
    advance = in_batches(progress, len(listed), size)
    for part in (LocalEngine() if engine is None else engine).parts(reducer, work, shards, advance):
        for (layer, concept, name), found in part.items():
            mark = {"layer": layer, "concept": concept, "target": name, "weak": (layer, concept) in weak}
            rows.write(_image_rows(listed.items, found) | mark)
            if masks is not None and (concept, name) == (bank.concepts[0], next(iter(explained))):
                counted.setdefault(layer, []).append(found.counted)
        sums = reducer.merge(sums, part)
    rows.close()
    tested = [
        {"layer": layer, "concept": concept, "target": name}
        | _tested(kind, found, bank.cav(layer, concept), len(listed), seed)
        | {"weak": (layer, concept) in weak}
        for (layer, concept, name), found in sums.items()
        for kind in CENTRES
    ]
    table = pd.DataFrame(tested)
    for name, correct in (("p_holm", holm), ("p_bh", benjamini_hochberg)):
        table[name] = table.groupby("score")["p"].transform(lambda values, correct=correct: correct(values.to_numpy()))
    return ClassScores(
        table=table[[name for name in table.columns if name != "weak"] + ["weak"]],
        rows=rows,
        notes=tuple(_notes(explained, sums, weak, bank, masks is not None)),
        bank=bank,
        skipped=listed.skipped,
        settings={
            "targets": list(explained),
            "seed": seed,
            "images": len(listed),
            **({"groups": count_units(listed)} if grouped else {}),
        }
        | _identities(model, explained),
        within={layer: Counted.of(np.concatenate(shares)) for layer, shares in counted.items()},
    )


def _explained(model: VisionModel, image: Loaded, targets: Sequence[Given], images: int) -> dict[str, Target]:
    """Return the targets by name, tried on one image; a repeated target is listed once."""
    found: dict[str, Target] = {}
    seen: set[object] = set()
    inputs = model.inputs([image])
    for given in targets:
        target = _score_target(given, names_of(model))
        require_images(target, images)
        model.explained(inputs, Aimed(target.at([0])))
        same: object = target
        name, mark = str(target), f"target {len(found) + 1}"
        if isinstance(target, Class):
            same = index = target.index(model.logits(inputs).shape[1])
            name, mark = model.class_name(index), str(index)
        if same not in seen:  # two that differ may have one name
            found[f"{name} ({mark})" if name in found else name] = target
        seen.add(same)
    return found


def _score_target(given: Given, names: Sequence[str] | None) -> Target:
    """Return the target, which must not be the predicted class: scores are of a class."""
    return Class(given).named(names) if isinstance(given, str) else target_of(given, names)


def _identities(model: VisionModel, targets: Mapping[str, Target]) -> dict[str, Any]:
    """Return the field of the output and the targets that are not classes, if any."""
    found = {name: repr(target) for name, target in targets.items() if not isinstance(target, Class)}
    output = {} if model.output is None else {"output": model.output}
    return ({"identities": found} if found else {}) | output


def _tested(kind: str, sums: Sums, cav: CAV, images: int, seed: int) -> dict[str, object]:
    """Return a row of the table: the score, its interval, its runs and its test."""
    terms = sums.by_group()
    runs, null = evaluate(kind, sums.drawn[: len(cav.runs)]), evaluate(kind, sums.drawn[len(cav.runs) :])
    value = float(evaluate(kind, terms.sum(axis=0)))
    low, high = interval(terms, partial(evaluate, kind), np.random.default_rng(seed))
    centre = CENTRES[kind]
    tested = float(runs.mean()) if len(runs) else value
    return {
        "score": kind,
        "value": value,
        "low": low,
        "high": high,
        "run_mean": tested,
        "run_sd": float(runs.std(ddof=1)) if len(runs) > 1 else float("nan"),
        "effect": effect_size(tested, null, centre),
        "chance": reach(null, centre),
        "p": p_value(tested, null, centre),
        "images": images,
    }


def _image_rows(items: Sequence[ImageItem], sums: Sums) -> dict[str, Any]:
    terms = sums.terms
    return {
        "image": [items[number].name for number in sums.numbers],
        "derivative": sums.derivative,
        "smooth": terms[:, 3],
        "sacv_score": terms[:, 4] + terms[:, 5],
        "sacv_positive": terms[:, 4],
        "sacv_negative": terms[:, 5],
    }


def _notes(
    targets: Mapping[str, Target],
    state: State,
    weak: dict[tuple[str, str], tuple[str, ...]],
    bank: ConceptBank,
    within: bool,
) -> list[str]:
    found = [target.note for target in targets.values() if target.note is not None]
    found += [
        f"{concept!r} at {layer!r} is too weak to rely on: {', and '.join(reasons)}."
        for (layer, concept), reasons in weak.items()
    ]
    for layer in dict.fromkeys(layer for layer, _, _ in state):
        parts = [sums for key, sums in state.items() if key[0] == layer]
        if not all(sums.constant for sums in parts):
            continue
        if any(sums.moves for sums in parts):
            found.append(
                f"At {layer!r} the gradient is the same at every location (only global average pooling and a linear "
                "head follow): TCAV scores are 0 or 1 for every direction there; use an earlier layer."
            )
        else:
            found.append(
                f"At {layer!r} the logit does not change with the layer's locations, so that every score is that of no "
                "effect; use an earlier layer."
            )
    if not all(len(cav.null) for cav in bank.cavs):
        found.append(
            "The bank has no null CAVs, so that no score has a p-value; fit with --nulls 199 and 4 random images."
        )
    if bank.within is not None and not within:
        found.append(without_masks(bank.within))
    return found
