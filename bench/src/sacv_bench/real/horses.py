"""Horses: learned from a few annotated photos, located on the others; the rest is the random set."""

from __future__ import annotations

from sacv_bench.real.annotated import AnnotatedConcept
from sacv_bench.real.observed import Observation
from sacv_bench.real.setup import Lab

EXPERIMENT, CONCEPT = "horses", "horse"
MOST = 10
"""Most annotated photos."""


def horses(lab: Lab) -> list[Observation]:
    """Measure each number of annotated photos, with other photos in each draw."""
    photos = lab.material.horses
    annotated = AnnotatedConcept(lab, EXPERIMENT, CONCEPT, photos, lab.see(photos, [lab.network.target(CONCEPT)]))
    found: list[Observation] = []
    for draw in range(lab.effort.draws):
        order = lab.rng(20, draw).permutation(annotated.legal).tolist()
        for n in lab.effort.marked:
            if n <= MOST and len(order) > n:
                found += annotated.round(order[:n], order[n:][-lab.effort.tested :])
    return found
