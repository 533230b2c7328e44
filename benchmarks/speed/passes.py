"""The passes that nothing can do without, written by hand: what everything else is measured against."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from os import cpu_count
from pathlib import Path

import torch
from PIL import Image
from torch import nn

from sacv.model.vision_model import Transform


class _Reached(Exception):
    pass


def frozen(net: nn.Module) -> nn.Module:
    """Give a copy in eval mode with weights that need no gradient, the channels last in memory."""
    net = copy.deepcopy(net).eval().to(memory_format=torch.channels_last)
    return net.requires_grad_(False)


def batches(images: torch.Tensor, size: int, device: str = "cpu") -> list[torch.Tensor]:
    """Cut inputs into batches, on the device and with the channels last in memory."""
    return [part.to(device).contiguous(memory_format=torch.channels_last) for part in images.split(size)]


def forward(net: nn.Module, layer: str, parts: Sequence[torch.Tensor]) -> None:
    """Run the network up to a layer, and nothing else."""

    def stop(*_: object) -> None:
        raise _Reached

    handle = net.get_submodule(layer).register_forward_hook(stop)
    try:
        with torch.inference_mode():
            for part in parts:
                try:
                    net(part)
                except _Reached:
                    pass
    finally:
        handle.remove()


def forward_and_backward(net: nn.Module, layer: str, parts: Sequence[torch.Tensor], target: int) -> None:
    """Run the whole network, and back from a logit to a layer; the graph starts at the layer."""
    kept: list[torch.Tensor] = []

    def start_here(_module: nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        kept.append(output.detach().clone().requires_grad_())
        torch.set_grad_enabled(True)
        return kept[-1].clone()

    handle = net.get_submodule(layer).register_forward_hook(start_here)
    try:
        for part in parts:
            with torch.no_grad():
                logits = net(part)
                torch.autograd.grad(logits[:, target].sum(), kept.pop())
    finally:
        handle.remove()


def decode(files: Sequence[Path], transform: Transform) -> None:
    """Read and transform pictures, in as many threads as there are processors, and nothing else."""

    def one(file: Path) -> torch.Tensor:
        with Image.open(file) as picture:
            return transform(picture.convert("RGB"))

    with ThreadPoolExecutor(cpu_count()) as pool:
        for _ in pool.map(one, files):
            pass
