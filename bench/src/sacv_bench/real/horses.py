"""Horses: marked on a few photos, found on the others; the rest of the marked photos is the random set."""

from __future__ import annotations

from sacv_bench.real.marked import Marked
from sacv_bench.real.observed import Observation
from sacv_bench.real.setup import Lab

EXPERIMENT, CONCEPT = "horses", "horse"
MOST = 10
"""Photos marked, at most."""


def horses(lab: Lab) -> list[Observation]:
    """Measure each number of marked photos, with other photos in each draw."""
    photos = lab.material.horses
    asked = Marked(lab, EXPERIMENT, CONCEPT, photos, lab.see(photos, [lab.network.target(CONCEPT)]))
    found: list[Observation] = []
    for draw in range(lab.effort.draws):
        order = lab.rng(20, draw).permutation(asked.legal).tolist()
        for n in lab.effort.marked:
            if n <= MOST and len(order) > n:
                found += asked.round(order[:n], order[n:][-lab.effort.tested :])
    return found
