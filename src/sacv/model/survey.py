"""What each layer of a network gives, read off one forward pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from sacv.errors import LayerError
from sacv.model.layout import Layout
from sacv.model.outputs import main_tensor
from sacv.model.precision import Network
from sacv.model.recognition import Recogniser
from sacv.model.roles import OTHER, role


@dataclass(frozen=True)
class LayerInfo:
    """One layer, as a forward pass found it.

    Parameters
    ----------
    name, kind
        Dotted name and class of the module.
    calls
        How often it ran.
    layout, grid, channels
        Of its activation; none and empty where it cannot be asked about.
    warning
        Why it cannot be asked about; empty where it can.
    nearest
        A layer that can be asked about in its place.
    leaf
        Whether it holds no other layer.
    role
        What it does (`sacv.model.roles`).
    """

    name: str
    kind: str
    calls: int = 0
    layout: Layout | None = None
    grid: tuple[int, ...] = ()
    channels: int = 0
    warning: str = ""
    nearest: str = ""
    leaf: bool = True
    role: str = OTHER

    @property
    def usable(self) -> bool:
        """Whether sacv can be asked about it."""
        return not self.warning


def survey(
    net: nn.Module, inputs: torch.Tensor, layouts: Mapping[str, Layout], run: Network | None = None
) -> dict[str, LayerInfo]:
    """Run the network once and tell what layers give, in the order in which they finish.

    Parameters
    ----------
    net
        The network; inside `as_it_was`.
    inputs
        Float `(n, channels, *size)`. The first image is run twice, since what is no activation of an image, such as a
        table of relative positions, shows by being there once.
    layouts
        By name of a layer: the layout that the user says it has.
    run
        How the network runs on inputs; `net(inputs)` by default.

    Returns
    -------
    By name; layers that do not run come last.
    """
    modules = {name: module for name, module in net.named_modules() if name}
    pair = inputs[:1].repeat(2, *[1] * (inputs.ndim - 1))
    recogniser = Recogniser(pair.shape, layouts)
    found: dict[str, LayerInfo] = {}

    def record(name: str, module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        info = found.get(name) or replace(_look(name, module, output, recogniser), role=role(module, given, output))
        found[name] = replace(info, calls=info.calls + 1)

    with torch.no_grad():
        handles = [
            module.register_forward_hook(lambda m, given, output, name=name: record(name, m, given, output))
            for name, module in modules.items()
        ]
        try:
            (run or net)(pair)
        finally:
            for handle in handles:
                handle.remove()
    for name, module in modules.items():
        found.setdefault(name, LayerInfo(name, type(module).__name__, warning="does not run in a forward pass"))
    found = {
        name: replace(info, warning=f"runs {info.calls} times in one pass, so its activations are ambiguous")
        if info.calls > 1
        else info
        for name, info in found.items()
    }
    return {name: info if info.usable else replace(info, nearest=_nearest(name, found)) for name, info in found.items()}


def _look(name: str, module: nn.Module, output: Any, recogniser: Recogniser) -> LayerInfo:
    info = LayerInfo(name, type(module).__name__, leaf=not any(True for _ in module.children()))
    tensor = main_tensor(output)
    if tensor is None or not tensor.is_floating_point():
        what = type(output).__name__ if tensor is None else f"numbers of type {tensor.dtype}"
        return replace(info, warning=f"gives {what}, not one tensor of real numbers")
    try:
        layout = recogniser.recognise(name, module, tensor)
    except LayerError as error:
        return replace(info, warning=str(error))
    *grid, channels = layout.cells(tensor).shape[1:]
    warning = "has one location only, so nothing can be told about places" if max(grid) == 1 else ""
    return replace(info, layout=layout, grid=tuple(grid), channels=channels, warning=warning)


def _nearest(name: str, found: Mapping[str, LayerInfo]) -> str:
    """Give the closest usable layer that holds this one, or else the last usable one that finishes before it."""
    parent = name
    while "." in parent:
        parent = parent.rpartition(".")[0]
        if parent in found and found[parent].usable:
            return parent
    order = list(found)
    before = [other for other in order[: order.index(name)] if found[other].usable]
    return before[-1] if before else ""


def require_usable(found: Mapping[str, LayerInfo], layers: Sequence[str]) -> dict[str, LayerInfo]:
    """Give the layers asked about, and check that they can be.

    Raises
    ------
    LayerError
        If one does not run once, or has no locations.
    """
    for name in layers:
        info = found[name]
        if not info.usable:
            instead = f"; ask about {info.nearest!r}" if info.nearest else ""
            raise LayerError(
                f"layer {name!r} ({info.kind}) cannot be asked about: it {info.warning}{instead} "
                "('sacv layers' lists those that can)"
            )
    return {name: found[name] for name in layers}
