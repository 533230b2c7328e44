"""All experiments, by name, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from speed import explaining, extraction, fitting, gpu, growth, memory, paper, rival, spread
from speed.rows import Row
from speed.sizes import Sizes


@dataclass(frozen=True)
class Experiment:
    """What an experiment is called, and how its rows are measured."""

    title: str
    measure: Callable[[Sizes], Iterator[Row]]


EXPERIMENTS: Mapping[str, Experiment] = {
    extraction.NAME: Experiment("Extraction: a fit of one concept beside the bare forward pass", extraction.measure),
    fitting.NAME: Experiment("Fit: many concepts and runs beside the bare forward pass", fitting.measure),
    explaining.EXPLAIN: Experiment("Explanations beside one forward and one backward pass", explaining.explain),
    explaining.SCORE: Experiment("Scores beside one forward and one backward pass", explaining.score),
    rival.NAME: Experiment("captum's TCAV on its fair path", rival.measure),
    paper.NAME: Experiment("The paper's logistic regression", paper.measure),
    memory.NAME: Experiment("Memory and size by the number of images", memory.measure),
    spread.NAME: Experiment("Ray's workers beside the local engine", spread.measure),
    growth.NAME: Experiment("How the cost after the forward pass grows", growth.measure),
    gpu.NAME: Experiment("On a GPU", gpu.measure),
}
