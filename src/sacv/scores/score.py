"""`score`: TCAV and SACV scores of a class over any number of images, with their significance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from sacv.cav import CAV, ConceptBank, require_strong
from sacv.concepts import Batch, Source, batches, image_set
from sacv.concepts.formats import Loaded
from sacv.engine import LocalEngine
from sacv.errors import ActivationError, OptionError
from sacv.model import OutputTarget, Select, Trace, VisionModel
from sacv.scores.class_scores import ClassScores
from sacv.scores.kinds import CENTRES, evaluate, image_terms
from sacv.scores.significance import benjamini_hochberg, effect_size, holm, interval, p_value

Float64 = NDArray[np.float64]

Target = int | str | Callable[[Any], torch.Tensor]
"""A class by index or name, or a function from the network's output to a scalar of each image."""

Progress = Callable[[int, int], None]
"""Called with the number of batches done and of all."""


def score(
    model: VisionModel,
    images: Source,
    bank: ConceptBank,
    target: Target | Sequence[Target],
    *,
    seed: int = 0,
    batch_size: int | None = None,
    allow_weak: bool = False,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
) -> ClassScores:
    """Score how much the bank's concepts matter to a class, over images of it.

    The scores are those of the bank's CAVs, with 95 % intervals over images. Each is tested with the run as the unit:
    the mean over the random runs against the scores that the null's CAVs get on the same images, two-sided; then
    corrected over all layers, concepts and targets. The formulas are in `sacv.scores.kinds`.

    Parameters
    ----------
    model
        The model that the bank was made with.
    images
        Images of the class: files, folders, pictures, uint8 arrays or float tensors. They are read batch by batch; what
        is kept of each is a few numbers for each layer, concept and target.
    bank
        The CAVs, their runs and their null.
    target
        The class by index or name; or a function from the network's output, as it is, to a float tensor `(n,)`, one
        scalar for each image; or several of these.
    seed
        Of the intervals.
    batch_size
        Images a pass; it changes memory and speed only. The model's own choice by default
        (`VisionModel.batch_size`).
    allow_weak
        Score also with CAVs whose held-out figures are below the bars (`sacv.cav.bars`), and mark every output.
    skip_unreadable
        Leave out files that cannot be read and list them, rather than stop.
    progress
        Called with the number of batches done and of all.

    Raises
    ------
    WeakConceptError
        If a CAV is below the bars, and `allow_weak` is not set.
    MismatchError
        If the bank was made with another model.
    TargetError
        If there is no such class.
    ImageError
        If images cannot be read.
    ActivationError
        If activations or gradients are not finite.
    """
    bank.require(model)
    weak = require_strong(bank.cavs, allow_weak=allow_weak)
    if seed < 0:
        raise OptionError(f"seed must be 0 or above, not {seed}")
    targets = [target] if callable(target) or isinstance(target, int | np.integer | str) else list(target)
    if not targets:
        raise OptionError("no target is given; name a class by its name or index")
    pictures = image_set("the images to score", images, skip_unreadable=skip_unreadable, window=model.window)
    names = [item.name for item in pictures.items]
    explained = _explained(model, pictures.items[0].load(), targets)
    if len(explained) < len(targets):
        raise OptionError(f"a target is given twice: {', '.join(map(str, targets))}")
    size = model.batch_size(batch_size)
    total, done = -(-len(pictures) // size), 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    reducer = _Reducer(model, bank, explained, tuple(names))
    with model.borrowed():
        state = LocalEngine().fold(reducer, batches(pictures.items, size), advance)
    rows, image_rows = [], []
    for (layer, concept, name), sums in state.items():
        cav = bank.cav(layer, concept)
        labels = {"layer": layer, "concept": concept, "target": name}
        terms = np.concatenate([part for _, part in sorted(sums.terms.items())])
        mark = {"weak": (layer, concept) in weak}
        rows += [labels | _tested(kind, terms, sums.drawn, cav, seed) | mark for kind in CENTRES]
        image_rows.append(_image_rows(names, labels, terms, sums) | mark)
    table = pd.DataFrame(rows)
    for name, correct in (("p_holm", holm), ("p_bh", benjamini_hochberg)):
        table[name] = table.groupby("score")["p"].transform(lambda values, correct=correct: correct(values.to_numpy()))
    return ClassScores(
        table=table[[name for name in table.columns if name != "weak"] + ["weak"]],
        images=pd.concat([pd.DataFrame(part) for part in image_rows], ignore_index=True),
        notes=tuple(_notes(state, weak, bank)),
        bank=bank,
        skipped=pictures.skipped,
        settings={"targets": list(explained), "seed": seed, "images": len(names)},
    )


def _explained(model: VisionModel, image: Loaded, targets: Sequence[Target]) -> dict[str, Select]:
    """Give by name what is explained; a target that is given twice stands once."""
    found: dict[str, Select] = {}
    seen: set[object] = set()
    for target in targets:
        same: object = target
        if callable(target):
            name, mark = str(getattr(target, "__name__", type(target).__name__)), f"target {len(found) + 1}"
            select: Select = OutputTarget(target)
        else:
            same = index = model.class_index(target, model.logits(model.inputs([image])).shape[1])
            name, mark = model.class_name(index), str(index)
            select = partial(torch.select, dim=1, index=index)
        if same not in seen:  # two that differ may have one name
            found[f"{name} ({mark})" if name in found else name] = select
        seen.add(same)
    return found


@dataclass
class _Sums:
    """What one layer, concept and target has so far.

    Parameters
    ----------
    terms
        By first image of the batch: what each image adds for the bank's CAV, `(images, columns)`.
    derivative
        In the same way, float64 `(images,)`.
    drawn
        Sums over images for the runs and then the null, `(runs + nulls, columns)`.
    constant
        Whether every contribution map so far is the same at every location.
    """

    terms: dict[int, Float64] = field(default_factory=dict)
    derivative: dict[int, Float64] = field(default_factory=dict)
    drawn: Float64 | float = 0.0
    constant: bool = True


_State = dict[tuple[str, str, str], _Sums]


@dataclass(frozen=True)
class _Reducer:
    """From batches of images to the sums of every layer, concept and target."""

    model: VisionModel
    bank: ConceptBank
    targets: Mapping[str, Select]
    names: tuple[str, ...]

    def empty(self) -> _State:
        return {}

    def add(self, state: _State, batch: Batch) -> _State:
        trace = self.model.trace(self.model.inputs(batch.images), list(self.bank.layers), list(self.targets.values()))
        self._require_finite(trace, batch.start)
        for layer, record in trace.activations.items():
            read = self.bank.reading(record.cells)
            for number, name in enumerate(self.targets):
                gradients = trace.gradients[number][layer]
                flat = gradients.flatten(1, -2)
                constant = bool((flat - flat[:, :1]).abs().max() <= 1e-5 * flat.abs().max())
                for concept, found in self._terms(layer, read, gradients).items():
                    sums = state.setdefault((layer, concept, name), _Sums())
                    columns, derivative = found
                    sums.terms[batch.start] = columns[:, 0]
                    sums.derivative[batch.start] = derivative[:, 0]
                    sums.drawn = sums.drawn + columns[:, 1:].sum(axis=0)
                    sums.constant &= constant
        return state

    def _terms(self, layer: str, read: torch.Tensor, gradients: torch.Tensor) -> dict[str, tuple[Float64, Float64]]:
        """Give columns and derivatives of each concept for its CAV, its runs and its null; a shared null runs once."""
        cavs = [self.bank.cav(layer, concept) for concept in self.bank.concepts]
        nulls = {id(cav.null): cav.null for cav in cavs}
        shared = {
            key: image_terms(read, gradients, null.vectors, null.thresholds).columns() for key, null in nulls.items()
        }
        found = {}
        for cav in cavs:
            own = image_terms(
                read,
                gradients,
                np.concatenate([cav.vector[None], cav.runs.vectors]),
                np.concatenate([[cav.threshold], cav.runs.thresholds]),
                np.concatenate([cav.detector[None], cav.runs.vectors]),
            )
            found[cav.concept] = (
                np.concatenate([own.columns(), shared[id(cav.null)]], axis=1),
                own.derivative,
            )
        return found

    def _require_finite(self, trace: Trace, start: int) -> None:
        for layer in self.bank.layers:
            for values in (trace.activations[layer].cells, *(found[layer] for found in trace.gradients)):
                finite = torch.isfinite(values).flatten(1).all(dim=1)
                if not bool(finite.all()):
                    raise ActivationError(
                        f"activations or gradients of layer {layer!r} are not finite for "
                        f"{self.names[start + int((~finite).nonzero()[0])]}; "
                        "check the network's weights and the transform, or run it in float32"
                    )

    def merge(self, left: _State, right: _State) -> _State:
        for key, other in right.items():
            mine = left.setdefault(key, _Sums())
            mine.terms.update(other.terms)
            mine.derivative.update(other.derivative)
            mine.drawn = mine.drawn + other.drawn
            mine.constant &= other.constant
        return left


def _tested(kind: str, terms: Float64, drawn: Float64 | float, cav: CAV, seed: int) -> dict[str, object]:
    """Give a row of the table: the score, its interval, its runs and its test."""
    sums = np.asarray(drawn)
    runs, null = evaluate(kind, sums[: len(cav.runs)]), evaluate(kind, sums[len(cav.runs) :])
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
        "p": p_value(tested, null, centre),
        "images": len(terms),
    }


def _image_rows(names: Sequence[str], labels: dict[str, str], terms: Float64, sums: _Sums) -> dict[str, object]:
    derivative = np.concatenate([part for _, part in sorted(sums.derivative.items())])
    return {
        "image": list(names),
        **labels,
        "derivative": derivative,
        "smooth": terms[:, 3],
        "sacv_score": terms[:, 4] + terms[:, 5],
        "sacv_positive": terms[:, 4],
        "sacv_negative": terms[:, 5],
    }


def _notes(state: _State, weak: dict[tuple[str, str], tuple[str, ...]], bank: ConceptBank) -> list[str]:
    found = [
        f"{concept!r} at {layer!r} is too weak to rely on: {', and '.join(told)}."
        for (layer, concept), told in weak.items()
    ]
    for layer in dict.fromkeys(layer for layer, _, _ in state):
        parts = [sums for key, sums in state.items() if key[0] == layer]
        if not all(sums.constant for sums in parts):
            continue
        if any(np.any(part) for sums in parts for part in sums.derivative.values()):
            found.append(
                f"At {layer!r} the gradient is the same at every location (only global average pooling and a linear "
                "head follow): TCAV scores are 0 or 1 for every direction there; ask about an earlier layer."
            )
        else:
            found.append(
                f"At {layer!r} the logit does not change with the layer's locations, so that every score is that of no "
                "effect; ask about an earlier layer."
            )
    if not all(len(cav.null) for cav in bank.cavs):
        found.append("No null was drawn, so that no score has a p-value; fit with --nulls 199 and 4 random images.")
    return found
