"""Models of torchvision, timm and Hugging Face, with their own preprocessing and class names.

    torchvision:NAME[@WEIGHTS]      timm:NAME[@WEIGHTS]      hf:ORG/NAME[@WEIGHTS]

Without `WEIGHTS` the zoo's default weights are downloaded, or read from its cache. `WEIGHTS` is `random`; a file of
weights, from safetensors or `torch.save`; or, for torchvision, the name of weights such as `IMAGENET1K_V1`. `ORG/NAME`
may be a local folder. No code from a model's repository is run.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from sacv.errors import MissingExtraError, ModelSpecError
from sacv.model.transform import Box, ImageTransform
from sacv.model.vision_model import VisionModel
from sacv.optional import require

RANDOM = "random"

ZOOS = ("torchvision", "timm", "hf")


@dataclass(frozen=True, eq=False)
class ZooTransform:
    """A zoo's own preprocessing, with the part of an image that it uses."""

    call: Callable[[Image.Image], torch.Tensor]
    """Function from an RGB image to a float tensor `(3, height, width)`."""
    frame: ImageTransform
    """The same resizing and crop as an `ImageTransform`."""

    def __call__(self, image: Image.Image) -> torch.Tensor:
        """Return the input of an image."""
        return self.call(image)

    def region(self, size: tuple[int, int]) -> Box:
        """Return the part of an image of `size` (width, height) that the network sees."""
        return self.frame.region(size)


def load_from_zoo(zoo: str, name: str, weights: str | None) -> VisionModel:
    """Load a model of a zoo.

    `weights` are as described in the module; by default the zoo's default weights. Raises MissingExtraError if the
    zoo's package is not installed, and ModelSpecError if the zoo has no such model, its weights cannot be loaded, or
    the weights of a file do not fit.
    """
    loaders = {"torchvision": _torchvision, "timm": _timm, "hf": _hf}
    try:
        return loaders[zoo](name, weights)
    except (MissingExtraError, ModelSpecError):
        raise
    except Exception as error:  # the zoos raise errors of many packages if a download fails
        raise ModelSpecError(
            f"{zoo}:{name} could not be loaded ({type(error).__name__}: {error}); if there is no network, give the "
            f"weights as a file (--weights FILE), or --weights {RANDOM} for an untrained network"
        ) from error


def load_weights(net: nn.Module, file: Path) -> None:
    """Load weights from a file into a network.

    The file is safetensors, or was written by `torch.save` from a state dict, alone or under `state_dict` or `model`;
    nothing else is unpickled.
    """
    try:
        if file.suffix == ".safetensors":
            state: Any = load_file(file)
        else:
            state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files raise errors of many types
        raise ModelSpecError(f"cannot read weights from {file}: {type(error).__name__}: {error}") from error
    for key in ("state_dict", "model"):
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state = state[key]
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise ModelSpecError(f"{file} holds no state dict, a mapping from names to tensors; save net.state_dict()")
    state = {name.removeprefix("module."): value for name, value in state.items()}
    try:
        net.load_state_dict(state)
    except RuntimeError as error:
        raise ModelSpecError(f"the weights of {file} do not fit this network: {error}") from error


def _torchvision(name: str, weights: str | None) -> VisionModel:
    models = require("torchvision.models", extra="torchvision")
    _require_known(name, models.list_models(), "torchvision")
    chosen = None
    named = models.get_model_weights(name)
    if weights is None:
        chosen = named.DEFAULT
    elif weights in named.__members__:
        chosen = named[weights]
    net = models.get_model(name, weights=chosen)
    _fill(net, name, weights if chosen is None else None, [member.name for member in named])
    source = chosen or getattr(named, "DEFAULT", None)
    preset = None if source is None else source.transforms()
    names = None if source is None else source.meta.get("categories")
    # A network for videos has no transform of images: its inputs are tensors.
    if preset is None or not hasattr(preset, "mean") or len(preset.mean) != 3 or "Video" in type(preset).__name__:
        return VisionModel(net, class_names=names)
    resize = getattr(preset, "resize_size", [224])
    crop = getattr(preset, "crop_size", None)
    frame = _frame(resize, None if crop is None else crop[0])
    return VisionModel(net, ZooTransform(preset, frame), names)


def _timm(name: str, weights: str | None) -> VisionModel:
    timm = require("timm", extra="timm")
    _require_known(name.partition(".")[0], timm.list_models(), "timm")
    net = timm.create_model(name, pretrained=weights is None)
    _fill(net, name, weights, ())
    data = timm.data.resolve_model_data_config(net)
    call = timm.data.create_transform(**data, is_training=False)
    height, width = data["input_size"][1:]
    if height == width and data["crop_mode"] == "center":
        frame = ImageTransform(resize=int(height / data["crop_pct"]), crop=height)
    else:
        frame = ImageTransform(resize=(height, width))
    return VisionModel(net, ZooTransform(call, frame), _imagenet_names(timm, net))


def _imagenet_names(timm: Any, net: Any) -> Sequence[str] | None:
    subset = timm.data.infer_imagenet_subset(net)
    if subset is None:
        return None
    info = timm.data.ImageNetInfo(subset)
    names = [info.index_to_description(index) for index in range(info.num_classes())]
    return [f"{name} ({index})" if names.count(name) > 1 else name for index, name in enumerate(names)]


def _hf(name: str, weights: str | None) -> VisionModel:
    transformers = require("transformers", extra="transformers")
    config = transformers.AutoConfig.from_pretrained(name)
    segments = any("Segmentation" in kind for kind in config.architectures or ())
    kind = transformers.AutoModelForSemanticSegmentation if segments else transformers.AutoModelForImageClassification
    net = kind.from_pretrained(name) if weights is None else kind.from_config(config)
    _fill(net, name, weights, ())
    labels = config.id2label
    names = [labels[index] for index in range(len(labels))] if sorted(labels) == list(range(len(labels))) else None
    processor = transformers.AutoImageProcessor.from_pretrained(name)

    def call(image: Image.Image) -> torch.Tensor:
        found: torch.Tensor = processor(images=image, return_tensors="pt")["pixel_values"][0]
        return found

    return VisionModel(net, ZooTransform(call, _processor_frame(processor)), names)


def _processor_frame(processor: Any) -> ImageTransform:
    """Return a processor's resizing and crop: `size` by both sides or by the shorter one, then `crop_size`."""
    size, crop = dict(processor.size), getattr(processor, "crop_size", None)
    side = dict(crop)["height"] if crop is not None and getattr(processor, "do_center_crop", False) else None
    if "shortest_edge" in size:
        edge = size["shortest_edge"]
        # ConvNeXt's processor resizes to a larger size first for small sizes, then crops to the given size.
        share = getattr(processor, "crop_pct", None)
        if side is None and share is not None and edge < 384:
            return ImageTransform(resize=int(edge / share), crop=edge)
        return ImageTransform(resize=edge, crop=side) if side is not None else ImageTransform(resize=(edge, edge))
    return ImageTransform(resize=(size["height"], size["width"]), crop=side)


def _frame(resize: Sequence[int], crop: int | None) -> ImageTransform:
    if len(resize) == 2:
        return ImageTransform(resize=(resize[0], resize[1]), crop=crop)
    return ImageTransform(resize=resize[0], crop=crop) if crop is not None else ImageTransform(resize=(resize[0],) * 2)


def _fill(net: nn.Module, name: str, weights: str | None, named: Sequence[str]) -> None:
    """Load the weights of a file into the network, unless the weights are random or already loaded."""
    if weights is None or weights == RANDOM:
        return
    if not Path(weights).is_file():
        known = f" nor weights of {name} ({', '.join(named)})" if named else ""
        raise ModelSpecError(f"there is no file {weights}{known}; give a file, or {RANDOM!r} for an untrained network")
    load_weights(net, Path(weights))


def _require_known(name: str, known: Sequence[str], zoo: str) -> None:
    if name not in known:
        near = difflib.get_close_matches(name, known, n=4, cutoff=0.4)
        raise ModelSpecError(f"{zoo} has no model {name!r}" + (f"; the nearest are {', '.join(near)}" if near else ""))
