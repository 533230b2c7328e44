"""The network itself, out of what is wrapped around it."""

from __future__ import annotations

import torch
from torch import nn

from sacv.errors import OptionError


def unwrap(net: object) -> nn.Module:
    """Return the network out of `torch.compile`, `DataParallel` or `DistributedDataParallel`.

    The network inside has the same parameters and answers the same; hooks see its layers, which they do not in compiled
    code, and a batch is not cut in parts.

    Raises
    ------
    OptionError
        If it is no network, or of a kind that hooks or gradients do not reach; the message says why.
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
            "the network is TorchScript, whose layers run where no hook sees them; give the module it was made from"
        )
    for name, module in net.named_modules():
        if "quantized" in type(module).__module__ or getattr(module, "is_quantized", False):
            raise OptionError(
                f"the network is quantised (its layer {name!r} is {type(module).__name__} of "
                f"{type(module).__module__}), so that it has no gradients; give the network before quantisation"
            )
    return net
