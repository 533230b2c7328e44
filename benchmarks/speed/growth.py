"""How what a fit costs after the forward pass grows: one size at a time is doubled, and the others stay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

import sacv
from speed import material
from speed.networks import Given
from speed.rows import Row
from speed.sizes import Sizes
from speed.timing import Times, Work, interleaved

NAME = "growth"


@dataclass(frozen=True)
class Load:
    """The sizes of a fit; `images` are those of each set, `locations` of each image."""

    images: int = 64
    channels: int = 256
    locations: int = 64
    concepts: int = 4
    runs: int = 50


GROWING = ("images", "channels", "locations", "concepts", "runs")


def measure(sizes: Sizes) -> Iterator[Row]:
    """Measure how the cost grows with each size."""
    loads = {
        (name, step): replace(Load(), **{name: getattr(Load(), name) << step})
        for name in GROWING
        for step in range(sizes.doublings + 1)
    }
    distinct = {str(load): load for load in loads.values()}
    times = interleaved({key: fit_of(load) for key, load in distinct.items()}, sizes.rounds)
    for name in GROWING:
        its = {getattr(load, name): str(load) for (which, _), load in loads.items() if which == name}
        yield Row(
            NAME,
            f"{name}: {', '.join(map(str, its))}",
            "slope of log time over log size",
            slope(list(its), times, list(its.values())),
            "",
            None,
            len(times),
            ", ".join(f"{times.median(key):.2g}" for key in its.values()) + " s",
        )


def fit_of(load: Load) -> Work:
    """Give a fit of this size, whose network does nothing; its images are made beforehand."""
    grid = (load.locations // 8, 8)
    images = material.activations(load.images * (load.concepts + 1), load.channels, grid)
    *guidance, pool = images.split(load.images)
    named = {f"concept {number}": part for number, part in enumerate(guidance)}
    model = sacv.VisionModel(Given())
    return lambda: sacv.fit(model, ["layer"], named, pool, runs=load.runs, absent=())


def slope(counts: list[int], times: Times, keys: list[str]) -> float:
    """Fit a line to the logarithms: 1 where twice the size takes twice the time."""
    return float(np.polyfit(np.log2(counts), np.log2([times.median(key) for key in keys]), 1)[0])
