"""What each layer of a network gives, read off one forward pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from sacv.errors import LayerError
from sacv.model.capture import as_it_was
from sacv.model.layout import recognise
from sacv.model.vision_model import VisionModel


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
        Of its activation; empty where it cannot be asked about.
    warning
        Why it cannot be asked about; empty where it can.
    """

    name: str
    kind: str
    calls: int = 0
    layout: str = ""
    grid: tuple[int, ...] = ()
    channels: int = 0
    warning: str = ""

    @property
    def usable(self) -> bool:
        """Whether sacv can be asked about it."""
        return not self.warning


def survey(model: VisionModel, inputs: torch.Tensor, layers: Sequence[str] | None = None) -> list[LayerInfo]:
    """Run the network once and tell what layers give, in the order in which they finish.

    Parameters
    ----------
    model
        The model.
    inputs
        Float `(n, channels, *size)`; one image is enough.
    layers
        Names asked about; all modules by default.

    Raises
    ------
    LayerError
        If a name is not one of the network's.
    """
    names = [name for name, _ in model.net.named_modules() if name] if layers is None else list(layers)
    modules = model.modules(names)
    found = {name: LayerInfo(name, type(module).__name__) for name, module in modules.items()}
    order: list[str] = []

    def record(name: str, output: Any) -> None:
        info = found[name]
        if not info.calls:
            order.append(name)
            info = _look(info, output)
        found[name] = replace(info, calls=info.calls + 1)

    with as_it_was(model.net), torch.no_grad():
        handles = [
            module.register_forward_hook(lambda _m, _i, output, name=name: record(name, output))
            for name, module in modules.items()
        ]
        try:
            model.net(inputs)
        finally:
            for handle in handles:
                handle.remove()
    return [_judge(found[name]) for name in order] + [_judge(found[name]) for name in names if name not in order]


def _look(info: LayerInfo, output: Any) -> LayerInfo:
    if not isinstance(output, torch.Tensor):
        return replace(info, warning=f"gives {type(output).__name__}, not one tensor")
    try:
        layout = recognise(output.shape, info.name)
    except LayerError:
        return replace(info, warning=f"gives shape {tuple(output.shape)[1:]}, which has no locations")
    *grid, channels = layout.cells(output).shape[1:]
    warning = "one location only" if max(grid) == 1 else ""
    return replace(info, layout=layout.name, grid=tuple(grid), channels=channels, warning=warning)


def _judge(info: LayerInfo) -> LayerInfo:
    if info.calls == 0:
        return replace(info, warning="does not run in a forward pass")
    if info.calls > 1:
        return replace(info, warning=f"runs {info.calls} times in one pass, so its activations are ambiguous")
    return info


def require_usable(model: VisionModel, inputs: torch.Tensor, layers: Sequence[str]) -> dict[str, LayerInfo]:
    """Check that layers can be asked about.

    Raises
    ------
    LayerError
        If no layer is named, or one does not exist, does not run once, or has no locations.
    """
    if not layers:
        raise LayerError("no layer is named; 'sacv layers' lists those that can be asked about")
    found = {info.name: info for info in survey(model, inputs, layers)}
    for info in found.values():
        if not info.usable:
            raise LayerError(
                f"layer {info.name!r} ({info.kind}) cannot be asked about: it {info.warning}; "
                "'sacv layers' lists those that can"
                if not info.warning.startswith("one")
                else f"layer {info.name!r} ({info.kind}) has one location only, so nothing can be told about places; "
                "ask about an earlier layer"
            )
    return found
