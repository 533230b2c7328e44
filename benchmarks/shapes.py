"""Networks of well-known shapes with random weights, built here so that the benchmarks need no model zoo."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

import sacv

VGG19 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0)
"""Channels of the convolutions; 0 is a pooling."""


class VGG(nn.Module):
    """The shape of VGG19, whose head is a small one."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width in VGG19:
            if width == 0:
                layers.append(nn.MaxPool2d(2))
                continue
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=True)]
            channels = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(512, 10)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Give logits `(n, 10)`."""
        logits: torch.Tensor = self.head(self.features(inputs).amax(dim=(2, 3)))
        return logits


class Bottleneck(nn.Module):
    """A residual block of ResNet50."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 4 * width, 1, bias=False),
            nn.BatchNorm2d(4 * width),
        )
        self.shortcut = (
            nn.Sequential(nn.Conv2d(channels, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))
            if stride != 1 or channels != 4 * width
            else nn.Identity()
        )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Give the block's output."""
        found: torch.Tensor = self.relu(self.body(inputs) + self.shortcut(inputs))
        return found


class ResNet(nn.Module):
    """The shape of ResNet50."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        )
        channels = 64
        for number, (width, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=1):
            parts = []
            for block in range(blocks):
                parts.append(Bottleneck(channels, width, 2 if block == 0 and number > 1 else 1))
                channels = 4 * width
            setattr(self, f"layer{number}", nn.Sequential(*parts))
        self.head = nn.Linear(channels, 10)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Give logits `(n, 10)`."""
        found = self.stem(inputs)
        for number in range(1, 5):
            found = getattr(self, f"layer{number}")(found)
        logits: torch.Tensor = self.head(found.mean(dim=(2, 3)))
        return logits


@dataclass(frozen=True)
class Case:
    """A network and the layer asked about; `limit` is the ratio to the forward pass that is aimed at."""

    name: str
    layer: str
    limit: float
    load: Callable[[], nn.Module]


def real_data() -> Path:
    """Give the folder of real material."""
    return Path(os.environ.get("SACV_REAL_DATA", Path(__file__).parents[2] / "shared" / "real"))


def light() -> nn.Module:
    """Load the light network of the real material."""
    return sacv.load_model(f"{real_data() / 'squeezenet.py'}:load").net


CASES = (
    Case("light", "features.10", 1.5, light),
    Case("resnet50-shaped", "layer3", 1.15, ResNet),
    Case("vgg19-shaped", "features.25", 1.10, VGG),
)


@dataclass(frozen=True)
class RealNetwork:
    """A network of the real material, and layers of it from shallow to deep."""

    name: str
    layers: tuple[str, ...]

    def load(self) -> sacv.VisionModel:
        """Load it."""
        return sacv.load_model(f"{real_data() / self.name}.py:load")


REAL = (
    RealNetwork("squeezenet", ("features.3", "features.5", "features.9", "features.12")),
    RealNetwork("mobilenet", ("features.3", "features.6", "features.13", "features.17")),
    RealNetwork("dinov2", ("blocks.2", "blocks.5", "blocks.8", "blocks.11")),
)
