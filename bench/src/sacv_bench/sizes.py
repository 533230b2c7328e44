"""How much the bench measures."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Numbers of images and draws; they change the intervals, not the metrics.

    Parameters
    ----------
    seeds
        Draws of concept images and scenes.
    guidance, others
        Images with a concept, and images without it.
    scenes
        Scenes of each seed, concept and cell of a table.
    steps
        Parts of the path of integrated gradients.
    trials
        Trials of the false alarms.
    """

    seeds: int
    guidance: int
    others: int
    scenes: int
    steps: int
    trials: int


FULL = Effort(seeds=10, guidance=50, others=100, scenes=1, steps=10, trials=200)
QUICK = Effort(seeds=1, guidance=20, others=40, scenes=1, steps=4, trials=4)
