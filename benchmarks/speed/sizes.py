"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Parameters
    ----------
    rounds
        Of whatever is not too long to be repeated.
    networks
        Names of the networks that are measured, of those in `speed.networks`.
    extracted
        Images of the extraction, half of them random.
    concepts, images, pool, runs
        Of the fit: concepts, images of each, random images, random runs.
    explained, scored
        Images that are explained, and scored.
    sets, set_images
        Concepts and random sets of the comparison with captum, and images of each.
    paper_images, paper_runs
        Images of the concept, twice as many random ones, and runs of the comparison with the paper's procedure.
    memory
        Numbers of images at which memory is measured.
    workers, spread
        Numbers of Ray's workers, and images that they share.
    on_gpu
        Images that are extracted on a GPU; an eighth of them is explained there, and a quarter scored.
    doublings
        How often each size of the growth is doubled.
    """

    rounds: int = 5
    networks: tuple[str, ...] = ("vgg19", "resnet50", "squeezenet", "mobilenet", "dinov2")
    extracted: int = 256
    concepts: int = 10
    images: int = 40
    pool: int = 100
    runs: int = 50
    explained: int = 16
    scored: int = 64
    sets: tuple[tuple[int, int], ...] = ((2, 2), (10, 10))
    set_images: int = 50
    paper_images: int = 50
    paper_runs: int = 50
    memory: tuple[int, ...] = (500, 2_000, 5_000, 20_000)
    workers: tuple[int, ...] = (1, 2, 4)
    spread: int = 1024
    on_gpu: int = 1024
    doublings: int = 3


FULL = Sizes()

QUICK = Sizes(
    rounds=1,
    networks=("squeezenet",),
    extracted=32,
    concepts=3,
    images=6,
    pool=12,
    runs=5,
    explained=4,
    scored=8,
    sets=((1, 2),),
    set_images=6,
    paper_images=6,
    paper_runs=3,
    memory=(40, 80),
    workers=(1, 2),
    spread=128,
    on_gpu=64,
    doublings=1,
)
"""A smoke test: that everything runs, not what it costs."""
