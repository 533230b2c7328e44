r"""Guidance in context: what a layer says of textures where they are only a part of a photo.

All images stand as full frames as they would without a context. Beside them, one composite for every ten images shows
textures as regions of photos (`sacv.concepts.composites`), which costs a tenth more of the pass. What the locations of
these regions say is *taken* into a concept's direction and its random set, with a quarter of the weight of all, at
layers where held-out images show that it helps::

    as a part    B: AUROC of the concept's regions against all else of their composite, its mean over composites:
                 higher, and the 95 % interval of the gain begins at 0.01 or more
    full frames  A: AUROC of the concept's locations against random: not lower by more than 0.002
    locality     P: AUROC of the concept's regions against those of random textures, along the direction that knows
                 full frames only: P - 1/2 >= 0.55 (A - 1/2)

A layer that fails the third speaks of the whole picture at each location, as after global attention; there B rises
though photos get worse. Where nothing is taken, a CAV is what it is without a context. The photos around the regions
never are random locations: that raises B and lowers the AUROC on real photos. docs/solvers.md has the figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from sacv.cav.quality import area
from sacv.cav.sets import RANDOM
from sacv.cav.statistics import SetStatistics
from sacv.solvers import MomentSolver

Float64 = NDArray[np.float64]

COST = 10
"""Images for which one composite is run."""

LEAST_COMPOSITES = 5
"""Composites that show a concept, below which nothing is judged or taken."""

GAIN, LOSS = 0.01, 0.002
"""AUROC: the least lower end of the gain as a part of a photo, and the greatest loss on full frames."""

KEPT = 0.55
"""Least share of the excess over chance that full frames have and regions must keep."""

SHARE = 0.25
"""Weight of the pasted locations among all of a side, where they are taken."""


@dataclass(frozen=True)
class ContextEvidence:
    """What held-out images say of taking the pasted locations, for one layer and concept.

    Parameters
    ----------
    layer, concept
        Of which.
    composites
        How many show the concept.
    part
        AUROC against all else of a composite, without the pasted locations and with them.
    gain_low
        Lower end of the 95 % interval of the gain, over composites.
    full
        AUROC of full frames, without and with.
    pasted
        AUROC of the concept's regions against those of random textures, without.
    """

    layer: str
    concept: str
    composites: int
    part: tuple[float, float]
    gain_low: float
    full: tuple[float, float]
    pasted: float

    @property
    def local(self) -> bool:
        """Whether the layer's locations speak of what lies there."""
        return self.pasted - 0.5 >= KEPT * (self.full[0] - 0.5)

    @property
    def taken(self) -> bool:
        """Whether the CAV is learned from the pasted locations too."""
        return self.gain_low >= GAIN and self.full[1] >= self.full[0] - LOSS and self.local

    def __str__(self) -> str:
        """Say what was decided, and why."""
        as_part = (
            f"as part of a photo, held-out AUROC {self.part[0]:.3f} without and {self.part[1]:.3f} with them, "
            f"95 % interval of the gain from {self.gain_low:.3f}"
        )
        frames = f"full frames {self.full[0]:.3f} and {self.full[1]:.3f}"
        if self.taken:
            return f"learned from pasted regions too ({as_part}; {frames})"
        if not self.local:
            return (
                f"learned from full frames only: this layer's locations speak of the whole picture (AUROC "
                f"{self.full[0]:.3f} in full frames, {self.pasted:.3f} as pasted regions)"
            )
        if self.full[1] < self.full[0] - LOSS:
            return f"learned from full frames only: pasted regions cost there ({frames} with them)"
        return f"learned from full frames only: pasted regions do not help enough ({as_part})"


@dataclass(frozen=True)
class Pasted:
    """One composite: the hashes of its photo and of its textures, and the seed of its regions."""

    photo: str
    textures: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class BankContext:
    """How the bank's textures were seen in context.

    Parameters
    ----------
    photos
        Name and SHA-256 of each photo given.
    composites
        What was pasted where.
    evidence
        For each layer and concept of whole images.
    too_few
        Concepts that too few composites show to judge.
    skipped
        Name and reason of each photo that could not be read and was left out.
    """

    photos: tuple[tuple[str, str], ...]
    composites: tuple[Pasted, ...]
    evidence: tuple[ContextEvidence, ...]
    too_few: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    def taken(self) -> list[tuple[str, str]]:
        """List the layers and sets (`BankSet.key`) whose pasted locations are taken."""
        pairs = [(one.layer, key) for one in self.evidence if one.taken for key in (f"concept/{one.concept}", RANDOM)]
        return list(dict.fromkeys(pairs))

    def to_json(self) -> dict[str, Any]:
        """Give the fields for a label file."""
        fields = asdict(self)
        for entry, one in zip(fields["evidence"], self.evidence, strict=True):
            entry["taken"] = one.taken
        return fields

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> BankContext:
        """Read the fields of a label file."""
        return cls(
            tuple((name, digest) for name, digest in fields["photos"]),
            tuple(Pasted(one["photo"], tuple(one["textures"]), one["seed"]) for one in fields["composites"]),
            tuple(
                ContextEvidence(
                    one["layer"],
                    one["concept"],
                    one["composites"],
                    _pair(one["part"]),
                    one["gain_low"],
                    _pair(one["full"]),
                    one["pasted"],
                )
                for one in fields["evidence"]
            ),
            tuple(fields["too_few"]),
            tuple((name, reason) for name, reason in fields["skipped"]),
        )


def _pair(values: Sequence[float]) -> tuple[float, float]:
    without, taken = values
    return without, taken


def mixed(full: SetStatistics, pasted: SetStatistics) -> SetStatistics:
    """Give the statistics of a side where the pasted locations have their share; the sample stays that of `full`.

    The total count stays; each image's mean moves as far to the mean of the pasted locations.
    """
    count = full.total().count
    both = SetStatistics.union([full.weighing((1 - SHARE) * count), pasted.weighing(SHARE * count)])
    means = (1 - SHARE) * full.images.means + SHARE * pasted.total().mean
    return SetStatistics(both.folds, full.image_fold, replace(full.images, means=means), full.sample)


@dataclass(frozen=True, eq=False)
class Part:
    """The pasted locations of one set, with the number of the composite of each of its images."""

    found: SetStatistics
    composites: NDArray[np.int64]


Sides: TypeAlias = tuple[SetStatistics, SetStatistics]
"""A concept and the random set."""


def judge(
    layer: str, concept: str, solver: MomentSolver, full: Sides, parts: tuple[Part, Part], around: Part
) -> ContextEvidence:
    """Judge whether pasted locations help, each fold along directions that do not know it.

    Parameters
    ----------
    layer, concept
        Of which.
    solver
        How a direction is found.
    full
        The concept and the random set in full frames.
    parts
        The regions of the concept, in two composites or more, and of random textures.
    around
        The photos around the regions.
    """
    regions = (*parts, around)
    scored = (*full, *(part.found for part in regions))
    weights = [one.sample.weights for one in scored]
    composites = [part.composites[part.found.sample.image] for part in regions]
    both = (full, _with_parts(full, parts))
    scores = [_held_out(solver, sides, scored) for sides in both]
    frames = [area(one[0], one[1], weights[0], weights[1]) for one in scores]
    as_part = np.array([_within(one[2:], weights[2:], composites) for one in scores])
    gains = as_part[1] - as_part[0]
    return ContextEvidence(
        layer,
        concept,
        len(gains),
        (float(as_part[0].mean()), float(as_part[1].mean())),
        float(gains.mean() - 1.96 * gains.std(ddof=1) / np.sqrt(len(gains))),
        (frames[0], frames[1]),
        area(scores[0][2], scores[0][3], weights[2], weights[3]),
    )


def _with_parts(full: Sides, parts: tuple[Part, Part]) -> Sides:
    return mixed(full[0], parts[0].found), mixed(full[1], parts[1].found)


def _held_out(solver: MomentSolver, sides: Sides, scored: Sequence[SetStatistics]) -> list[Float64]:
    """Score the sampled locations of sets, each along the direction of the sides without its fold."""
    scores = [np.zeros(len(one.sample.vectors)) for one in scored]
    folds = [one.image_fold[one.sample.image] for one in scored]
    for fold in np.unique(np.concatenate(folds)).tolist():
        vector = solver.solve(*(side.without(fold) for side in sides)).detector
        for one, found, places in zip(scored, scores, folds, strict=True):
            found[places == fold] = one.sample.vectors[places == fold] @ vector
    return scores


def _within(
    scores: Sequence[Float64], weights: Sequence[Float64], composites: Sequence[NDArray[np.int64]]
) -> list[float]:
    """Give the area of the concept's regions, the first, against all else of each composite that shows it."""
    found = []
    for composite in np.unique(composites[0]):
        here = [places == composite for places in composites]
        values, shares = ([one[mark] for one, mark in zip(every, here, strict=True)] for every in (scores, weights))
        found.append(area(values[0], np.concatenate(values[1:]), shares[0], np.concatenate(shares[1:])))
    return found
