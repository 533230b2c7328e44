"""Survey of the layers of a network: shapes, layouts and roles, from one forward pass."""

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
    """One layer of a survey.

    Parameters
    ----------
    name, kind
        Dotted name and class of the module.
    calls
        Number of times it ran in a forward pass.
    layout, grid, channels
        Layout, grid and number of channels of its activation; None, empty and 0 if it is not usable.
    warning
        Why the layer is not usable; empty if it is.
    nearest
        A usable layer to choose instead.
    leaf
        Whether it has no sublayers.
    role
        Its role (`sacv.model.roles`).
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
        """Whether sacv can explain the layer."""
        return not self.warning


def survey(
    net: nn.Module, inputs: torch.Tensor, layouts: Mapping[str, Layout], run: Network | None = None
) -> dict[str, LayerInfo]:
    """Run the network once and describe its layers, in the order in which they finish.

    The network is inside `frozen_eval`. The first image of the inputs `(n, channels, *size)` is run as a batch of two:
    an output that does not depend on the image, such as a table of relative positions, is recognised because it is not
    repeated. `layouts` are those that the user gives, by name of the layer; `run` is how the network runs on inputs, by
    default `net(inputs)`. Return the layers by name; layers that do not run come last.
    """
    modules = {name: module for name, module in net.named_modules() if name}
    pair = inputs[:1].repeat(2, *[1] * (inputs.ndim - 1))
    recogniser = Recogniser(pair.shape, layouts)
    found: dict[str, LayerInfo] = {}

    def record(name: str, module: nn.Module, given: tuple[Any, ...], output: Any) -> None:
        info = found.get(name) or replace(_describe(name, module, output, recogniser), role=role(module, given, output))
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


def _describe(name: str, module: nn.Module, output: Any, recogniser: Recogniser) -> LayerInfo:
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
    warning = "has one location only, so locations cannot be compared" if max(grid) == 1 else ""
    return replace(info, layout=layout, grid=tuple(grid), channels=channels, warning=warning)


def _nearest(name: str, found: Mapping[str, LayerInfo]) -> str:
    """Return the closest usable layer that contains this one, or else the last usable layer that finishes before it."""
    parent = name
    while "." in parent:
        parent = parent.rpartition(".")[0]
        if parent in found and found[parent].usable:
            return parent
    order = list(found)
    before = [other for other in order[: order.index(name)] if found[other].usable]
    return before[-1] if before else ""


def require_usable(found: Mapping[str, LayerInfo], layers: Sequence[str]) -> dict[str, LayerInfo]:
    """Return the named layers, and check that they are usable."""
    for name in layers:
        info = found[name]
        if not info.usable:
            instead = f"; choose {info.nearest!r}" if info.nearest else ""
            raise LayerError(
                f"layer {name!r} ({info.kind}) cannot be explained: it {info.warning}{instead} "
                "('sacv layers' lists usable layers)"
            )
    return {name: found[name] for name in layers}
