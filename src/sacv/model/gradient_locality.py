"""Whether the gradient at a layer differs between locations, tested on two inputs of noise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from sacv.errors import ActivationError
from sacv.model.vision_model import VisionModel

VARIES, CONSTANT, LINEAR, NONE = "varies", "constant", "linear", "none"
"""Kinds of gradient of a logit at a layer.

It varies over locations and images; is equal at all locations (only global average pooling and a linear head follow);
is equal for all images (only linear layers follow); or is zero (the logit depends on no location).
"""


def gradient_kinds(model: VisionModel, inputs: torch.Tensor, layers: Sequence[str]) -> dict[str, str]:
    """Return the kind of gradient of the greatest logit at each layer.

    Only the size of the input `(1, channels, *size)` matters. The layers must be usable.
    """
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand((2, *inputs.shape[1:]), generator=generator).to(inputs)
    index = int(model.logits(noise)[0].argmax())
    select = partial(torch.select, dim=1, index=index)
    try:
        gradients = model.trace(noise, layers, [select]).gradients[0]
    except ActivationError:  # the logit does not depend on some layer: find out which
        if len(layers) == 1:
            return {layers[0]: NONE}
        half = len(layers) // 2
        return gradient_kinds(model, inputs, layers[:half]) | gradient_kinds(model, inputs, layers[half:])
    return {layer: _kind(found) for layer, found in gradients.items()}


def _kind(gradients: torch.Tensor) -> str:
    flat = gradients.flatten(1, -2).double()
    least = 1e-5 * float(flat.abs().max())
    if least == 0:
        return NONE
    if float((flat - flat[:, :1]).abs().max()) <= least:
        return CONSTANT
    return LINEAR if float((flat[0] - flat[1]).abs().max()) <= least else VARIES
