"""Explanations and scores against one forward pass and one backward pass over the same images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import sacv
from sacv.maps.methods import Gradient
from speed import material
from speed.loaded import TARGET, Loaded, measured
from speed.networks import Case, cases
from speed.rows import AtMost, Row
from speed.sizes import Sizes
from speed.timing import interleaved

EXPLAIN, SCORE = "explain", "score"


def explain(sizes: Sizes) -> Iterator[Row]:
    """Measure explanations on each real network."""
    real = (case for case in cases(sizes) if case.real)
    return measured(EXPLAIN, real, lambda case: explained(case, sizes))


def score(sizes: Sizes) -> Iterator[Row]:
    """Measure scores on each network."""
    return measured(SCORE, cases(sizes), lambda case: scored(case, sizes))


def bank_of(model: sacv.VisionModel, case: Case, sizes: Sizes) -> sacv.ConceptBank:
    """Fit concepts of a few images each; the time that a bank takes to be used does not depend on their number."""
    *guidance, pool = material.inputs(6 * sizes.concepts + 20, seed=1).split([6] * sizes.concepts + [20])
    named = {f"concept {number}": part for number, part in enumerate(guidance)}
    return sacv.fit(model, [case.layer], named, pool)


def explained(case: Case, sizes: Sizes, device: str = "cpu", name: str = EXPLAIN) -> Iterator[Row]:
    """Measure explanations on one network."""
    row, loaded = partial(Row, name, case.title), Loaded.of(case, device)
    model = sacv.VisionModel(loaded.net)
    bank, shown = bank_of(model, case, sizes), material.inputs(sizes.explained, seed=2)
    parts = loaded.batches(shown)

    def explain(checks: bool, method: Gradient | None = None) -> None:
        sacv.explain(model, shown, bank, TARGET, method=method, checks=checks, allow_weak=True)

    work = {
        "default method and trust line": lambda: explain(True),
        "default method, no trust line": lambda: explain(False),
        "by the gradient, no trust line": lambda: explain(False, Gradient()),
    }
    times = interleaved({"yardstick": lambda: loaded.forward_and_backward(parts)} | work, sizes.rounds)
    rounds, of_what = len(times), f"{sizes.concepts} concepts, {sizes.explained} images"
    each = 1000 * times.median("yardstick") / sizes.explained
    yield row("forward and backward pass", each, "ms an image", None, rounds, of_what)
    for key in work:
        target = AtMost(3) if key == "default method and trust line" else None
        what = f"explain, {key}, over forward and backward"
        yield row(what, times.ratio(key, "yardstick"), "x", target, rounds)


def scored(case: Case, sizes: Sizes, device: str = "cpu", name: str = SCORE) -> Iterator[Row]:
    """Measure scores on one network."""
    row, loaded = partial(Row, name, case.title), Loaded.of(case, device)
    model = sacv.VisionModel(loaded.net)
    bank, shown = bank_of(model, case, sizes), material.inputs(sizes.scored, seed=2)
    parts = loaded.batches(shown)
    times = interleaved(
        {
            "yardstick": lambda: loaded.forward_and_backward(parts),
            "score": lambda: sacv.score(model, shown, bank, TARGET, allow_weak=True),
        },
        sizes.rounds,
    )
    of_what = f"{sizes.concepts} concepts, {bank.runs} runs, {bank.nulls} null CAVs, {sizes.scored} images"
    what = "score over forward and backward"
    yield row(what, times.ratio("score", "yardstick"), "x", None, len(times), of_what)
