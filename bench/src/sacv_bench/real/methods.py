"""Every method of the real bench, from the same concept images: this package, the paper's classifier and rivals.

The maps of the package come from a bank of `sacv.fit`. The other directions are fitted on the same photos, masks and
random set, from activations that are computed once.
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
from sacv_bench.localisation import OURS, PAPER
from sacv_bench.real.activations import Map, Seen
from sacv_bench.rivals.net2vec import net2vec

Float64 = NDArray[np.float64]

MEAN_DIFFERENCE = "SACV, MeanDifference"
NET2VEC = "Net2Vec, trained on masks"
GRAD_CAM = "Grad-CAM of the class"
EDGES = "edge strength"
NORM = "activation norm"
METHODS = (OURS, MEAN_DIFFERENCE, PAPER, NET2VEC, GRAD_CAM, EDGES, NORM)

SAMPLE = 32
"""Most locations of each image, inside the region and of the rest, for classifiers; as many as `sacv.fit` samples."""


@dataclass(frozen=True, eq=False)
class ImageSample:
    """Sums and sampled locations of one image at a layer.

    Parameters
    ----------
    sums, weights
        Float64 `(2, channels)` and `(2,)`: over the concept and over the rest.
    cells, shares
        Sampled locations `(k, channels)`, and how much of each shows the concept, `(k,)`.
    rest
        Which of the sampled locations belong to the rest, bool `(k,)`; partly covered ones may be in both.
    """

    sums: Float64
    weights: Float64
    cells: NDArray[np.floating]
    shares: Float64
    rest: NDArray[np.bool_]


def sample_image(cells: torch.Tensor, shares: Float64, rng: np.random.Generator) -> ImageSample:
    """Compute the sums and sample the locations of an image.

    Parameters
    ----------
    cells
        Its activations `(*grid, channels)`.
    shares
        Share of each location that shows the concept, `grid`: 1 for whole concept images, 0 for random images.
    rng
        Draws the locations.
    """
    flat, weights = cells.flatten(0, -2).double().numpy(), shares.ravel()
    both = np.stack([weights, 1 - weights])
    chosen = [_drawn(np.flatnonzero(side > 1e-9), rng) for side in both]
    locations = np.concatenate(chosen)
    rest = np.arange(len(locations)) >= len(chosen[0])
    return ImageSample(both @ flat, both.sum(axis=1), flat[locations].astype(np.float32), weights[locations], rest)


def _drawn(legal: NDArray[np.intp], rng: np.random.Generator) -> NDArray[np.intp]:
    return np.sort(rng.permutation(legal)[:SAMPLE])


def directions(examples: Sequence[ImageSample]) -> dict[str, Float64]:
    """Fit the directions of the rivals; one whose fit fails is omitted.

    Net2Vec needs an image with both the concept and the rest.
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


def _sample(examples: Sequence[ImageSample], rest: bool) -> LocationSample:
    chosen = [one.rest == rest for one in examples]
    shares = [one.shares[keep] for one, keep in zip(examples, chosen, strict=True)]
    return LocationSample(
        np.concatenate([one.cells[keep] for one, keep in zip(examples, chosen, strict=True)]),
        np.repeat(np.arange(len(examples)), [int(keep.sum()) for keep in chosen]),
        np.concatenate([1 - share if rest else share for share in shares]),
    )


def ours(bank: ConceptBank, layer: str, concept: str, cells: torch.Tensor) -> Map:
    """Return the relevance that the package finds in activations `(n, *grid, channels)`, `(n, *grid)`."""
    found: Map = relevance(bank.preprocessing(cells), [bank.cav(layer, concept)])[:, 0].numpy()
    return found


def maps(
    bank: ConceptBank,
    layer: str,
    concept: str,
    examples: Sequence[ImageSample],
    seen: Seen,
    tested: Sequence[int],
    target: str,
) -> dict[str, Map]:
    """Return the maps of every method of the images tested, `(tested, *grid)`, greater where the concept is.

    Parameters
    ----------
    bank
        Bank of `sacv.fit`.
    layer, concept
        Their names.
    examples
        Samples of the same concept images, for the rivals.
    seen, tested
        Images, and the numbers of those tested.
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
