"""Activations and gradients at named layers, without changing the network.

`activations` stops the forward pass at the deepest named layer. `gradients` runs to the logits, but starts the graph
*at* the shallowest layer: nothing before it is recorded, and `torch.autograd.grad` changes no parameter.

Both clone what they store and pass another copy to the network, since an in-place operation after the layer would
overwrite it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from sacv.errors import ActivationError, LayerError, TargetError
from sacv.model.layout import Layout
from sacv.model.outputs import OutputTarget, class_logits, field_of, main_tensor, tensors, with_main_tensor
from sacv.model.precision import Network, in_full

Select = Callable[[torch.Tensor], torch.Tensor] | OutputTarget
"""Function from the logits `(n, classes)` to the scalar explained of each image, `(n,)`; or an `OutputTarget`."""


@dataclass(frozen=True)
class Layer:
    """A named layer: its module, and the layout of its activations."""

    module: nn.Module
    layout: Layout


@dataclass(frozen=True)
class LayerRecord:
    """The output of a layer for a batch."""

    cells: torch.Tensor
    """`(n, *grid, channels)`."""
    layout: Layout
    output: torch.Tensor | None = None
    """In a trace: the unchanged output of the layer, including what is not a location, such as a class token."""


@dataclass(frozen=True)
class Trace:
    """Logits, activations and gradients of a batch."""

    logits: torch.Tensor | None
    """`(n, classes)`; None if the network has none and no target needs them."""
    activations: dict[str, LayerRecord]
    scalars: list[torch.Tensor]
    """For each target: the scalar explained of each image, `(n,)`."""
    gradients: list[dict[str, torch.Tensor]]
    """For each target, by layer: the gradient of the scalar, `(n, *grid, channels)`."""


_FROZEN: dict[int, list[int]] = {}
"""CUDA devices of each network inside `frozen_eval`, by the identity of the network."""


class _Stop(Exception):
    """Ends a forward pass once all named layers have run."""


@contextmanager
def frozen_eval(net: nn.Module) -> Iterator[None]:
    """Put the network in eval mode with frozen parameters, and restore its state on exit.

    The mode of every submodule, `requires_grad` of every parameter, the gradient mode and the random state of torch are
    restored, also after an exception. A nested context of the same network restores only the last two, so that a batch
    does not iterate over all modules.
    """
    if id(net) in _FROZEN:
        with torch.random.fork_rng(devices=_FROZEN[id(net)]), torch.enable_grad():
            yield
        return
    modes = [(module, module.training) for module in net.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in net.parameters()]
    # Compiled code does not run hooks, so the code of `module.compile()` is removed meanwhile.
    compiled = [(module, call) for module in net.modules() if (call := module._compiled_call_impl) is not None]
    devices = _cuda_devices(net)
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=devices))
        stack.enter_context(torch.enable_grad())  # on exit restores the mode, which hooks may change
        stack.callback(_restore, modes, flags, compiled)
        _FROZEN[id(net)] = devices
        stack.callback(_FROZEN.pop, id(net))
        net.eval()
        for module, _ in compiled:
            module._compiled_call_impl = None
        for parameter, needed in flags:
            if needed:
                parameter.requires_grad_(False)
        yield


def _restore(
    modes: list[tuple[nn.Module, bool]],
    flags: list[tuple[nn.Parameter, bool]],
    compiled: list[tuple[nn.Module, Callable[..., Any]]],
) -> None:
    for module, call in compiled:
        module._compiled_call_impl = call
    for module, training in modes:
        module.training = training
    for parameter, needed in flags:
        if parameter.requires_grad != needed:
            parameter.requires_grad_(needed)


def _cuda_devices(net: nn.Module) -> list[int]:
    devices = {parameter.device for parameter in net.parameters()}
    return sorted(device.index or 0 for device in devices if device.type == "cuda")


def activations(net: Network, inputs: torch.Tensor, layers: dict[str, Layer]) -> dict[str, LayerRecord]:
    """Compute the activations of layers for a batch of inputs, stopping at the deepest.

    The network is inside `frozen_eval`, and inputs are float `(n, channels, *size)`. Raises LayerError if a layer does
    not run, or its output is not a map.
    """
    found: dict[str, LayerRecord] = {}

    def keep(name: str, output: torch.Tensor) -> None:
        layout = layers[name].layout
        cells = layout.cells(output.detach())
        last = name not in found and len(found) == len(layers) - 1
        # Nothing runs after the last layer that could overwrite its output.
        found[name] = LayerRecord(
            in_full(cells.contiguous() if last else cells.clone(memory_format=torch.contiguous_format)), layout
        )
        if last:
            raise _Stop

    _run_to_the_last(net, inputs, layers, keep)
    _require_all(layers, found)
    return found


def _run_to_the_last(
    net: Network, inputs: torch.Tensor, layers: dict[str, Layer], keep: Callable[[str, torch.Tensor], None]
) -> None:
    with torch.no_grad(), _hooks(layers, keep):
        try:
            net(inputs)
        except _Stop:
            pass


def channel_sums(net: Network, inputs: torch.Tensor, layers: dict[str, Layer]) -> dict[str, torch.Tensor]:
    """Compute the sum over the channels at each location, `(n, *grid)`, stopping at the deepest layer.

    Only the sums are stored, so that many layers fit into memory together.
    """
    found: dict[str, torch.Tensor] = {}

    def keep(name: str, output: torch.Tensor) -> None:
        found[name] = layers[name].layout.cells(output.detach()).sum(dim=-1)
        if len(found) == len(layers):
            raise _Stop

    _run_to_the_last(net, inputs, layers, keep)
    _require_all(layers, found)
    return found


def activations_in_graph(net: Network, inputs: torch.Tensor, layers: dict[str, Layer]) -> dict[str, torch.Tensor]:
    """Compute activations `(n, *grid, channels)` with their graph from inputs that require a gradient."""
    found: dict[str, torch.Tensor] = {}

    def keep(name: str, output: torch.Tensor) -> None:
        found[name] = layers[name].layout.cells(output.clone())

    with torch.enable_grad(), _hooks(layers, keep):
        net(inputs)
    _require_all(layers, found)
    return found


def gradients(
    net: Network, inputs: torch.Tensor, layers: dict[str, Layer], selects: Sequence[Select], field: str | None = None
) -> Trace:
    """Compute logits, activations and the gradient of each target at each layer for a batch of inputs.

    Parameters
    ----------
    net
        The network; inside `frozen_eval`.
    inputs
        Float `(n, channels, *size)`.
    layers
        The layers, by name.
    selects
        For each target, the function from logits `(n, classes)` to its scalar for each image, `(n,)`.
    field
        The field of the network's output that is explained; see `sacv.model.outputs.field_of`.

    Raises
    ------
    LayerError
        If a layer does not run, runs twice, or its output is not a map.
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
                "choose the layer that contains it or a neighbouring one"
            )
        layout = layers[name].layout
        # A layer that depends on an earlier named layer stays in its graph; any other starts the graph here.
        start = output if output.requires_grad else output.detach().clone().requires_grad_()
        starts[name] = (start, layout)
        torch.set_grad_enabled(True)
        return start.clone()

    with torch.no_grad(), _hooks(layers, keep):
        output = field_of(net(inputs), field)
        with torch.enable_grad():
            logits = _logits(output, selects)
            scalars = [scalars_of(select, output, logits, len(inputs)) for select in selects]
    _require_all(layers, starts)
    wanted = [start for start, _ in starts.values()]
    gradients: list[dict[str, torch.Tensor]] = []
    for index, scalar in enumerate(scalars):
        last = index == len(scalars) - 1
        parts: tuple[torch.Tensor | None, ...] = (None,) * len(wanted)
        if scalar.requires_grad:
            parts = torch.autograd.grad(scalar.sum(), wanted, retain_graph=not last, allow_unused=True)
        by_layer: dict[str, torch.Tensor] = {}
        for (name, (_, layout)), part in zip(starts.items(), parts, strict=True):
            if part is None:
                raise ActivationError(
                    f"the logits do not depend on layer {name!r} (no differentiable path leads from it to them); "
                    "choose another layer"
                )
            by_layer[name] = in_full(layout.cells(part))
        gradients.append(by_layer)
    records = {
        name: LayerRecord(in_full(layout.cells(start.detach())), layout, start.detach())
        for name, (start, layout) in starts.items()
    }
    return Trace(
        None if logits is None else logits.detach(), records, [scalar.detach() for scalar in scalars], gradients
    )


def _logits(output: Any, selects: Sequence[Select]) -> torch.Tensor | None:
    try:
        return class_logits(output)
    except TargetError:
        if all(isinstance(select, OutputTarget) for select in selects):
            return None
        raise


def scalars_of(select: Select, output: Any, logits: torch.Tensor | None, images: int) -> torch.Tensor:
    """Compute the scalar explained of each image, `(n,)`, from a network's output and, if known, its logits."""
    if isinstance(select, OutputTarget):
        return in_full(select(output, images))
    return select(class_logits(output) if logits is None else logits)


def resume(
    net: Network,
    inputs: torch.Tensor,
    name: str,
    layer: Layer,
    cells: torch.Tensor,
    select: Select,
    output: torch.Tensor | None = None,
    field: str | None = None,
) -> torch.Tensor:
    """Compute the scalar explained, `(m,)`, with the activations at a layer replaced.

    The part before the layer runs once on the input; the rest, on all `m` activations. A network that uses its batch
    size from before the layer after it is run on `m` copies of the input instead.

    Parameters
    ----------
    net
        The network; inside `frozen_eval`.
    inputs
        Float `(1, channels, *size)`.
    name, layer
        The layer whose activations are replaced.
    cells
        The new activations, `(m, *grid, channels)`; with a graph if they require gradients.
    select
        Function from the logits `(m, classes)` to the scalars.
    output
        Outputs of the layer, for one image or for each of the `m`, with the values of what is not a location, such as
        a class token; by default the output for the input.
    field
        The field of the network's output that is explained; see `sacv.model.outputs.field_of`.
    """

    def put(_name: str, given: torch.Tensor) -> torch.Tensor:
        torch.set_grad_enabled(cells.requires_grad)
        restored = layer.layout.restore(cells, given if output is None else output).to(given.dtype)
        return restored.clone(memory_format=torch.contiguous_format)  # later modules may write into it

    def run(images: torch.Tensor) -> torch.Tensor:
        return scalars_of(select, field_of(net(images), field), None, len(cells))

    with torch.no_grad(), _hooks({name: layer}, put):
        if len(cells) > 1:
            try:
                found = run(inputs)
                if len(found) == len(cells):
                    return found
            except Exception:  # any error of a network that uses the batch size from before the layer
                pass
            torch.set_grad_enabled(False)
        return run(inputs.expand(len(cells), *inputs.shape[1:]))


def holds_all(net: Network, inputs: torch.Tensor, name: str, layer: Layer, record: LayerRecord) -> bool:
    """Return whether the rest of the network depends on the image only through the layer's output.

    With the layer's output fixed, an input of all NaN must give the same result as the input itself. It does not if a
    path bypasses the layer, such as the shortcut of a residual block.

    Parameters
    ----------
    net
        The network; inside `frozen_eval`.
    inputs
        Float `(1, channels, *size)`.
    name, layer, record
        The layer, and its output for a batch whose first image is this input.
    """
    cells, output = record.cells[:1], None if record.output is None else record.output[:1]
    found: list[Any] = []

    def keep(result: Any) -> torch.Tensor:
        found.append(result)
        return cells.new_zeros(1)

    try:
        for images in (inputs, torch.full_like(inputs, torch.nan)):
            resume(net, images, name, layer, cells, OutputTarget(keep), output)
    except Exception:  # any error of the network for such an input
        return False
    known, blind = (list(tensors(result)) for result in found)
    return len(known) == len(blind) and all(map(torch.equal, known, blind))


@contextmanager
def _hooks(layers: dict[str, Layer], keep: Callable[[str, torch.Tensor], Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, layer in layers.items():

            def hook(_module: nn.Module, _inputs: Any, output: Any, name: str = name, layer: Layer = layer) -> Any:
                tensor = main_tensor(output)
                if tensor is None or not layer.layout.fits(tensor.shape):
                    shape = type(output).__name__ if tensor is None else f"a tensor of shape {tuple(tensor.shape)}"
                    raise LayerError(f"layer {name!r} gives {shape}, but gave {layer.layout.name} before")
                changed = keep(name, tensor)
                return None if changed is None else with_main_tensor(output, changed)

            stack.callback(layer.module.register_forward_hook(hook).remove)
        yield


def _require_all(layers: dict[str, Layer], found: dict[str, Any]) -> None:
    silent = [name for name in layers if name not in found]
    if silent:
        raise LayerError(f"layer {silent[0]!r} does not run in a forward pass; choose another layer")
