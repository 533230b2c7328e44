"""captum's TCAV on its fair path, beside a fit and a score of the same concepts, random sets and images.

captum looks for CAVs that it has by a swapped key and so never finds them. On the fair path each set passes through the
network once (`force_train=True`), each pair of sets is trained on once, and the scores take what was trained. Both
sides get the same inputs in the same batches, the channels last in memory. Where captum trains a CAV for each concept
and each random set, sacv makes as many random runs of each concept, and 199 null CAVs beside, which captum has not.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

import sacv
from sacv.optional import require
from speed import material, passes
from speed.loaded import TARGET, measured
from speed.networks import Case, case
from speed.rows import AtLeast, Row
from speed.sizes import Sizes
from speed.timing import Stopwatch, repeated, seconds

NAME = "captum"
AFTER = {(2, 2): 20.0, (10, 10): 100.0}
"""How many times faster the work after the forward pass had to be, by numbers of concepts and random sets."""
LARGE = 50
"""Pairs of sets from which on one round has to do, since captum takes many minutes for it."""
SCORED = 16
BATCH = 8


def measure(sizes: Sizes) -> Iterator[Row]:
    """Measure both networks."""
    lacks = "" if find_spec("captum") else "captum is not installed (make test-zoo installs it)"
    both = (case("resnet50", "layer3"), case("squeezenet", "features.12"))
    asked = (replace(found, lacks=found.lacks or lacks) for found in both if found.name in sizes.networks)
    return measured(NAME, asked, lambda found: every_pair(found, sizes))


def every_pair(found: Case, sizes: Sizes) -> Iterator[Row]:
    """Measure one network with each number of concepts and random sets."""
    for concepts, randoms in sizes.sets:
        yield from beside(found, concepts, randoms, sizes)


def beside(found: Case, concepts: int, randoms: int, sizes: Sizes) -> Iterator[Row]:
    """Measure one network with so many concepts and random sets."""
    net = found.load()
    bare = passes.frozen(net)
    count = sizes.set_images
    sets = material.inputs((concepts + randoms) * count)
    shown = material.inputs(SCORED, seed=1)
    parts, shown_parts = passes.batches(sets, BATCH), passes.batches(shown, BATCH)
    named = {f"concept {number}": part for number, part in enumerate(sets[: concepts * count].split(count))}

    def ours() -> None:
        model = sacv.VisionModel(net)
        bank = sacv.fit(model, [found.layer], named, sets[concepts * count :], runs=randoms, batch_size=BATCH)
        sacv.score(model, shown, bank, TARGET, allow_weak=True, batch_size=BATCH)

    def once() -> dict[str, float]:
        forward, fit, network = Stopwatch(), Stopwatch(), Stopwatch()
        one = {"passes": seconds(lambda: passes.forward(bare, found.layer, parts))}
        one["passes"] += seconds(lambda: passes.forward_and_backward(bare, found.layer, shown_parts, TARGET))
        with network.on(sacv.VisionModel, "activations"), fit.on(sacv, "fit"):
            one["sacv"] = seconds(ours)
        one["sacv after"] = fit.seconds - network.seconds
        captum = _Captum(bare, found.layer, sets, count, concepts)
        with TemporaryDirectory() as folder:
            one["captum"] = seconds(lambda: captum.run(Path(folder), shown, forward))
        one["captum after"] = captum.trained - forward.seconds
        return one

    times = repeated(once, 1 if concepts * randoms >= LARGE else sizes.rounds)
    times = times.joined("allowed", lambda one: one["captum"] / one["passes"])
    times = times.joined("reached", lambda one: one["captum"] / one["sacv"])
    row = partial(Row, NAME, f"{found.title}, {concepts} x {randoms} sets of {count}")
    rounds = len(times)
    yield row("captum, end to end", times.median("captum"), "s", None, rounds)
    yield row("sacv, end to end", times.median("sacv"), "s", None, rounds)
    yield row("captum over sacv, end to end", times.median("reached"), "x", None, rounds)
    what = "captum over the passes that sacv cannot do without"
    yield row(what, times.median("allowed"), "x", None, rounds, "the most that could be reached")
    what = "what is reached of it"
    yield row(what, times.ratio("reached", "allowed"), "x", AtLeast(0.9), rounds)
    what = "captum over sacv, after the forward pass"
    limit = AtLeast(AFTER[concepts, randoms]) if (concepts, randoms) in AFTER else None
    yield row(what, times.ratio("captum after", "sacv after"), "x", limit, rounds, "training, without scores")


class _Captum:
    """One run of captum's TCAV."""

    def __init__(self, net: nn.Module, layer: str, sets: torch.Tensor, count: int, concepts: int) -> None:
        self.net, self.layer, self.concepts = net, layer, concepts
        self.sets = [passes.batches(part, BATCH) for part in sets.split(count)]
        self.trained = 0.0

    def run(self, folder: Path, shown: torch.Tensor, forward: Stopwatch) -> None:
        """Train every pair of sets, and score images."""
        concept = require("captum.concept", extra="captum")
        all_sets = [concept.Concept(number, f"set {number}", parts) for number, parts in enumerate(self.sets)]
        pairs = [[one, other] for one in all_sets[: self.concepts] for other in all_sets[self.concepts :]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tcav = concept.TCAV(self.net, [self.layer], save_path=str(folder), model_id="network")
            with forward.on(tcav, "generate_all_activations"):
                self.trained = seconds(lambda: tcav.compute_cavs(pairs, force_train=True))
            tcav.compute_cavs = lambda *_, **__: tcav.cavs  # it would train all of them once more
            points = shown.contiguous(memory_format=torch.channels_last).requires_grad_()
            tcav.interpret(points, pairs, target=TARGET)
