"""Hashes of a network, and of everything else that activations depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from PIL import Image
from torch import nn

from sacv.model.target_key import target_identity

if TYPE_CHECKING:
    from sacv.model.vision_model import VisionModel


SAMPLED = 64
"""Values of each tensor that show whether it changed."""

_KNOWN: WeakKeyDictionary[nn.Module, tuple[object, str]] = WeakKeyDictionary()
"""The last hash of each network, and the state that it is of."""


def network_hash(net: nn.Module) -> str:
    """Return the SHA-256 of a network's class and the names, shapes and values of its state.

    The hash of a network whose state has not changed is not computed again.
    """
    state = net.state_dict()
    mark = _mark(state)
    known = _KNOWN.get(net)
    if mark is not None and known is not None and known[0] == mark:
        return known[1]
    digest = hashlib.sha256(type(net).__qualname__.encode())
    for name, value in sorted(state.items()):
        if not isinstance(value, torch.Tensor):
            digest.update(f"{name}:{value!r}".encode())
            continue
        digest.update(f"{name}:{value.dtype}:{tuple(value.shape)}".encode())
        raw = value.detach().cpu().contiguous()
        digest.update(raw.reshape(-1).view(torch.uint8).numpy().data)
    if mark is not None:
        _KNOWN[net] = mark, digest.hexdigest()
    return digest.hexdigest()


def _mark(state: Mapping[str, Any]) -> object:
    """Return what changes with a state: storage and version of each tensor, and some of its values.

    Code that writes through `tensor.data` does not change the version, and so a few values are compared too. None for
    a state with tensors that have no version or are complex, or with anything else.
    """
    marks: list[object] = []
    sampled: list[torch.Tensor] = []
    for name, value in state.items():
        if not isinstance(value, torch.Tensor) or value.is_inference() or value.is_complex():
            return None
        marks.append((name, value.data_ptr(), value._version, value.dtype, value.shape, value.device))
        flat = value.detach().reshape(-1) if value.is_contiguous() else value.detach()[:1].reshape(-1)
        sampled.append(flat[:: max(len(flat) // SAMPLED, 1)].cpu().double())  # in this order: MPS has no float64
    return marks, torch.cat(sampled).numpy().tobytes() if sampled else b""


def model_hash(model: VisionModel) -> str:
    """Return the SHA-256 of everything that activations depend on except the image; see `VisionModel.identity`."""
    pixels = np.random.default_rng(0).integers(0, 256, (240, 320, 3), dtype=np.uint8)
    try:
        transformed = model.transform(Image.fromarray(pixels)).detach().cpu().double().numpy().tobytes()
    except Exception as error:  # a transform that does not accept images, for inputs that are tensors
        transformed = repr(error).encode()
    layouts = sorted(model.layouts.items())
    numbers = (model.dtype, model.precision)
    basis = (model.fingerprint, model.device.type, numbers, layouts, model.window, torch.__version__)
    called = "" if model.call is None else target_identity(model.call)
    return hashlib.sha256(repr(basis).encode() + called.encode() + transformed).hexdigest()
