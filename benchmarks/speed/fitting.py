"""A fit of many concepts with many runs against the bare forward pass over the same images."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import sacv
from sacv.solvers import LDA, MomentSolver, Ridge, UnitLength
from speed import material
from speed.loaded import Loaded, measured
from speed.networks import Case, cases
from speed.rows import AtMost, Row
from speed.sizes import Sizes
from speed.timing import Stopwatch, interleaved, repeated, seconds

NAME = "fit"
LIMITS = {"vgg19": 1.10, "resnet50": 1.15, "squeezenet": 1.5}


def measure(sizes: Sizes) -> Iterator[Row]:
    """Measure each network that has a target."""
    limited = (case for case in cases(sizes) if case.name in LIMITS)
    return measured(NAME, limited, lambda case: of(case, sizes))


def of(case: Case, sizes: Sizes, device: str = "cpu", name: str = NAME) -> Iterator[Row]:
    """Measure one network."""
    row, loaded = partial(Row, name, case.title), Loaded.of(case, device)
    images = material.inputs(sizes.concepts * sizes.images + sizes.pool)
    parts = loaded.batches(images)
    *guidance, pool = images.split([sizes.images] * sizes.concepts + [sizes.pool])
    named = {f"concept {number}": part for number, part in enumerate(guidance)}
    banks: list[sacv.ConceptBank] = []

    def fit() -> None:
        banks[:] = [sacv.fit(sacv.VisionModel(loaded.net), [case.layer], named, pool, runs=sizes.runs)]

    def refit(solver: MomentSolver) -> None:
        sacv.refit(banks[0], solver=UnitLength(solver, smoothing=1.0))

    def once() -> dict[str, float]:
        watch = Stopwatch()
        found = {"forward": seconds(lambda: loaded.forward(parts))}
        with watch.on(sacv.VisionModel, "activations"):
            found["fit"] = seconds(fit)
        return found | {"network": watch.seconds, "rest": found["fit"] - watch.seconds}

    times = repeated(once, sizes.rounds)
    rounds = len(times)
    of_what = f"{sizes.concepts} concepts x {sizes.images} images, {sizes.pool} random images, {sizes.runs} runs"
    yield row("forward pass to the layer", times.median("forward"), "s", None, rounds, of_what)
    limit = AtMost(LIMITS[case.name]) if case.name in LIMITS else None
    yield row("fit over the forward pass", times.ratio("fit", "forward"), "x", limit, rounds)
    what = "of which the network, over the forward pass"
    yield row(what, times.ratio("network", "forward"), "x", None, rounds)
    what = "of which everything else, over the forward pass"
    yield row(what, times.ratio("rest", "forward"), "x", None, rounds)
    solvers: dict[str, MomentSolver] = {"LDA": LDA(), "ridge regression": Ridge()}
    again = interleaved(
        {key: partial(refit, one) for key, one in solvers.items()},
        min(rounds, 3),
    )
    for key in solvers:
        what = f"{key} from the same bank, without an image, over the forward pass"
        yield row(what, again.median(key) / times.median("forward"), "x", None, len(again))
