"""The procedure of the SACV paper, logistic regression on all locations, against the default solver.

scikit-learn's `LogisticRegression` learns once for every random run, from all locations of the concept's images and of
as many random ones drawn anew. Activations are given to both sides, so that no forward pass counts.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression

import sacv
from speed import material, passes
from speed.loaded import measured
from speed.networks import Case, Given, case
from speed.rows import Row
from speed.sizes import Sizes
from speed.timing import interleaved

NAME = "paper"
ITERATIONS = 1000


def measure(sizes: Sizes) -> Iterator[Row]:
    """Measure on the activations of a real network."""
    return measured(NAME, [case("squeezenet", "features.12")], lambda found: of(found, sizes))


def of(found: Case, sizes: Sizes) -> Iterator[Row]:
    """Measure on the activations of one network."""
    count = sizes.paper_images
    images = sacv.VisionModel(passes.frozen(found.load()))
    parts = [images.activations(part, [found.layer])[found.layer].cells for part in material.inputs(3 * count).split(8)]
    cells = torch.cat(parts)
    concept, pool = cells[:count].flatten(0, -2).numpy(), cells[count:].numpy()
    rng = np.random.default_rng(0)

    def run() -> None:
        drawn = pool[rng.choice(len(pool), count, replace=False)].reshape(-1, pool.shape[-1])
        labels = np.repeat([1, 0], [len(concept), len(drawn)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            LogisticRegression(max_iter=ITERATIONS).fit(np.concatenate([concept, drawn]), labels)

    given = cells.permute(0, 3, 1, 2)
    model = sacv.VisionModel(Given())

    def ours() -> None:
        sacv.fit(model, ["layer"], {"concept": given[:count]}, given[count:], runs=sizes.paper_runs, absent=())

    times = interleaved({"run": run, "sacv": ours}, sizes.rounds)
    times = times.joined("paper", lambda one: sizes.paper_runs * one["run"])
    row = partial(Row, NAME, found.title)
    locations, runs, rounds = f"{2 * len(concept):,} locations", f"{sizes.paper_runs} runs", len(times)
    note = f"{locations} a run; one run timed, times {sizes.paper_runs}"
    yield row(f"the paper's procedure, {runs}", times.median("paper"), "s", None, rounds, note)
    yield row(f"sacv after the forward pass, {runs}", times.median("sacv"), "s", None, rounds)
    yield row("the paper's procedure over sacv", times.ratio("paper", "sacv"), "x", None, rounds)
