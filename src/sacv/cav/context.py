r"""Textures in context: fit a concept on textures that are pasted into photos as well as on full frames.

Composites show textures as regions of photos (`sacv.concepts.composites`), one composite for every ten images. The
locations of these regions are *taken* into the fit of a concept and its random set, with a quarter of the total weight,
at layers where held-out images show an improvement::

    as a part    B: AUROC of the concept's regions against the rest of their composite, the mean over composites;
                 the lower end of the 95 % interval of its gain is at least 0.01
    full frames  A: AUROC of the concept's locations against random; its loss is at most 0.002
    locality     P: AUROC of the concept's regions against the regions of random textures, along the direction that is
                 fitted on full frames only; P - 1/2 >= 0.55 (A - 1/2)

A layer that fails the locality test represents the whole image at each location, as after global attention. There B
rises although the AUROC on photos falls. If nothing is taken, the CAV is the same as without a context. The photos
around the regions are never random locations, since that raises B and lowers the AUROC on real photos. docs/solvers.md
has the experiments.
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
from sacv.stats import Float64

COST = 10
"""Number of images for each composite."""

LEAST_COMPOSITES = 5
"""Minimum number of composites that show a concept."""

GAIN, LOSS = 0.01, 0.002
"""AUROC: minimum lower end of the gain as a part of a photo, and maximum loss on full frames."""

LOCALITY = 0.55
"""Minimum of (P - 1/2) / (A - 1/2)."""

SHARE = 0.25
"""Weight of the pasted locations among all locations of a set, if they are taken."""


@dataclass(frozen=True)
class ContextEvidence:
    """Held-out figures that decide whether pasted locations are taken, for one layer and concept."""

    layer: str
    concept: str
    composites: int
    """Number of composites that show the concept."""
    part: tuple[float, float]
    """B: AUROC against the rest of a composite, fitted without and with the pasted locations."""
    gain_low: float
    """Lower end of the 95 % interval of the gain of B, over composites."""
    full: tuple[float, float]
    """A: AUROC of full frames, fitted without and with the pasted locations."""
    pasted: float
    """P: AUROC of the concept's regions against the regions of random textures, fitted without the pasted locations."""

    @property
    def local(self) -> bool:
        """Whether the layer passes the locality test."""
        return self.pasted - 0.5 >= LOCALITY * (self.full[0] - 0.5)

    @property
    def taken(self) -> bool:
        """Whether the CAV is fitted on the pasted locations too."""
        return self.gain_low >= GAIN and self.full[1] >= self.full[0] - LOSS and self.local

    def __str__(self) -> str:
        as_part = (
            f"as part of a photo, held-out AUROC {self.part[0]:.3f} without and {self.part[1]:.3f} with them, "
            f"95 % interval of the gain from {self.gain_low:.3f}"
        )
        frames = f"full frames {self.full[0]:.3f} and {self.full[1]:.3f}"
        if self.taken:
            return f"fitted on pasted regions too ({as_part}; {frames})"
        if not self.local:
            return (
                f"fitted on full frames only: the locations of this layer represent the whole image (AUROC "
                f"{self.full[0]:.3f} in full frames, {self.pasted:.3f} as pasted regions)"
            )
        if self.full[1] < self.full[0] - LOSS:
            return f"fitted on full frames only: pasted regions lower the AUROC there ({frames} with them)"
        return f"fitted on full frames only: pasted regions do not help enough ({as_part})"


@dataclass(frozen=True)
class Pasted:
    """One composite: the hashes of its photo and of its textures, and the seed of its regions."""

    photo: str
    textures: tuple[str, ...]
    seed: int


@dataclass(frozen=True)
class BankContext:
    """The context photos of a bank, and the decisions about the pasted textures."""

    photos: tuple[tuple[str, str], ...]
    """Name and SHA-256 of each context photo."""
    composites: tuple[Pasted, ...]
    evidence: tuple[ContextEvidence, ...]
    """Figures for each layer and concept with whole images."""
    too_few: tuple[str, ...] = ()
    """Concepts with too few composites for a decision."""
    skipped: tuple[tuple[str, str], ...] = ()
    """Name of each unreadable photo that was left out, and the reason."""

    def taken(self) -> list[tuple[str, str]]:
        """List the layers and sets (`BankSet.key`) whose pasted locations are taken."""
        pairs = [(one.layer, key) for one in self.evidence if one.taken for key in (f"concept/{one.concept}", RANDOM)]
        return list(dict.fromkeys(pairs))

    def to_json(self) -> dict[str, Any]:
        """Return the fields for the JSON file."""
        fields = asdict(self)
        for entry, evidence in zip(fields["evidence"], self.evidence, strict=True):
            entry["taken"] = evidence.taken
        return fields

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> BankContext:
        """Create the context from the fields of the JSON file."""
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
    """Return the statistics of a set in which the pasted locations have the weight `SHARE`, with the sample of `full`.

    The total count does not change. The mean of each image moves towards the mean of the pasted locations by `SHARE`.
    """
    count = full.total().count
    both = SetStatistics.union([full.weighing((1 - SHARE) * count), pasted.weighing(SHARE * count)])
    means = (1 - SHARE) * full.images.means + SHARE * pasted.total().mean
    return SetStatistics(both.folds, full.image_fold, replace(full.images, means=means), full.sample)


@dataclass(frozen=True, eq=False)
class Part:
    """The pasted locations of one set, with the index of the composite of each of its images."""

    found: SetStatistics
    composites: NDArray[np.int64]


Sides: TypeAlias = tuple[SetStatistics, SetStatistics]
"""A concept and the random set."""


def judge(
    layer: str, concept: str, solver: MomentSolver, full: Sides, parts: tuple[Part, Part], around: Part
) -> ContextEvidence:
    """Compute the figures that decide whether pasted locations are taken, on held-out folds.

    `full` are the concept and the random set in full frames; `parts`, the regions of the concept, in at least two
    composites, and those of random textures; `around`, the photos around the regions.
    """
    regions = (*parts, around)
    scored = (*full, *(part.found for part in regions))
    weights = [found.sample.weights for found in scored]
    composites = [part.composites[part.found.sample.image] for part in regions]
    both = (full, (mixed(full[0], parts[0].found), mixed(full[1], parts[1].found)))
    scores = [_held_out(solver, sides, scored) for sides in both]
    frames = [area(each[0], each[1], weights[0], weights[1]) for each in scores]
    as_part = np.array([_within(each[2:], weights[2:], composites) for each in scores])
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


def _held_out(solver: MomentSolver, sides: Sides, scored: Sequence[SetStatistics]) -> list[Float64]:
    """Score the sampled locations of sets, each by the detector fitted without its fold."""
    scores = [np.zeros(len(found.sample.vectors)) for found in scored]
    folds = [found.image_fold[found.sample.image] for found in scored]
    for fold in np.unique(np.concatenate(folds)).tolist():
        vector = solver.solve(*(side.without(fold) for side in sides)).detector
        for found, values, fold_of in zip(scored, scores, folds, strict=True):
            values[fold_of == fold] = found.sample.vectors[fold_of == fold] @ vector
    return scores


def _within(
    scores: Sequence[Float64], weights: Sequence[Float64], composites: Sequence[NDArray[np.int64]]
) -> list[float]:
    """Return the AUROC of the concept's regions, which come first, against the rest of each composite that shows it."""
    found = []
    for composite in np.unique(composites[0]):
        here = [numbers == composite for numbers in composites]
        values, shares = ([part[mask] for part, mask in zip(every, here, strict=True)] for every in (scores, weights))
        found.append(area(values[0], np.concatenate(values[1:]), shares[0], np.concatenate(shares[1:])))
    return found
