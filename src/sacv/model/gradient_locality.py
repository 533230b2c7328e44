"""Whether a layer's gradient can tell locations apart, read off two inputs of noise."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch

from sacv.errors import ActivationError
from sacv.model.vision_model import VisionModel

VARIES, CONSTANT, LINEAR, NONE = "varies", "constant", "linear", "none"
"""What the gradient of a logit does at a layer.

It varies over locations and images; is the same at every location (global average pooling and a linear head follow); is the
same for every image (nothing but linear layers follow); or is zero (only a class token is read, or nothing leads on).
"""


def contributing(model: VisionModel, inputs: torch.Tensor, layers: Sequence[str]) -> dict[str, str]:
    """Return of each layer what the gradient of the likeliest class's logit does there.

    Parameters
    ----------
    model
        The model.
    inputs
        One input `(1, channels, *size)`, for its size alone.
    layers
        Names of layers that can be asked about.
    """
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand((2, *inputs.shape[1:]), generator=generator).to(inputs)
    index = int(model.logits(noise)[0].argmax())
    select = partial(torch.select, dim=1, index=index)
    try:
        gradients = model.trace(noise, layers, [select]).gradients[0]
    except ActivationError:  # some layer leads nowhere: find out which
        if len(layers) == 1:
            return {layers[0]: NONE}
        half = len(layers) // 2
        return contributing(model, inputs, layers[:half]) | contributing(model, inputs, layers[half:])
    return {layer: _kind(found) for layer, found in gradients.items()}


def _kind(gradients: torch.Tensor) -> str:
    flat = gradients.flatten(1, -2).double()
    least = 1e-5 * float(flat.abs().max())
    if least == 0:
        return NONE
    if float((flat - flat[:, :1]).abs().max()) <= least:
        return CONSTANT
    return LINEAR if float((flat[0] - flat[1]).abs().max()) <= least else VARIES
