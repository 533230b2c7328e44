"""The small network that ships with sacv. It classifies the texture of the object in a scene of `sacv.synthetic`.

It is trained by `scripts/train_demo.py`, which writes its weights and training figures to `data/`.
"""

from __future__ import annotations

from importlib.resources import files

import torch
from torch import nn

from sacv.model.weights import with_weights

DEMO_CLASSES = ("striped", "dotted", "chequered", "blotchy", "plain")
DEMO_SIZE = 128

_CHANNELS = (24, 48, 64, 96, 96, 128)
_POOLED = (True, True, True, False, False, False)


class DemoNetwork(nn.Module):
    """Six blocks of convolution, batch normalisation and ReLU, average pooling and a linear head.

    Input float `(n, 3, 128, 128)`, RGB normalised as for ImageNet; output logits `(n, 5)`. The blocks are
    `blocks.0` to `blocks.5`; the first three end in max pooling by 2, so that `blocks.2` and later have
    16 x 16 locations.
    """

    def __init__(self) -> None:
        super().__init__()
        inputs = (3, *_CHANNELS[:-1])
        self.blocks = nn.Sequential(*(_block(*sizes) for sizes in zip(inputs, _CHANNELS, _POOLED, strict=True)))
        self.head = nn.Linear(_CHANNELS[-1], len(DEMO_CLASSES))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute logits `(n, 5)`."""
        logits: torch.Tensor = self.head(self.blocks(inputs).mean(dim=(2, 3)))
        return logits


def _block(inputs: int, outputs: int, pooled: bool) -> nn.Sequential:
    parts: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]
    return nn.Sequential(*parts, *([nn.MaxPool2d(2)] if pooled else []))


def load_demo() -> DemoNetwork:
    """Return the trained network, in eval mode and float32."""
    return with_weights(DemoNetwork(), files("sacv.model") / "data" / "demo.safetensors")
