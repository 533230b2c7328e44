"""Roles of layers, which help to choose the layers to explain."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.modules import activation, padding, pooling
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd

from sacv.model.outputs import main_tensor

BLOCK, KERNEL, NORM, ACTIVATION, NOTHING, OTHER = "block", "kernel", "norm", "activation", "nothing", "other"
"""A layer whose sublayers have kernels or weight matrices; one with its own; one that scales channels; an activation
function; one that changes nothing in eval mode, such as dropout; any other, such as pooling and padding."""

NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.LocalResponseNorm)
ACTIVATIONS = tuple(
    kind for kind in (getattr(activation, name) for name in activation.__all__) if kind is not nn.MultiheadAttention
)
PADDINGS = tuple(getattr(padding, name) for name in padding.__all__)
POOLINGS = tuple(getattr(pooling, name) for name in pooling.__all__)


def role(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> str:
    """Return a layer's role, from its submodules and its inputs and output in one pass.

    `inputs` and `output` are as a forward hook receives them.
    """
    if any(_has_kernel(child) for child in list(module.modules())[1:]):
        return BLOCK
    if _has_kernel(module):
        return KERNEL
    before, after = main_tensor(inputs), main_tensor(output)
    if before is None or after is None or before.shape != after.shape or isinstance(module, POOLINGS):
        return OTHER
    if isinstance(module, (*PADDINGS, _DropoutNd)):
        return NOTHING
    if any(isinstance(part, ACTIVATIONS) for part in module.modules()) or getattr(module, "inplace", False):
        return ACTIVATION
    if isinstance(module, NORMS) or any(True for _ in module.parameters()):
        return NORM
    unchanged = before is after or (bool(before.any()) and torch.equal(before, after))
    return NOTHING if unchanged else ACTIVATION


def _has_kernel(module: nn.Module) -> bool:
    return any(parameter.ndim > 1 for parameter in module.parameters(recurse=False))
