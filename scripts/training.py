"""What the training scripts share: how pictures become inputs, and how a batch is varied."""

import numpy as np
import torch

from sacv.model.transform import IMAGENET_MEAN, IMAGENET_STD


def prepare(images: torch.Tensor) -> torch.Tensor:
    """Turn uint8 pictures `(n, 3, size, size)` into inputs."""
    mean, std = torch.tensor(IMAGENET_MEAN)[:, None, None], torch.tensor(IMAGENET_STD)[:, None, None]
    return ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)


def turned(images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
    """Flip and turn a batch by right angles, and swap its colour channels."""
    images = torch.rot90(images, int(rng.integers(4)), (2, 3))
    images = images.flip(3) if rng.integers(2) else images
    return images[:, torch.from_numpy(rng.permutation(3))]
