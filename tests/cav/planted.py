"""A network whose activations are known, sets to plant concepts in, and slow ways to get at the same numbers."""

from itertools import combinations

import numpy as np
import torch
from torch import nn

import sacv


class Planted(nn.Module):
    """Its layer gives its input back, averaged over squares of `side` pixels."""

    def __init__(self, channels: int, side: int = 1) -> None:
        super().__init__()
        self.layer = nn.AvgPool2d(side)
        self.head = nn.Linear(channels, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x).mean(dim=(2, 3)))


def planted_model(channels: int, side: int = 1, dtype: torch.dtype = torch.float64) -> sacv.VisionModel:
    return sacv.VisionModel(Planted(channels, side).to(dtype))


def noise(count: int, channels: int, size: int, seed: int, mean: float = 0.0) -> torch.Tensor:
    """Images `(count, channels, size, size)`, each with an offset of its own."""
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randn(count, channels, size, size, generator=generator, dtype=torch.float64)
    return mean + pixels + torch.randn(count, channels, 1, 1, generator=generator, dtype=torch.float64)


def cells(images: torch.Tensor) -> np.ndarray:
    """Every location's activation, `(images, locations, channels)`, where the layer gives its input back."""
    return images.flatten(2).transpose(1, 2).numpy()


def unit(vector: np.ndarray) -> np.ndarray:
    return vector / np.linalg.norm(vector)


def mean_of(values: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Mean over the locations `(images, locations, channels)`, one at a time, weighted by `(images, locations)`."""
    total, count = 0.0, 0.0
    for index, image in enumerate(values):
        for place, vector in enumerate(image):
            weight = 1.0 if weights is None else weights[index, place]
            total, count = total + weight * vector, count + weight
    return total / count


def halves(pool: int, size: int) -> list[list[int]]:
    """All choices of `size` of the pool's images."""
    return [list(chosen) for chosen in combinations(range(pool), size)]


def assert_drawn_from(found: np.ndarray, possible: np.ndarray, atol: float = 1e-12) -> None:
    """Check that every row is one of the possible ones, and that they are not all the same."""
    nearest = np.abs(found[:, None] - possible[None]).max(axis=2)
    assert nearest.min(axis=1).max() < atol
    assert len(set(nearest.argmin(axis=1).tolist())) > 1


def assert_same_cav(one: sacv.CAV, other: sacv.CAV, atol: float = 1e-12, drawn: float | None = None) -> None:
    """Check everything but the figures and the solver's statistics; scores to the tolerance of their greatest.

    `drawn` is the tolerance of runs and null, which are of smaller differences of means, and so of greater rounding.
    """
    assert (one.layer, one.concept) == (other.layer, other.concept)
    np.testing.assert_allclose(one.vector, other.vector, rtol=0, atol=atol)
    scale = max(1.0, np.abs(other.evidence).max())
    np.testing.assert_allclose(one.evidence, other.evidence, rtol=0, atol=atol * scale)
    for name in ("threshold", "separation"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=atol * scale)
    atol = atol if drawn is None else drawn
    for mine, theirs in ((one.runs, other.runs), (one.null, other.null)):
        np.testing.assert_allclose(mine.vectors, theirs.vectors, rtol=0, atol=atol)
        np.testing.assert_allclose(mine.thresholds, theirs.thresholds, rtol=0, atol=atol * scale)
        np.testing.assert_allclose(mine.separations, theirs.separations, rtol=0, atol=atol * scale)
