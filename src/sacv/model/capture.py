"""Activations and gradients at named layers, with the user's network left as it was.

`activations` stops the forward pass at the deepest layer asked for. `gradients` runs on to the logits, but starts
the graph *at* the shallowest layer: nothing before it is recorded, and `torch.autograd.grad` touches no parameter.

Both clone what they keep and hand the network another copy, since an in-place operation after the layer would
overwrite it otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sacv.errors import ActivationError, LayerError, TargetError
from sacv.model.layout import Layout, recognise

Select = Callable[[torch.Tensor], torch.Tensor]
"""From the network's output `(n, classes)` to the scalar explained of each image, `(n,)`."""


@dataclass(frozen=True)
class LayerRecord:
    """What one layer gave for a batch."""

    cells: torch.Tensor
    """`(n, *grid, channels)`."""
    layout: Layout


@dataclass(frozen=True)
class Trace:
    """Logits, activations and gradients of a batch."""

    logits: torch.Tensor
    """`(n, classes)`."""
    activations: dict[str, LayerRecord]
    gradients: list[dict[str, torch.Tensor]]
    """For each target, by layer: `(n, *grid, channels)`, the derivative of the target's logit."""


class _Stop(Exception):
    """Ends a forward pass once every layer asked for has answered."""


@contextmanager
def as_it_was(net: nn.Module) -> Iterator[None]:
    """Put the network in eval mode with frozen parameters, and everything back on leaving.

    The mode of every submodule, `requires_grad` of every parameter, the gradient mode and the random state of torch
    return as they were, also after an exception.
    """
    modes = [(module, module.training) for module in net.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in net.parameters()]
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=_cuda_devices(net)))
        stack.enter_context(torch.enable_grad())  # restores the mode found, whatever a hook sets inside
        stack.callback(_restore, modes, flags)
        net.eval()
        for parameter, needed in flags:
            if needed:
                parameter.requires_grad_(False)
        yield


def _restore(modes: list[tuple[nn.Module, bool]], flags: list[tuple[nn.Parameter, bool]]) -> None:
    for module, training in modes:
        module.training = training
    for parameter, needed in flags:
        if parameter.requires_grad != needed:
            parameter.requires_grad_(needed)


def _cuda_devices(net: nn.Module) -> list[int]:
    devices = {parameter.device for parameter in net.parameters()}
    return sorted(device.index or 0 for device in devices if device.type == "cuda")


def activations(net: nn.Module, inputs: torch.Tensor, layers: dict[str, nn.Module]) -> dict[str, LayerRecord]:
    """Give the activations of layers for a batch of inputs, stopping at the deepest.

    Parameters
    ----------
    net
        The network; inside `as_it_was`.
    inputs
        Float `(n, channels, *size)`.
    layers
        The modules asked about, by name.

    Raises
    ------
    LayerError
        If a layer does not run, or gives no map.
    """
    found: dict[str, LayerRecord] = {}

    def keep(name: str, output: torch.Tensor) -> None:
        layout = recognise(output.shape, name)
        cells = layout.cells(output.detach())
        last = name not in found and len(found) == len(layers) - 1
        # After the last layer nothing runs that could overwrite its output.
        found[name] = LayerRecord(
            cells.contiguous() if last else cells.clone(memory_format=torch.contiguous_format), layout
        )
        if last:
            raise _Stop

    with torch.no_grad(), _hooks(layers, keep):
        try:
            net(inputs)
        except _Stop:
            pass
    _require_all(layers, found)
    return found


def gradients(net: nn.Module, inputs: torch.Tensor, layers: dict[str, nn.Module], selects: Sequence[Select]) -> Trace:
    """Give logits, activations and the gradient of each target at each layer for a batch of inputs.

    Parameters
    ----------
    net
        The network; inside `as_it_was`.
    inputs
        Float `(n, channels, *size)`.
    layers
        The modules asked about, by name.
    selects
        For each target, from logits `(n, classes)` to its scalar in each image `(n,)`.

    Raises
    ------
    LayerError
        If a layer does not run, runs twice, or gives no map.
    TargetError
        If the output has no classes.
    ActivationError
        If the logits do not depend on a layer.
    """
    starts: dict[str, tuple[torch.Tensor, Layout]] = {}

    def keep(name: str, output: torch.Tensor) -> torch.Tensor:
        if name in starts:
            raise LayerError(
                f"layer {name!r} runs more than once in one pass, so that its activations are ambiguous; "
                "ask about the layer that holds it or about a neighbour"
            )
        layout = recognise(output.shape, name)
        # A layer that depends on one kept before stays in its graph; any other starts the graph here.
        start = output if output.requires_grad else output.detach().clone().requires_grad_()
        starts[name] = (start, layout)
        torch.set_grad_enabled(True)
        return start.clone()

    with torch.no_grad(), _hooks(layers, keep):
        logits = class_logits(net(inputs))
        with torch.enable_grad():
            scalars = [select(logits).sum() for select in selects]
    _require_all(layers, starts)
    wanted = [start for start, _ in starts.values()]
    gradients: list[dict[str, torch.Tensor]] = []
    for index, scalar in enumerate(scalars):
        last = index == len(scalars) - 1
        parts: tuple[torch.Tensor | None, ...] = (None,) * len(wanted)
        if scalar.requires_grad:
            parts = torch.autograd.grad(scalar, wanted, retain_graph=not last, allow_unused=True)
        by_layer: dict[str, torch.Tensor] = {}
        for (name, (_, layout)), part in zip(starts.items(), parts, strict=True):
            if part is None:
                raise ActivationError(
                    f"the logits do not depend on layer {name!r} (nothing differentiable leads from it to them); "
                    "ask about another layer"
                )
            by_layer[name] = layout.cells(part)
        gradients.append(by_layer)
    records = {name: LayerRecord(layout.cells(start.detach()), layout) for name, (start, layout) in starts.items()}
    return Trace(logits.detach(), records, gradients)


def resume(net: nn.Module, inputs: torch.Tensor, layer: str, module: nn.Module, cells: torch.Tensor) -> torch.Tensor:
    """Give the logits `(m, classes)` that follow from other activations at a layer.

    What stands before the layer runs once on the one input; what follows, on all `m` activations. A network that
    counts its images before the layer and relies on it after is run on `m` copies of the input instead.

    Parameters
    ----------
    net
        The network; inside `as_it_was`.
    inputs
        Float `(1, channels, *size)`.
    layer, module
        Where the activations are put.
    cells
        `(m, *grid, channels)`.
    """

    def put(_name: str, output: torch.Tensor) -> torch.Tensor:
        restored = recognise(output.shape, layer).restore(cells).to(output.dtype)
        return restored.clone(memory_format=torch.contiguous_format)  # what follows may write into it

    with torch.no_grad(), _hooks({layer: module}, put):
        if len(cells) > 1:
            try:
                logits = class_logits(net(inputs))
                if len(logits) == len(cells):
                    return logits
            except Exception:  # whatever the network raises where it has kept the count of images from before the layer
                pass
        return class_logits(net(inputs.expand(len(cells), *inputs.shape[1:])))


@contextmanager
def _hooks(layers: dict[str, nn.Module], keep: Callable[[str, torch.Tensor], Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, module in layers.items():

            def hook(_module: nn.Module, _inputs: Any, output: Any, name: str = name) -> Any:
                if not isinstance(output, torch.Tensor):
                    raise LayerError(
                        f"layer {name!r} gives {type(output).__name__}, not one tensor; ask about a layer inside it"
                    )
                return keep(name, output)

            stack.callback(module.register_forward_hook(hook).remove)
        yield


def _require_all(layers: dict[str, nn.Module], found: dict[str, Any]) -> None:
    silent = [name for name in layers if name not in found]
    if silent:
        raise LayerError(f"layer {silent[0]!r} does not run when the network does; ask about another layer")


def class_logits(output: Any) -> torch.Tensor:
    """Check that the network's output is logits `(n, classes)`.

    Raises
    ------
    TargetError
        If it is not.
    """
    if isinstance(output, torch.Tensor) and output.ndim == 2:
        return output
    shape = f"a tensor of shape {tuple(output.shape)}" if isinstance(output, torch.Tensor) else type(output).__name__
    raise TargetError(f"the network gives {shape}; sacv needs logits of shape (images, classes)")
