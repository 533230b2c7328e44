"""Hashes of a network, and of everything else that activations depend on."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import nn

from sacv.model.target_key import target_identity

if TYPE_CHECKING:
    from sacv.model.vision_model import VisionModel


def network_hash(net: nn.Module) -> str:
    """Return the SHA-256 of a network's class and the names, shapes and values of its state."""
    digest = hashlib.sha256(type(net).__qualname__.encode())
    for name, value in sorted(net.state_dict().items()):
        if not isinstance(value, torch.Tensor):
            digest.update(f"{name}:{value!r}".encode())
            continue
        digest.update(f"{name}:{value.dtype}:{tuple(value.shape)}".encode())
        raw = value.detach().cpu().contiguous()
        digest.update(raw.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


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
