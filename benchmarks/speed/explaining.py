"""Explanations and scores against one forward pass and one backward pass over the same images."""

from __future__ import annotations

from collections.abc import Iterator

import sacv
from sacv.maps.methods import Gradient
from speed import material, passes
from speed.networks import Case, cases
from speed.rows import AtMost, Row, not_measured
from speed.sizes import Sizes
from speed.timing import interleaved

EXPLAIN, SCORE = "explain", "score"
TARGET = 1
"""Number of the class."""


def explain(sizes: Sizes) -> Iterator[Row]:
    """Measure explanations on each real network."""
    for case in cases(sizes):
        if case.real:
            yield from [not_measured(EXPLAIN, case.title, case.lacks)] if case.lacks else explained(case, sizes)


def score(sizes: Sizes) -> Iterator[Row]:
    """Measure scores on each network."""
    for case in cases(sizes):
        yield from [not_measured(SCORE, case.title, case.lacks)] if case.lacks else scored(case, sizes)


def bank_of(model: sacv.VisionModel, case: Case, sizes: Sizes) -> sacv.ConceptBank:
    """Fit concepts of a few images each; the time that a bank takes to be used does not depend on their number."""
    *guidance, pool = material.inputs(6 * sizes.concepts + 20, seed=1).split([6] * sizes.concepts + [20])
    named = {f"concept {number}": part for number, part in enumerate(guidance)}
    return sacv.fit(model, [case.layer], named, pool)


def explained(case: Case, sizes: Sizes, device: str = "cpu", name: str = EXPLAIN) -> Iterator[Row]:
    """Measure explanations on one network."""
    net = case.load().to(device)
    bare = passes.frozen(net)
    model = sacv.VisionModel(net)
    bank, shown = bank_of(model, case, sizes), material.inputs(sizes.explained, seed=2)
    parts = passes.batches(shown, model.batch_size(None), device)

    def explain(checks: bool, method: Gradient | None = None) -> None:
        sacv.explain(model, shown, bank, TARGET, method=method, checks=checks, allow_weak=True)

    work = {
        "default method and trust line": lambda: explain(True),
        "default method, no trust line": lambda: explain(False),
        "by the gradient, no trust line": lambda: explain(False, Gradient()),
    }
    times = interleaved(
        {"yardstick": lambda: passes.forward_and_backward(bare, case.layer, parts, TARGET)} | work, sizes.rounds
    )
    rounds, of_what = len(times), f"{sizes.concepts} concepts, {sizes.explained} images"
    each = 1000 * times.median("yardstick") / sizes.explained
    yield Row(name, case.title, "forward and backward pass", each, "ms an image", None, rounds, of_what)
    for key in work:
        target = AtMost(3) if key == "default method and trust line" else None
        what = f"explain, {key}, over forward and backward"
        yield Row(name, case.title, what, times.ratio(key, "yardstick"), "x", target, rounds)


def scored(case: Case, sizes: Sizes, device: str = "cpu", name: str = SCORE) -> Iterator[Row]:
    """Measure scores on one network."""
    net = case.load().to(device)
    bare = passes.frozen(net)
    model = sacv.VisionModel(net)
    bank, shown = bank_of(model, case, sizes), material.inputs(sizes.scored, seed=2)
    parts = passes.batches(shown, model.batch_size(None), device)
    times = interleaved(
        {
            "yardstick": lambda: passes.forward_and_backward(bare, case.layer, parts, TARGET),
            "score": lambda: sacv.score(model, shown, bank, TARGET, allow_weak=True),
        },
        sizes.rounds,
    )
    of_what = f"{sizes.concepts} concepts, {bank.runs} runs, {bank.nulls} null CAVs, {sizes.scored} images"
    what = "score over forward and backward"
    yield Row(name, case.title, what, times.ratio("score", "yardstick"), "x", None, len(times), of_what)
