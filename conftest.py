"""Small networks and pictures that many tests share."""

import resource
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import sacv

pytest_plugins = ("app.fixtures", "docs.fixtures", "real.fixtures", "viewer.browser")

BENCH = Path(__file__).parent / "bench"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the bench and those in a browser as slow: `make test-slow` runs them, `make test` does not."""
    for item in items:
        if BENCH in item.path.parents or "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """From here on write no bytecode: a module that a test writes twice within a second is read as it is."""
    sys.dont_write_bytecode = True


try:
    from hypothesis import settings
except ImportError:  # the environment of the zoos has none
    pass
else:
    settings.register_profile("untimed", deadline=None)  # speed is held by benchmarks
    settings.load_profile("untimed")


@contextmanager
def nearly_full_disk(most: int = 1000):
    """Let no file grow beyond so many bytes, which is an error as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


class SmallNet(nn.Module):
    """Two convolutions, in-place ReLU, pooling that keeps places apart, a linear head of four classes."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(inplace=True)
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(8, 4)
        generator = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            parameter.data = torch.randn(parameter.shape, generator=generator) * 0.4

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.pool(self.features(x)).flatten(1))


def make_small_model() -> sacv.VisionModel:
    names = ["ant", "bee", "cat", "dog"]
    return sacv.VisionModel(SmallNet(), sacv.ImageTransform(resize=(12, 10)), names)


@pytest.fixture
def small_model() -> sacv.VisionModel:
    return make_small_model()


def make_pictures(folder: Path, count: int, seed: int, size: tuple[int, int] = (20, 24), low: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    for index in range(count):
        Image.fromarray(rng.integers(low, 256, (*size, 3), dtype=np.uint8)).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def guidance(tmp_path: Path) -> tuple[Path, Path]:
    """Folders of a concept (bright) and of random images."""
    return make_pictures(tmp_path / "bright", 6, 1, low=180), make_pictures(tmp_path / "other", 7, 2)


@pytest.fixture
def small_bank(small_model: sacv.VisionModel, guidance: tuple[Path, Path]) -> sacv.ConceptBank:
    return sacv.fit(small_model, ["features.2"], {"bright": guidance[0]}, [guidance[1]])
