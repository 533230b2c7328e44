"""What layers and networks give besides a plain tensor: tuples, dictionaries and the zoos' output objects.

The first tensor of a tuple is the activation (what follows are attention weights or caches), as is `last_hidden_state`
of an output object. Logits are `logits` of an output object, `out` of torchvision's segmentation networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from sacv.errors import TargetError

KEYS = ("logits", "out", "last_hidden_state", "feature_maps", "hidden_states")
"""Where an output object holds its tensor, in this order."""


def main_tensor(output: Any) -> torch.Tensor | None:
    """Give the tensor of a layer's output; none if it holds none."""
    if isinstance(output, torch.Tensor):
        return output
    found = None if (key := _key(output)) is None else output[key]
    return found if isinstance(found, torch.Tensor) else None


def with_main_tensor(output: Any, tensor: torch.Tensor) -> Any:
    """Give the output with another tensor in the place of `main_tensor`."""
    if isinstance(output, torch.Tensor):
        return tensor
    key = _key(output)
    if isinstance(output, tuple):
        values = (tensor, *output[1:])
        return type(output)(*values) if hasattr(output, "_fields") else type(output)(values)  # a named tuple
    copied = list(output) if isinstance(output, list) else type(output)(output)
    copied[key] = tensor
    return copied


def _key(output: Any) -> Any:
    if isinstance(output, Mapping):
        return next((key for key in KEYS if isinstance(output.get(key), torch.Tensor)), None)
    if isinstance(output, tuple | list) and output and isinstance(output[0], torch.Tensor):
        return 0
    return None


@dataclass(frozen=True)
class OutputTarget:
    """A target of the user's own: a function from the network's output to one scalar for each image, `(n,)`."""

    function: Any

    def __call__(self, output: Any, images: int) -> torch.Tensor:
        """Give the scalars.

        Raises
        ------
        TargetError
            If the function does not give one number for each image.
        """
        found = self.function(output)
        if not isinstance(found, torch.Tensor) or found.shape != (images,) or not found.is_floating_point():
            what = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise TargetError(
                f"the target's function gives {what}; it must give a float tensor of shape (images,), here ({images},)"
            )
        return found


def class_logits(output: Any) -> torch.Tensor:
    """Give the logits `(n, classes)` of a network's output.

    Where there are logits for every place, as of semantic segmentation, a class's logit is its mean over all places.

    Raises
    ------
    TargetError
        If there are none.
    """
    tensor = main_tensor(output)
    if tensor is not None and tensor.ndim == 2:
        return tensor
    if tensor is not None and tensor.ndim in (4, 5):
        return tensor.flatten(2).mean(dim=2)
    shape = type(output).__name__ if tensor is None else f"a tensor of shape {tuple(tensor.shape)}"
    raise TargetError(
        f"the network gives {shape}; sacv needs logits of shape (images, classes), or of each place (images, classes, "
        "height, width); for any other output give a function to a scalar of each image as the target"
    )
