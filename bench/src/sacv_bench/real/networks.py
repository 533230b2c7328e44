"""The networks of the real bench: the file, the layers and the classes of each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from sacv.errors import OptionError
from sacv.model import VisionModel, load_model
from sacv.targets import PREDICTED

IMAGENET = "imagenet_classes.json"


@dataclass(frozen=True)
class Network:
    """A network of the real bench.

    Parameters
    ----------
    name
        Name, also for `--network`.
    file
        In the folder: a Python file whose function `load` gives the network.
    layers, quick
        Layers of a full and of a quick run, from shallow to deep.
    classes
        Names of its classes, or the JSON file in the folder that lists them.
    targets
        By concept, the class that is explained; for other concepts the predicted class of each image.
    """

    name: str
    file: str
    layers: tuple[str, ...]
    quick: tuple[str, ...]
    classes: str | tuple[str, ...]
    targets: Mapping[str, str] = field(default_factory=dict)

    def load(self, folder: Path) -> VisionModel:
        """Load the network from the folder of real material."""
        names: Sequence[str] = (
            json.loads((folder / self.classes).read_text(encoding="utf-8"))
            if isinstance(self.classes, str)
            else self.classes
        )
        return load_model(f"{folder / self.file}:load", class_names=names)

    def target(self, concept: str) -> str:
        """Return the class that is explained for a concept."""
        return self.targets.get(concept, PREDICTED)


CLASSES = {"horse": "sorrel", "zebra": "zebra", "striped": "zebra", "car": "minivan", "dotted": "dalmatian"}

NETWORKS = (
    Network(
        "squeezenet",
        "squeezenet.py",
        ("features.5", "features.7", "features.9", "features.10", "features.12"),
        ("features.9", "features.12"),
        IMAGENET,
        CLASSES,
    ),
    Network(
        "mobilenet",
        "mobilenet.py",
        ("features.6", "features.10", "features.13", "features.17"),
        ("features.13", "features.17"),
        IMAGENET,
        CLASSES,
    ),
    Network(
        "dinov2",
        "dinov2.py",
        ("blocks.2", "blocks.5", "blocks.8", "blocks.9", "blocks.10", "blocks.11"),
        ("blocks.5", "blocks.8"),
        ("horse", "street", "skin lesion", "other"),
        {"horse": "horse", "lesion": "skin lesion", **dict.fromkeys(("car", "tree", "road", "sky"), "street")},
    ),
)
"""SqueezeNet 1.0, MobileNetV2 and DINOv2 ViT-S/14."""


def chosen(networks: Sequence[Network], names: Sequence[str], layers: Sequence[str], quick: bool) -> list[Network]:
    """Take the networks and the layers that are named; all of them, or those of a quick run, where none is.

    Raises
    ------
    OptionError
        If there is no such network, or none of those taken has such a layer.
    """
    known = [network.name for network in networks]
    for name in names:
        if name not in known:
            raise OptionError(f"there is no network {name!r}; give one of {', '.join(known)}")
    taken = [network for network in networks if not names or network.name in names]
    for layer in layers:
        if not any(layer in network.layers for network in taken):
            legal = "; ".join(f"{network.name}: {', '.join(network.layers)}" for network in taken)
            raise OptionError(f"no network asks layer {layer!r}; there are {legal}")
    found = []
    for network in taken:
        chosen = tuple(layer for layer in network.layers if layer in layers) if layers else network.layers
        found.append(replace(network, layers=network.quick if quick and not layers else chosen))
    return [network for network in found if network.layers]
