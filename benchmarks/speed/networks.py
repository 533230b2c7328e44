"""The networks that are measured: real ones where their weights are at hand, well-known shapes with random weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

import sacv
from speed.sizes import Sizes


@dataclass(frozen=True)
class Case:
    """A network and the layer that is asked about; `lacks` says why it cannot be loaded, where it cannot."""

    name: str
    layer: str
    real: bool
    load: Callable[[], nn.Module]
    lacks: str = ""

    @property
    def title(self) -> str:
        """Give both for people."""
        return f"{self.name} {self.layer}"


def real_data() -> Path:
    """Give the folder of real material."""
    return Path(os.environ.get("SACV_REAL_DATA", Path(__file__).parents[3] / "shared" / "real"))


def _real(name: str) -> nn.Module:
    return sacv.load_model(f"{real_data() / name}.py:load").net


def _random(name: str) -> nn.Module:
    torch.manual_seed(0)
    net: nn.Module = getattr(import_module("torchvision.models"), name)(weights=None)
    return net.eval()


LAYERS = {
    "vgg19": "features.25",
    "resnet50": "layer3",
    "squeezenet": "features.10",
    "mobilenet": "features.13",
    "dinov2": "blocks.8",
}
ZOO = ("vgg19", "resnet50")
"""Those of torchvision, with random weights."""


def case(name: str, layer: str | None = None) -> Case:
    """Find a network by name; with a layer other than its usual one, if that is given."""
    layer = LAYERS[name] if layer is None else layer
    if name in ZOO:
        lacks = "" if find_spec("torchvision") else "torchvision is not installed (make test-zoo installs it)"
        return Case(name, layer, False, partial(_random, name), lacks)
    lacks = "" if (real_data() / f"{name}.py").is_file() else f"there is no {name}.py in the folder SACV_REAL_DATA"
    return Case(name, layer, True, partial(_real, name), lacks)


def cases(sizes: Sizes) -> Iterator[Case]:
    """Go through the networks that are measured."""
    for name in LAYERS:
        if name in sizes.networks:
            yield case(name)


class Light(nn.Module):
    """A network so light that many thousand images take minutes; its `layer` has 512 channels on 8 x 8 locations."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = nn.Sequential(nn.Conv2d(3, 32, 3, 2, 1), nn.ReLU(), nn.Conv2d(32, 64, 3, 2, 1), nn.ReLU())
        self.layer = nn.Conv2d(64, 512, 3, 2, 1)
        self.last = nn.Sequential(nn.ReLU(), nn.Conv2d(512, 32, 1), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.head = nn.Linear(32, 10)
        for parameter in self.parameters():
            parameter.data = 0.1 * torch.randn(parameter.shape, generator=generator)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Give logits `(n, 10)`."""
        logits: torch.Tensor = self.head(self.last(self.layer(self.first(inputs))))
        return logits


def light() -> sacv.VisionModel:
    """Give the light network, for pictures of 64 x 64."""
    return sacv.VisionModel(Light().eval(), sacv.ImageTransform((64, 64)))


class Given(nn.Module):
    """Takes activations as its input, so that everything but the forward pass can be measured at `layer`."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Identity()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Give two logits `(n, 2)`."""
        found: torch.Tensor = self.layer(inputs) * self.scale
        return found.amax(dim=(2, 3))[:, :2]
