"""The share of a forward pass after each layer, counted and not timed, so that it is the same on every machine.

    work = multiplications and additions + 50 * number of values that leaf modules output

The operations are counted by PyTorch (convolutions, matrix products, attention); the values approximate the cost of
modules limited by memory bandwidth, such as depthwise convolutions, normalisation and activation functions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from sacv.model.outputs import main_tensor
from sacv.model.precision import Network

PER_VALUE = 50
"""Operations of a CPU core in the time in which a module writes a value (fitted to MobileNetV2 and DINOv2)."""


def shares_after(net: nn.Module, inputs: torch.Tensor, run: Network | None = None) -> dict[str, float]:
    """Run the network once and return the share of its work after each layer, by name.

    The network is inside `frozen_eval`; `run` is how it runs on inputs `(n, channels, *size)`, by default
    `net(inputs)`. Shares are from 0 for the last layer to nearly 1; 1 for layers that do not run, and if there is no
    work to count.
    """
    modules = {name: module for name, module in net.named_modules() if name}
    counter = FlopCounterMode(display=False)
    done: dict[str, float] = {}
    values = 0

    def record(name: str, module: nn.Module, output: Any) -> None:
        nonlocal values
        tensor = main_tensor(output)
        if tensor is not None and not any(True for _ in module.children()):
            values += tensor.numel()
        done[name] = counter.get_total_flops() + PER_VALUE * values

    handles = [
        module.register_forward_hook(lambda m, _given, output, name=name: record(name, m, output))
        for name, module in modules.items()
    ]
    try:
        with torch.no_grad(), counter:
            (run or net)(inputs)
    finally:
        for handle in handles:
            handle.remove()
    whole = counter.get_total_flops() + PER_VALUE * values
    return {name: 1 - done[name] / whole if name in done and whole else 1.0 for name in modules}
