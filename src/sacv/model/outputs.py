"""What layers and networks give besides a plain tensor: tuples, dictionaries and the zoos' output objects.

The first tensor of a tuple is the activation (what follows are attention weights or caches), as is `last_hidden_state`
of an output object. Logits are `logits` of an output object, `out` of torchvision's segmentation networks; any other
field of an output is named by its path, such as `aux.0`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
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

    def of(self, rows: range) -> OutputTarget:
        """Give the target of some images of the batch that it stands for."""
        return self

    def scalars(self, output: Any) -> Any:
        """Give what is explained of each image."""
        return self.function(output)

    def __call__(self, output: Any, images: int) -> torch.Tensor:
        """Give the scalars.

        Raises
        ------
        TargetError
            If the function does not give one number for each image.
        """
        found = self.scalars(output)
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
        If there are none; the message lists the fields that are there.
    """
    tensor = tensor_of(output)
    if tensor is not None and tensor.ndim == 2:
        return tensor
    if tensor is not None and tensor.ndim in (4, 5):
        return tensor.flatten(2).mean(dim=2)
    raise TargetError(
        f"the network gives {describe_output(output)}; sacv needs logits of shape (images, classes), or of each place "
        "(images, classes, height, width); for any other output give a function to a scalar of each image, or an "
        "object of sacv.targets, as the target"
    )


def tensor_of(output: Any) -> torch.Tensor | None:
    """Give the main tensor of a network's output, also of a data class; none if it is not known which that is."""
    return main_tensor(_fields(output) if is_dataclass(output) and not isinstance(output, Mapping) else output)


def describe_output(output: Any) -> str:
    """Say what an output is, and how a field of it is named."""
    if isinstance(output, torch.Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    known = [path for path, _ in _tensors(output)]
    named = f" (name one: VisionModel(output={known[0]!r}), --output {known[0]})" if known else ""
    return f"{type(output).__name__} with {_listed(output)}{named}"


def field_of(output: Any, path: str | None) -> Any:
    """Give a field of a network's output by its path: keys, attributes and indices, with dots between; all by default.

    Raises
    ------
    TargetError
        If there is none; the message lists those that are there.
    """
    found = output
    for part in () if path is None else path.split("."):
        known = _fields(found)
        if part not in known:
            raise TargetError(f"the network's output has no field {path!r}: it is {_kind(output)}")
        found = known[part]
    return found


def _kind(output: Any) -> str:
    if isinstance(output, torch.Tensor):
        return f"a single tensor of shape {tuple(output.shape)}; leave the field's name out"
    return f"{type(output).__name__} with {_listed(output)}"


def _listed(output: Any) -> str:
    return ", ".join(f"{path} {tuple(tensor.shape)}" for path, tensor in _tensors(output)) or "no tensors"


def _fields(output: Any) -> dict[str, Any]:
    """Give what an output holds, by the text of its key, attribute or index."""
    if isinstance(output, Mapping):
        return {str(key): value for key, value in output.items()}
    if isinstance(output, list | tuple):
        named = getattr(output, "_fields", ())
        return {str(place): value for place, value in enumerate(output)} | dict(zip(named, output, strict=False))
    if is_dataclass(output) and not isinstance(output, type):
        return {field.name: getattr(output, field.name) for field in fields(output)}
    return {}


def _tensors(output: Any, path: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Go through all tensors of a network's output, each with its path and once."""
    if isinstance(output, torch.Tensor):
        yield path, output
        return
    inside = _fields(output)
    for key in getattr(output, "_fields", inside):
        yield from _tensors(inside[key], f"{path}.{key}" if path else key)


def tensors(output: Any) -> Iterator[torch.Tensor]:
    """Go through all tensors of a network's output."""
    return (tensor for _, tensor in _tensors(output))
