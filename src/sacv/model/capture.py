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
from sacv.model.layout import Layout
from sacv.model.outputs import OutputTarget, class_logits, field_of, main_tensor, tensors, with_main_tensor
from sacv.model.precision import Network, in_full

Select = Callable[[torch.Tensor], torch.Tensor] | OutputTarget
"""From the logits `(n, classes)` to the scalar explained of each image, `(n,)`; or a target of the user's own."""


@dataclass(frozen=True)
class Layer:
    """A layer asked about: its module, and how its activations lie."""

    module: nn.Module
    layout: Layout


@dataclass(frozen=True)
class LayerRecord:
    """What one layer gave for a batch."""

    cells: torch.Tensor
    """`(n, *grid, channels)`."""
    layout: Layout
    output: torch.Tensor | None = None
    """Of a trace: the tensor as the layer gave it, with what is no location, such as a class token."""


@dataclass(frozen=True)
class Trace:
    """Logits, activations and gradients of a batch."""

    logits: torch.Tensor | None
    """`(n, classes)`; none where the network has none and no target asks for them."""
    activations: dict[str, LayerRecord]
    scalars: list[torch.Tensor]
    """For each target: what is explained of each image, `(n,)`."""
    gradients: list[dict[str, torch.Tensor]]
    """For each target, by layer: `(n, *grid, channels)`, the derivative of the target's logit."""


_HELD: dict[int, list[int]] = {}
"""By the identity of each network that is held by `as_it_was`: its CUDA devices."""


class _Stop(Exception):
    """Ends a forward pass once every layer asked for has answered."""


@contextmanager
def as_it_was(net: nn.Module) -> Iterator[None]:
    """Put the network in eval mode with frozen parameters, and everything back on leaving.

    The mode of every submodule, `requires_grad` of every parameter, the gradient mode and the random state of torch
    return as they were, also after an exception. Within another one of the same network only the last two do, so that
    a batch does not pay for going through all modules.
    """
    if id(net) in _HELD:
        with torch.random.fork_rng(devices=_HELD[id(net)]), torch.enable_grad():
            yield
        return
    modes = [(module, module.training) for module in net.modules()]
    flags = [(parameter, parameter.requires_grad) for parameter in net.parameters()]
    # Compiled code does not see hooks; what `module.compile()` made waits while the module runs as it was written.
    compiled = [(module, call) for module in net.modules() if (call := module._compiled_call_impl) is not None]
    devices = _cuda_devices(net)
    with ExitStack() as stack:
        stack.enter_context(torch.random.fork_rng(devices=devices))
        stack.enter_context(torch.enable_grad())  # restores the mode found, whatever a hook sets inside
        stack.callback(_restore, modes, flags, compiled)
        _HELD[id(net)] = devices
        stack.callback(_HELD.pop, id(net))
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
    """Give the activations of layers for a batch of inputs, stopping at the deepest.

    Parameters
    ----------
    net
        The network; inside `as_it_was`.
    inputs
        Float `(n, channels, *size)`.
    layers
        The layers asked about, by name.

    Raises
    ------
    LayerError
        If a layer does not run, or gives no map.
    """
    found: dict[str, LayerRecord] = {}

    def keep(name: str, output: torch.Tensor) -> None:
        layout = layers[name].layout
        cells = layout.cells(output.detach())
        last = name not in found and len(found) == len(layers) - 1
        # After the last layer nothing runs that could overwrite its output.
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
    """Give the sum over the channels at each location, `(n, *grid)`, stopping at the deepest layer.

    Nothing else is kept, so that many layers can be looked at together.
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
    """Give activations `(n, *grid, channels)` that lead back to inputs which require a gradient."""
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
    """Give logits, activations and the gradient of each target at each layer for a batch of inputs.

    Parameters
    ----------
    net
        The network; inside `as_it_was`.
    inputs
        Float `(n, channels, *size)`.
    layers
        The layers asked about, by name.
    selects
        For each target, from logits `(n, classes)` to its scalar in each image `(n,)`.
    field
        Which field of the network's output is explained; see `sacv.model.outputs.field_of`.

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
        layout = layers[name].layout
        # A layer that depends on one kept before stays in its graph; any other starts the graph here.
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
                    f"the logits do not depend on layer {name!r} (nothing differentiable leads from it to them); "
                    "ask about another layer"
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
    """Give what is explained of each image, `(n,)`, from a network's output, and its logits where they are known."""
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
    """Give what is explained, `(m,)`, after other activations at a layer.

    What stands before the layer runs once on the one input; what follows, on all `m` activations. A network that
    counts its images before the layer and relies on it after is run on `m` copies of the input instead.

    Parameters
    ----------
    net
        The network; inside `as_it_was`.
    inputs
        Float `(1, channels, *size)`.
    name, layer
        Where the activations are put.
    cells
        `(m, *grid, channels)`; gradients reach them where they are asked for.
    select
        From the logits `(m, classes)` to the scalars.
    output
        The layer's outputs, of one image or of each of the `m`, that give what is no location, such as a class token;
        those of the input by default.
    field
        Which field of the network's output is explained; see `sacv.model.outputs.field_of`.
    """

    def put(_name: str, given: torch.Tensor) -> torch.Tensor:
        torch.set_grad_enabled(cells.requires_grad)
        restored = layer.layout.restore(cells, given if output is None else output).to(given.dtype)
        return restored.clone(memory_format=torch.contiguous_format)  # what follows may write into it

    def run(images: torch.Tensor) -> torch.Tensor:
        return scalars_of(select, field_of(net(images), field), None, len(cells))

    with torch.no_grad(), _hooks({name: layer}, put):
        if len(cells) > 1:
            try:
                found = run(inputs)
                if len(found) == len(cells):
                    return found
            except Exception:  # whatever the network raises where it has kept the count of images from before the layer
                pass
            torch.set_grad_enabled(False)
        return run(inputs.expand(len(cells), *inputs.shape[1:]))


def holds_all(net: Network, inputs: torch.Tensor, name: str, layer: Layer, record: LayerRecord) -> bool:
    """Tell whether all that follows a layer reads of an image is in its output.

    After its output, an input of nothing but NaN must give what the input itself gives. Beside the branch of a residual
    block, and wherever else something passes by the layer, it does not.

    Parameters
    ----------
    net
        The network; inside `as_it_was`.
    inputs
        Float `(1, channels, *size)`.
    name, layer, record
        The layer, and what it gave for a batch that begins with this input.
    """
    cells, output = record.cells[:1], None if record.output is None else record.output[:1]
    found: list[Any] = []

    def keep(result: Any) -> torch.Tensor:
        found.append(result)
        return cells.new_zeros(1)

    try:
        for images in (inputs, torch.full_like(inputs, torch.nan)):
            resume(net, images, name, layer, cells, OutputTarget(keep), output)
    except Exception:  # whatever the network raises on such an input
        return False
    known, blind = (list(tensors(each)) for each in found)
    return len(known) == len(blind) and all(map(torch.equal, known, blind))


@contextmanager
def _hooks(layers: dict[str, Layer], keep: Callable[[str, torch.Tensor], Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for name, layer in layers.items():

            def hook(_module: nn.Module, _inputs: Any, output: Any, name: str = name, layer: Layer = layer) -> Any:
                tensor = main_tensor(output)
                if tensor is None or not layer.layout.fits(tensor.shape):
                    shape = type(output).__name__ if tensor is None else f"a tensor of shape {tuple(tensor.shape)}"
                    raise LayerError(f"layer {name!r} gives {shape} where it gave {layer.layout.name} before")
                kept = keep(name, tensor)
                return None if kept is None else with_main_tensor(output, kept)

            stack.callback(layer.module.register_forward_hook(hook).remove)
        yield


def _require_all(layers: dict[str, Layer], found: dict[str, Any]) -> None:
    silent = [name for name in layers if name not in found]
    if silent:
        raise LayerError(f"layer {silent[0]!r} does not run when the network does; ask about another layer")
