"""Unwrap a network from `torch.compile` and data parallelism."""

from __future__ import annotations

import torch
from torch import nn

from sacv.errors import OptionError


def unwrap(net: object) -> nn.Module:
    """Return the network inside `torch.compile`, `DataParallel` or `DistributedDataParallel`.

    It has the same parameters and output. Hooks run at its layers, which they do not in compiled code, and a batch is
    not divided.
    """
    while True:
        if isinstance(net, nn.DataParallel | nn.parallel.DistributedDataParallel):
            net = net.module
        elif isinstance(net, nn.Module) and isinstance(inside := getattr(net, "_orig_mod", None), nn.Module):
            net = inside  # torch.compile
        else:
            break
    if not isinstance(net, nn.Module):
        raise OptionError(f"net must be a torch.nn.Module, not {type(net).__name__}")
    if isinstance(net, torch.jit.ScriptModule):
        raise OptionError(
            "the network is TorchScript, whose layers do not run hooks; give the module that it was compiled from"
        )
    for name, module in net.named_modules():
        if "quantized" in type(module).__module__ or getattr(module, "is_quantized", False):
            raise OptionError(
                f"the network is quantised (its layer {name!r} is {type(module).__name__} of "
                f"{type(module).__module__}), so that it has no gradients; give the network before quantisation"
            )
    return net
