"""Images that are made for the measurements: smooth noise, which compresses about as photographs do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image


def inputs(count: int, seed: int = 0) -> torch.Tensor:
    """Make inputs `(count, 3, 224, 224)`, each with a level of its own, so that every set differs from every other."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 3, 14, 14, generator=generator) + torch.randn(count, 1, 1, 1, generator=generator)
    return torch.nn.functional.interpolate(coarse, size=(224, 224), mode="bilinear")


def activations(count: int, channels: int, grid: tuple[int, int], seed: int = 0) -> torch.Tensor:
    """Make activations `(count, channels, *grid)` with the channels last in memory, as a network gives them."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(count, *grid, channels, generator=generator) + torch.randn(
        count, 1, 1, channels, generator=generator
    )
    return values.permute(0, 3, 1, 2)


@contextmanager
def photos(count: int, size: tuple[int, int], seed: int = 0) -> Iterator[list[Path]]:
    """Write JPEG files of `size` (width, height) to a folder that is removed after."""
    rng = np.random.default_rng(seed)
    with TemporaryDirectory() as folder:
        files = [Path(folder) / f"{number:06}.jpg" for number in range(count)]
        for file in files:
            coarse = rng.integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
            Image.fromarray(coarse).resize(size, Image.Resampling.BILINEAR).save(file, quality=90)
        yield files
