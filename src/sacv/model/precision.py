"""The precision that a network computes in: that of its parameters, or bfloat16 by `torch.autocast`.

Under autocast, convolutions and matrix products convert their inputs to bfloat16, which has the range of float32 and 8
bits of precision, and sum in float32. Activations, gradients and logits are returned as float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from sacv.errors import OptionError
from sacv.model.outputs import main_tensor, with_main_tensor

FLOAT32 = "float32"
BFLOAT16 = "bfloat16"
PRECISIONS = (FLOAT32, BFLOAT16)

Network = Callable[[torch.Tensor], Any]
"""Function from inputs to the network's output."""


def in_full(tensor: torch.Tensor) -> torch.Tensor:
    """Convert float16 and bfloat16 to float32; return other tensors unchanged."""
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor


def in_precision(net: Network, precision: str, device: torch.device) -> Network:
    """Return the network in a precision, with its main output, such as logits, in float32."""
    if precision == FLOAT32:
        return net

    def run(inputs: torch.Tensor) -> Any:
        with torch.autocast(device.type, torch.bfloat16):
            output = net(inputs)
        main = main_tensor(output)
        return output if main is None else with_main_tensor(output, in_full(main))

    return run


def require_precision(precision: str, dtype: torch.dtype) -> None:
    """Check that a network whose parameters have this dtype can compute in a precision."""
    if precision not in PRECISIONS:
        raise OptionError(f"precision must be one of {', '.join(PRECISIONS)}, not {precision!r}")
    if precision == BFLOAT16 and dtype != torch.float32:
        raise OptionError(
            f"precision {BFLOAT16!r} needs a network with float32 parameters, and this one has {dtype}; leave the "
            "precision out to compute in the dtype of the parameters"
        )
