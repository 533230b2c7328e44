"""Every method of the real bench, from the same guidance: this package, the paper's classifier and other people's.

The package's own maps come from a bank that `sacv.fit` made. The directions beside it are fitted on the same photos
with the same masks and the same random set, from activations that were gathered once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.errors import SolverError
from sacv.maps.relevance import relevance
from sacv.solvers import Logistic
from sacv.solvers.base import unit
from sacv.stats import LocationSample
from sacv_bench.place import OURS, PAPER
from sacv_bench.real.activations import Map, Seen
from sacv_bench.rivals.net2vec import net2vec

Float64 = NDArray[np.float64]

MEAN_DIFFERENCE = "SACV, MeanDifference"
NET2VEC = "Net2Vec, told by masks"
GRAD_CAM = "Grad-CAM of the class"
EDGES = "edge strength"
NORM = "activation norm"
METHODS = (OURS, MEAN_DIFFERENCE, PAPER, NET2VEC, GRAD_CAM, EDGES, NORM)

SAMPLE = 32
"""Locations of each image, of what is marked and of the rest, that classifiers see; as many as `sacv.fit` keeps."""


@dataclass(frozen=True, eq=False)
class Told:
    """What one image of the guidance says at a layer.

    Parameters
    ----------
    sums, weights
        Float64 `(2, channels)` and `(2,)`: of what shows the concept, and of what does not.
    cells, shares
        Sampled locations `(k, channels)`, and how much of each shows the concept, `(k,)`.
    rest
        Which of the sampled locations stand against the concept, bool `(k,)`; all of which the concept covers in part.
    """

    sums: Float64
    weights: Float64
    cells: NDArray[np.floating]
    shares: Float64
    rest: NDArray[np.bool_]


def told(cells: torch.Tensor, shares: Float64, rng: np.random.Generator) -> Told:
    """Summarise an image of the guidance.

    Parameters
    ----------
    cells
        Its activations `(*grid, channels)`.
    shares
        How much of each location shows the concept, `grid`: 1 where the whole image does, 0 in a random image.
    rng
        Draws the locations.
    """
    flat, weights = cells.flatten(0, -2).double().numpy(), shares.ravel()
    both = np.stack([weights, 1 - weights])
    chosen = [_drawn(np.flatnonzero(side > 1e-9), rng) for side in both]
    places = np.concatenate(chosen)
    rest = np.arange(len(places)) >= len(chosen[0])
    return Told(both @ flat, both.sum(axis=1), flat[places].astype(np.float32), weights[places], rest)


def _drawn(legal: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    return np.sort(rng.permutation(legal)[:SAMPLE])


def directions(examples: Sequence[Told]) -> dict[str, Float64]:
    """Fit the directions that stand beside the package's own; one whose search fails is left out.

    Net2Vec is among them where an image has both what shows the concept and what does not.
    """
    sums, weights = (np.sum([getattr(one, name) for one in examples], axis=0) for name in ("sums", "weights"))
    difference = sums[0] / weights[0] - sums[1] / weights[1]
    found = {MEAN_DIFFERENCE: unit(difference, difference)}
    sides = [_sample(examples, rest) for rest in (False, True)]
    try:
        found[PAPER] = Logistic().solve(*sides).vector
        if any(one.weights.min() > 0 for one in examples):
            cells, shares = (np.concatenate([getattr(one, name) for one in examples]) for name in ("cells", "shares"))
            found[NET2VEC] = net2vec(cells[:, None], shares[:, None])
    except SolverError:
        return found
    return found


def _sample(examples: Sequence[Told], rest: bool) -> LocationSample:
    kept = [one.rest == rest for one in examples]
    shares = [one.shares[keep] for one, keep in zip(examples, kept, strict=True)]
    return LocationSample(
        np.concatenate([one.cells[keep] for one, keep in zip(examples, kept, strict=True)]),
        np.repeat(np.arange(len(examples)), [int(keep.sum()) for keep in kept]),
        np.concatenate([1 - share if rest else share for share in shares]),
    )


def ours(bank: ConceptBank, layer: str, concept: str, cells: torch.Tensor) -> Map:
    """Give the relevance that the package finds in activations `(n, *grid, channels)`, `(n, *grid)`."""
    found: Map = relevance(bank.preprocessing(cells), [bank.cav(layer, concept)])[:, 0].numpy()
    return found


def maps(
    bank: ConceptBank,
    layer: str,
    concept: str,
    examples: Sequence[Told],
    seen: Seen,
    tested: Sequence[int],
    target: str,
) -> dict[str, Map]:
    """Give the maps of every method of the pictures tested, `(tested, *grid)`, greater where the concept is.

    Parameters
    ----------
    bank
        What `sacv.fit` made.
    layer, concept
        What is asked.
    examples
        The same guidance, for the directions beside it.
    seen, tested
        Pictures, and the numbers of those tested.
    target
        Class of Grad-CAM.
    """
    chosen = list(tested)
    cells = seen.cells[layer][chosen]
    flat = cells.double().numpy()
    found: dict[str, Map] = {OURS: ours(bank, layer, concept, cells)}
    found |= {name: flat @ vector for name, vector in directions(examples).items()}
    return found | {
        GRAD_CAM: seen.cams[target, layer][chosen],
        EDGES: seen.edges[layer][chosen],
        NORM: seen.norms(layer)[chosen],
    }
