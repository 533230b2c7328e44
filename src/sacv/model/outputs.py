"""Outputs of layers and networks that are not a plain tensor: tuples, dictionaries and the zoos' output objects.

The activation is the first tensor of a tuple (the others are attention weights or caches), or `last_hidden_state` of an
output object. The logits are `logits` of an output object, or `out` of torchvision's segmentation networks; any other
field of an output is named by its path, such as `aux.0`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import torch

from sacv.errors import TargetError

KEYS = ("logits", "out", "last_hidden_state", "feature_maps", "hidden_states")
"""Keys of the main tensor in an output object, in order of preference."""


def main_tensor(output: Any) -> torch.Tensor | None:
    """Return the main tensor of a layer's output; None if it has none."""
    if isinstance(output, torch.Tensor):
        return output
    found = None if (key := _key(output)) is None else output[key]
    return found if isinstance(found, torch.Tensor) else None


def with_main_tensor(output: Any, tensor: torch.Tensor) -> Any:
    """Return the output with `main_tensor` replaced."""
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
    """A custom target: a function from the network's output to one scalar for each image, `(n,)`."""

    function: Any

    def of(self, rows: range) -> OutputTarget:
        """Return the target of some images of its batch."""
        return self

    def scalars(self, output: Any) -> Any:
        """Compute the scalar of each image."""
        return self.function(output)

    def __call__(self, output: Any, images: int) -> torch.Tensor:
        """Compute the scalars and check their type and shape."""
        found = self.scalars(output)
        if not isinstance(found, torch.Tensor) or found.shape != (images,) or not found.is_floating_point():
            what = tuple(found.shape) if isinstance(found, torch.Tensor) else type(found).__name__
            raise TargetError(
                f"the target's function returns {what}; it must return a float tensor of shape (images,) = ({images},)"
            )
        return found


def class_logits(output: Any) -> torch.Tensor:
    """Return the logits `(n, classes)` of a network's output.

    If there are logits for each location, as in semantic segmentation, they are averaged over all locations.
    """
    tensor = tensor_of(output)
    if tensor is not None and tensor.ndim == 2:
        return tensor
    if tensor is not None and tensor.ndim in (4, 5):
        return tensor.flatten(2).mean(dim=2)
    raise TargetError(
        f"the network gives {describe_output(output)}; sacv needs logits of shape (images, classes), or for each "
        "location (images, classes, height, width); for any other output give a function to a scalar for each image, "
        "or an object of sacv.targets, as the target"
    )


def tensor_of(output: Any) -> torch.Tensor | None:
    """Return the main tensor of a network's output, which may be a data class; None if it is unknown."""
    return main_tensor(_fields(output) if is_dataclass(output) and not isinstance(output, Mapping) else output)


def describe_output(output: Any) -> str:
    """Describe an output for messages, and how to name a field of it."""
    if isinstance(output, torch.Tensor):
        return f"a tensor of shape {tuple(output.shape)}"
    known = [path for path, _ in _tensors(output)]
    named = f" (name one: VisionModel(output={known[0]!r}), --output {known[0]})" if known else ""
    return f"{type(output).__name__} with {_listed(output)}{named}"


def field_of(output: Any, path: str | None) -> Any:
    """Return a field of a network's output by its path: keys, attributes and indices separated by dots; all if None."""
    found = output
    for part in () if path is None else path.split("."):
        known = _fields(found)
        if part not in known:
            raise TargetError(f"the network's output has no field {path!r}: it is {_kind(output)}")
        found = known[part]
    return found


def _kind(output: Any) -> str:
    if isinstance(output, torch.Tensor):
        return f"a single tensor of shape {tuple(output.shape)}; omit the field's name"
    return f"{type(output).__name__} with {_listed(output)}"


def _listed(output: Any) -> str:
    return ", ".join(f"{path} {tuple(tensor.shape)}" for path, tensor in _tensors(output)) or "no tensors"


def _fields(output: Any) -> dict[str, Any]:
    """Return the entries of an output, by key, attribute or index as a string."""
    if isinstance(output, Mapping):
        return {str(key): value for key, value in output.items()}
    if isinstance(output, list | tuple):
        named = getattr(output, "_fields", ())
        return {str(index): value for index, value in enumerate(output)} | dict(zip(named, output, strict=False))
    if is_dataclass(output) and not isinstance(output, type):
        return {field.name: getattr(output, field.name) for field in fields(output)}
    return {}


def _tensors(output: Any, path: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Iterate over all tensors of a network's output, each once, with its path."""
    if isinstance(output, torch.Tensor):
        yield path, output
        return
    inside = _fields(output)
    for key in getattr(output, "_fields", inside):
        yield from _tensors(inside[key], f"{path}.{key}" if path else key)


def tensors(output: Any) -> Iterator[torch.Tensor]:
    """Iterate over all tensors of a network's output."""
    return (tensor for _, tensor in _tensors(output))
