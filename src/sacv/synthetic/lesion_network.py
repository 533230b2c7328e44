"""The network of the made clinic: a plain CNN that calls malignant what has dots.

Trained by `scripts/train_bench.py`; the figures of its training lie beside its weights.
"""

from __future__ import annotations

from importlib.resources import files

import torch
from torch import nn

from sacv.model.weights import with_weights

DATA = files("sacv.synthetic") / "data"
"""Where its weights and the figures of its training lie."""


class PowerMean(nn.Module):
    """Pooling by the power mean over places, (mean of a(p)^3)^(1/3), which a small object moves more than the mean.

    Known as GeM (Radenovic, Tolias and Chum, arXiv 1711.02512).
    """

    def forward(self, activations: torch.Tensor) -> torch.Tensor:
        """Pool `(n, channels, height, width)`, not negative, to `(n, channels)`."""
        return activations.clamp_min(1e-4).pow(3).mean(dim=(2, 3)).pow(1 / 3)


class PlainNetwork(nn.Module):
    """Six blocks of convolution, batch normalisation and ReLU, pooling by the power mean and a head of two layers.

    Input float `(n, 3, 128, 128)`, output logits `(n, questions)`. The blocks are `blocks.0` to `blocks.5`; the first
    three have 32 x 32 locations, the others 16 x 16.
    """

    def __init__(self, questions: int) -> None:
        super().__init__()
        self.blocks = nn.Sequential(
            nn.Sequential(*convolution(3, 24, 5, stride=2), nn.MaxPool2d(2)),
            nn.Sequential(*convolution(24, 40)),
            nn.Sequential(*convolution(40, 56)),
            nn.Sequential(*convolution(56, 72, stride=2)),
            nn.Sequential(*convolution(72, 96)),
            nn.Sequential(*convolution(96, 96)),
        )
        self.pool = PowerMean()
        self.head = head(96, questions)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Give logits `(n, questions)`."""
        logits: torch.Tensor = self.head(self.pool(self.blocks(inputs)))
        return logits


def convolution(inputs: int, outputs: int, side: int = 3, stride: int = 1) -> list[nn.Module]:
    """Give a convolution without a bias that keeps the sides but for its stride, batch normalisation and ReLU."""
    return [
        nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


def head(width: int, questions: int) -> nn.Sequential:
    """Give the head of two layers: from pooled activations `(n, width)` to logits `(n, questions)`."""
    return nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, questions))


def load_lesion_network() -> PlainNetwork:
    """Give the trained network, in eval mode and float32: logits of malignant and benign, `(n, 2)`."""
    return with_weights(PlainNetwork(2), DATA / "plain-lesions.safetensors")
