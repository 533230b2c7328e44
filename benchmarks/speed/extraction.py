"""A fit of one concept against the bare forward pass to its layer: images in memory, and JPEG files."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import sacv
from speed import material, passes
from speed.loaded import Loaded, measured
from speed.networks import Case, cases
from speed.rows import AtLeast, Row
from speed.sizes import Sizes
from speed.timing import interleaved

NAME = "extraction"
PHOTO = (500, 376)
"""Width and height of the JPEG files, which are those of most photos of ImageNet."""


def measure(sizes: Sizes) -> Iterator[Row]:
    """Measure each network."""
    return measured(NAME, cases(sizes), lambda case: of(case, sizes))


def of(case: Case, sizes: Sizes, device: str = "cpu", name: str = NAME) -> Iterator[Row]:
    """Measure one network."""
    row, loaded = partial(Row, name, case.title), Loaded.of(case, device)
    images, half = material.inputs(sizes.extracted), sizes.extracted // 2
    parts = loaded.batches(images)

    def fit(concept: object, random: object, runs: int | None = None, nulls: int | None = None) -> None:
        sacv.fit(sacv.VisionModel(loaded.net), [case.layer], {"concept": concept}, random, runs=runs, nulls=nulls)

    times = interleaved(
        {
            "forward": lambda: loaded.forward(parts),
            "fit": lambda: fit(images[:half], images[half:]),
            "fit without runs": lambda: fit(images[:half], images[half:], 1, 0),
        },
        sizes.rounds,
    )
    rounds, each = len(times), 1000 / sizes.extracted
    yield row("forward pass to the layer", each * times.median("forward"), "ms an image", None, rounds)
    what = "throughput of fit over that of the forward pass, decoded images"
    yield row(what, times.ratio("forward", "fit"), "x", AtLeast(0.95), rounds)
    what = "the same without random runs and null"
    yield row(what, times.ratio("forward", "fit without runs"), "x", None, rounds)

    with material.photos(sizes.extracted, PHOTO) as files:
        transform = sacv.VisionModel(loaded.net).transform
        times = interleaved(
            {
                "forward": lambda: loaded.forward(parts),
                "decode": lambda: passes.decode(files, transform),
                "fit": lambda: fit(files[:half], files[half:]),
            },
            sizes.rounds,
        )
    times = times.joined("slower", lambda one: max(one["forward"], one["decode"]))
    times = times.joined("both", lambda one: one["forward"] + one["decode"])
    yield row("decoding JPEG files alone", each * times.median("decode"), "ms an image", None, rounds)
    what = "throughput of fit over that of the slower of decoding and forward pass, JPEG files"
    yield row(what, times.ratio("slower", "fit"), "x", AtLeast(0.9), rounds)
    what = "the same over both, one after the other"
    yield row(what, times.ratio("both", "fit"), "x", None, rounds, "where both need all processors")
