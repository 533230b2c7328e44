"""T1: a direction planted among distractors, and how close estimators come to it, by number of images.

Activations are drawn, not read from a network, so that the truth is known::

    a_i(p) = m + x_i + y_i(p) + s v        s v for concept images alone

x_i is shared by all locations of an image and y_i(p) is not; both are normal with one covariance, whose eigenvalues
fall as 1 / k and whose traces sum to 1. So s is the strength in units of the spread of an activation about its mean,
most of which lies in a few directions that are unrelated to the concept.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import ortho_group

from sacv.solvers import LDA, Logistic, MeanDifference, MomentSolver, Ridge, SampleSolver, UnitLength
from sacv.stats import LocationSample, Moments
from sacv_bench.rivals.notebook import notebook_direction
from sacv_bench.rivals.tcav import flattened_cav, pooled_cav
from sacv_bench.sizes import Effort
from sacv_bench.tables import Table, averages

Float64 = NDArray[np.float64]
Finder = Callable[[Float64, Float64, int], Float64]
"""From activations `(n, *grid, channels)` of both sets, and a seed, to a unit vector `(channels,)`."""

CHANNELS = 64
GRID = (6, 6)
STRENGTHS = (0.5, 1.0)
IMAGES = (5, 10, 20, 50, 100)


def _with(solver: MomentSolver | SampleSolver | UnitLength) -> Finder:
    unit = isinstance(solver, UnitLength)
    found = solver.solver if isinstance(solver, UnitLength) else solver

    def find(concept: Float64, random: Float64, seed: int) -> Float64:
        sides = [values.reshape(-1, values.shape[-1]) for values in (concept, random)]
        if unit:
            sides = [side / np.linalg.norm(side, axis=1, keepdims=True) for side in sides]
        if isinstance(found, MomentSolver):
            return found.solve(*(Moments.of(side) for side in sides)).vector
        return found.solve(*(LocationSample.of(side) for side in sides)).vector

    return find


def _flattened(concept: Float64, random: Float64, seed: int) -> Float64:
    """Return the mean over locations of the flattened CAV, of norm 1: its direction over the channels."""
    mean = flattened_cav(concept, random, seed).mean(axis=tuple(range(concept.ndim - 2)))
    return _unit(mean)


FINDERS: dict[str, Finder] = {
    "MeanDifference": _with(MeanDifference()),
    "UnitLength(MeanDifference)": _with(UnitLength(MeanDifference())),
    "Ridge": _with(Ridge()),
    "LDA(0.1)": _with(LDA(0.1)),
    "Logistic (the paper's SACV)": _with(Logistic()),
    "TCAV, pooled": pooled_cav,
    "TCAV, flattened": _flattened,
    "notebook as published": notebook_direction,
    "random direction": lambda concept, random, seed: _unit(np.random.default_rng(seed).standard_normal(CHANNELS)),
}


def _unit(vector: Float64) -> Float64:
    found: Float64 = vector / np.linalg.norm(vector)
    return found


def draw(images: int, strength: float, rng: np.random.Generator) -> tuple[Float64, Float64, Float64]:
    """Return activations of concept and of random images, `(images, *grid, channels)`, and the direction planted."""
    spectrum = 1 / np.arange(1, CHANNELS + 1)
    axes = ortho_group.rvs(CHANNELS, random_state=rng)
    mixing = np.sqrt(spectrum / spectrum.sum() / 2)[:, None] * axes
    direction = _unit(rng.standard_normal(CHANNELS))
    mean = rng.standard_normal(CHANNELS)

    def side(amount: float) -> Float64:
        shared = rng.standard_normal((images, 1, 1, CHANNELS)) @ mixing
        own = rng.standard_normal((images, *GRID, CHANNELS)) @ mixing
        found: Float64 = mean + shared + own + amount * direction
        return found

    return side(strength), side(0.0), direction


def planted(effort: Effort, seed: int) -> Table:
    """Measure T1."""
    records = []
    for strength in STRENGTHS:
        for images in IMAGES:
            for number in range(effort.seeds):
                rng = np.random.default_rng([seed, number, images, round(strength * 100)])
                concept, random, direction = draw(images, strength, rng)
                for rival, find in FINDERS.items():
                    records.append(
                        {
                            "condition": f"strength {strength:g}, {images} images",
                            "rival": rival,
                            "metric": "cosine",
                            "image": number,
                            "value": float(find(concept, random, number) @ direction),
                            "random": 0.0,
                        }
                    )
    return Table(
        "T1",
        "How close does the direction come to the one planted?",
        f"Cosine with a direction planted in {CHANNELS} channels among distractors, on {GRID[0]} x {GRID[1]}; with "
        "as many random images as concept images. Strength is in units of the spread of an activation.",
        averages(pd.DataFrame(records), seed),
    )
