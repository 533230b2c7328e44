"""The small networks of the bench: a plain CNN, a residual one and a vision transformer, each trained on a world.

Trained by `scripts/train_bench.py`; the figures of the training lie beside the weights.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import torch
from torch import nn

from sacv.errors import OptionError
from sacv.model.weights import with_weights
from sacv.synthetic.scenes import SIZE
from sacv_bench.worlds import DEVELOPMENT, HELD_OUT, LESIONS, World

DATA = files("sacv_bench") / "data"
"""Where the weights and the figures of the training lie."""


class PowerMean(nn.Module):
    """Pooling by the power mean over locations, (mean of a(p)^3)^(1/3), which a small object moves more than the mean.

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
            nn.Sequential(*_convolution(3, 24, 5, stride=2), nn.MaxPool2d(2)),
            nn.Sequential(*_convolution(24, 40)),
            nn.Sequential(*_convolution(40, 56)),
            nn.Sequential(*_convolution(56, 72, stride=2)),
            nn.Sequential(*_convolution(72, 96)),
            nn.Sequential(*_convolution(96, 96)),
        )
        self.pool = PowerMean()
        self.head = _head(96, questions)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits `(n, questions)`."""
        logits: torch.Tensor = self.head(self.pool(self.blocks(inputs)))
        return logits


class ResidualBlock(nn.Module):
    """Two convolutions whose sum with the input goes on, through a ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(*_convolution(inputs, outputs, stride=stride))
        self.second = nn.Sequential(*_convolution(outputs, outputs)[:2])
        same = stride == 1 and inputs == outputs
        self.shortcut = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the activations."""
        activations: torch.Tensor = self.second(self.first(inputs)) + self.shortcut(inputs)
        return activations.relu()


class ResidualNetwork(nn.Module):
    """A stem and four residual blocks, pooling by the power mean and a head of two layers.

    Input float `(n, 3, 128, 128)`, output logits `(n, questions)`. `stem`, `blocks.0` and `blocks.1` have 32 x 32
    locations, `blocks.2` and `blocks.3` 16 x 16.
    """

    def __init__(self, questions: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_convolution(3, 24, 5, stride=2), nn.MaxPool2d(2))
        self.blocks = nn.Sequential(
            ResidualBlock(24, 32), ResidualBlock(32, 48), ResidualBlock(48, 64, stride=2), ResidualBlock(64, 96)
        )
        self.pool = PowerMean()
        self.head = _head(96, questions)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits `(n, questions)`."""
        logits: torch.Tensor = self.head(self.pool(self.blocks(self.stem(inputs))))
        return logits


class TransformerBlock(nn.Module):
    """Attention and a perceptron, each after a layer normalisation and added to its input."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(width)
        self.perceptron = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the tokens `(n, tokens, width)`."""
        seen = self.norm1(tokens)
        tokens = tokens + self.attention(seen, seen, seen, need_weights=False)[0]
        written: torch.Tensor = self.perceptron(self.norm2(tokens))
        return tokens + written


class TransformerNetwork(nn.Module):
    """A small vision transformer: a convolutional stem, 16 x 16 patch tokens, and a class token that the head reads.

    Input float `(n, 3, 128, 128)`, output logits `(n, questions)`. The stem of four convolutions stands for the usual
    patch embedding, without which so small a transformer does not learn textures (Xiao et al., "Early convolutions help
    transformers see better", arXiv 2106.14881).
    """

    def __init__(self, questions: int, width: int = 64, depth: int = 3, heads: int = 2) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            *_convolution(3, 24, 5, stride=2),
            *_convolution(24, 48, stride=2),
            *_convolution(48, width, stride=2),
            *_convolution(width, width),
        )
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, (SIZE // 8) ** 2 + 1, width) * 0.02)
        self.blocks = nn.Sequential(*(TransformerBlock(width, heads) for _ in range(depth)))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, questions)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return logits `(n, questions)`."""
        patches = self.stem(inputs).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.class_token.expand(len(patches), -1, -1), patches], dim=1) + self.positions
        logits: torch.Tensor = self.head(self.norm(self.blocks(tokens)[:, 0]))
        return logits


def _convolution(inputs: int, outputs: int, side: int = 3, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, outputs, side, stride, side // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    ]


def _head(width: int, questions: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, questions))


@dataclass(frozen=True)
class Trained:
    """A network of the bench.

    Parameters
    ----------
    name
        Of its files.
    kind
        Its class.
    world
        What it was trained on.
    """

    name: str
    kind: type[PlainNetwork | ResidualNetwork | TransformerNetwork]
    world: World

    def new(self) -> nn.Module:
        """Return the network with fresh weights."""
        return self.kind(len(self.world.questions))

    def load(self) -> nn.Module:
        """Return the trained network, in eval mode and float32."""
        return with_weights(self.new(), DATA / f"{self.name}.safetensors")

    def figures(self) -> dict[str, Any]:
        """Return the figures of its training."""
        text = (DATA / f"{self.name}.json").read_text(encoding="utf-8")
        figures: dict[str, Any] = json.loads(text)
        return figures


NETWORKS = {
    found.name: found
    for found in (
        Trained("plain-development", PlainNetwork, DEVELOPMENT),
        Trained("residual-development", ResidualNetwork, DEVELOPMENT),
        Trained("residual-held-out", ResidualNetwork, HELD_OUT),
        Trained("transformer-held-out", TransformerNetwork, HELD_OUT),
        Trained("plain-lesions", PlainNetwork, LESIONS),
    )
}
"""By name."""


def trained(name: str) -> Trained:
    """Return a network of the bench by its name.

    Raises
    ------
    OptionError
        If there is none.
    """
    if name not in NETWORKS:
        raise OptionError(f"the bench has no network {name!r}; it has {', '.join(NETWORKS)}")
    return NETWORKS[name]
