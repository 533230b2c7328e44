"""`VisionModel`: a network with its transform, class names and layouts."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

import torch
from PIL import Image
from torch import nn

from sacv.deprecation import RenamedAttribute
from sacv.errors import LayerError, OptionError
from sacv.model.capture import (
    Layer,
    LayerRecord,
    Select,
    Trace,
    activations,
    activations_in_graph,
    channel_sums,
    frozen_eval,
    gradients,
    holds_all,
    resume,
    scalars_of,
)
from sacv.model.classes import class_index
from sacv.model.cost import shares_after
from sacv.model.identity import model_hash, network_hash
from sacv.model.input_batch import input_batch
from sacv.model.layout import parse_layout
from sacv.model.out_of_memory import in_halves
from sacv.model.outputs import OutputTarget, class_logits, field_of
from sacv.model.precision import FLOAT32, Network, in_precision, require_precision
from sacv.model.receptive_field import ReceptiveFields, effective_fields, receptive_fields
from sacv.model.survey import LayerInfo, require_usable, survey
from sacv.model.transform import Box, Framed, ImageTransform
from sacv.model.unwrap import unwrap
from sacv.model.window import Window

Transform = Callable[[Image.Image], torch.Tensor]
Call = Callable[[nn.Module, torch.Tensor], Any]


@dataclass(frozen=True, eq=False)
class VisionModel:
    """A trained network, its transform from images to inputs, and the names of its classes.

    The network is not changed: mode, `requires_grad`, `.grad`, hooks, buffers and random state are restored, also after
    an exception. It runs in eval mode, on the device and in the dtype of its parameters.

    Parameters
    ----------
    net
        Any module that maps inputs `(n, channels, *size)` to logits `(n, classes)`.
    transform
        Function from an RGB `PIL.Image` to a float tensor `(channels, *size)`; `ImageTransform()` by default.
    class_names
        Names of the classes, in the order of the logits.
    spec
        The name that the model was loaded by; it is stored in banks.
    layouts
        Layouts of activations by name of the layer, if sacv does not recognise them: NCHW, NHWC, NCDHW, NDHWC, NCL,
        NLC or for example `tokens 14x14+1` (a grid, and tokens before it).
    window
        Which values of image files deeper than 8 bits (DICOM, 16-bit images, NIfTI) become black and white, for all
        files that are read for this model; by default each file's own window (docs/medical.md).
    output
        The field of the network's output that is explained, if the output is a dict, a tuple or a data class: keys,
        attributes and indices separated by dots, such as `logits` or `aux.0`. By default `logits`, `out`, or the first
        tensor of a tuple.
    call
        How the network runs on a batch of inputs, if not by `net(inputs)`: a function `call(net, inputs)` that returns
        the network's output, such as `lambda net, x: net({"image": x})` or `lambda net, x: net(pixel_values=x)`.
        Other arguments must be the same for every batch, or computed from `inputs`.
    precision
        `float32`, the default, computes in the dtype of the parameters; `bfloat16` computes under
        `torch.autocast`, which makes a GPU faster and activations coarser. Statistics and gradients are of the same
        types in both (docs/models.md).

    Raises
    ------
    OptionError
        If `net` is not a module, or is TorchScript or quantised; if `class_names` is one text; or if the network cannot
        compute in the precision.
    """

    net: nn.Module
    transform: Transform = field(default_factory=ImageTransform)
    class_names: Sequence[str] | None = None
    spec: str | None = None
    layouts: Mapping[str, str] = field(default_factory=dict)
    window: Window | None = None
    output: str | None = None
    call: Call | None = None
    precision: str = FLOAT32
    _surveys: dict[tuple[int, ...], dict[str, LayerInfo]] = field(default_factory=dict, init=False, repr=False)
    _shares: dict[tuple[int, ...], dict[str, float]] = field(default_factory=dict, init=False, repr=False)
    _holds_all: dict[tuple[tuple[int, ...], str], bool] = field(default_factory=dict, init=False, repr=False)
    _fields: dict[tuple[int, ...], dict[str, ReceptiveFields | None]] = field(
        default_factory=dict, init=False, repr=False
    )

    borrowed = RenamedAttribute("frozen")

    def __post_init__(self) -> None:
        object.__setattr__(self, "net", unwrap(self.net))
        if isinstance(self.class_names, str):
            raise OptionError(
                f"class_names must be a sequence of names, not the text {self.class_names!r}; "
                "sacv.load_model reads files"
            )
        for text in self.layouts.values():
            parse_layout(text)
        self.modules(list(self.layouts))
        require_precision(self.precision, self.dtype)

    @property
    def device(self) -> torch.device:
        """Device of the parameters."""
        return self._example.device

    @property
    def dtype(self) -> torch.dtype:
        """Data type of the parameters."""
        return self._example.dtype

    @property
    def run(self) -> Network:
        """The network as a function from a batch of inputs to its output, in the model's precision."""
        called: Network = self.net if self.call is None else partial(self.call, self.net)
        return in_precision(called, self.precision, self.device)

    @property
    def _example(self) -> torch.Tensor:
        tensors = chain(self.net.parameters(), self.net.buffers())
        return next((tensor for tensor in tensors if tensor.is_floating_point()), torch.zeros(()))

    def batch_size(self, given: int | None) -> int:
        """Return the number of images in a pass: the given one, or the fastest, 8 on a CPU and 32 on a GPU.

        On a CPU, the activations of larger batches exceed its caches, which takes up to twice the time per image.

        Raises
        ------
        OptionError
            If it is below 1.
        """
        if given is not None and given < 1:
            raise OptionError(f"batch_size must be at least 1, not {given}")
        return (8 if self.device.type == "cpu" else 32) if given is None else given

    def modules(self, layers: Sequence[str]) -> dict[str, nn.Module]:
        """Return layers by their dotted names.

        Raises
        ------
        LayerError
            If the network has no such layer; the message contains the closest names.
        """
        known = dict(self.net.named_modules())
        known.pop("", None)
        for name in layers:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=4, cutoff=0.4) or list(known)[:4]
                raise LayerError(
                    f"the network has no layer {name!r}; the nearest names are {', '.join(near)} "
                    "('sacv layers' lists all)"
                )
        return {name: known[name] for name in layers}

    def inputs(self, images: Sequence[Image.Image | torch.Tensor]) -> torch.Tensor:
        """Return a batch `(n, channels, *size)` of RGB images, which are transformed, and of tensors, which are not.

        Raises
        ------
        OptionError
            If the sizes of the inputs differ.
        """
        tensors = [image if isinstance(image, torch.Tensor) else self.transform(image) for image in images]
        return input_batch(tensors, self.dtype, self.device)

    def seen(self, image: Image.Image | torch.Tensor) -> tuple[tuple[int, int], Box | None]:
        """Return an image's size (width, height), and the part of it that the network sees and layers' grids cover.

        The part is None if the transform is not `Framed`.
        """
        if not isinstance(image, Image.Image):
            height, width = image.shape[-2:] if image.ndim > 2 else (1, image.shape[-1])
            return (width, height), (0.0, 0.0, float(width), float(height))
        if isinstance(self.transform, Framed):
            return image.size, self.transform.region(image.size)
        return image.size, None

    def frozen(self) -> AbstractContextManager[None]:
        """Return a context in which the network is in eval mode with frozen parameters; its state is restored on exit.

        The methods below enter it for each batch; enter it once for many batches to save time.
        """
        return frozen_eval(self.net)

    def survey(self, inputs: torch.Tensor) -> dict[str, LayerInfo]:
        """Describe all layers, by name, for inputs of this size; see `sacv.model.survey`.

        The network runs once for each size of inputs.
        """
        size = tuple(inputs.shape[1:])
        if size not in self._surveys:
            layouts = {name: parse_layout(text) for name, text in self.layouts.items()}
            with frozen_eval(self.net):
                self._surveys[size] = survey(self.net, inputs, layouts, self.run)
        return self._surveys[size]

    def usable(self, inputs: torch.Tensor, layers: Sequence[str]) -> dict[str, LayerInfo]:
        """Describe the named layers, for inputs of this size, and check that they are usable.

        Raises
        ------
        LayerError
            If a layer does not exist or is not usable; the message names a usable layer near it.
        """
        if not layers:
            raise LayerError("no layer is named; 'sacv layers' lists usable layers")
        self.modules(layers)
        return require_usable(self.survey(inputs), layers)

    def _layers(self, inputs: torch.Tensor, layers: Sequence[str]) -> dict[str, Layer]:
        modules, known = self.modules(layers), self.survey(inputs)
        # A single location is enough for activations, though not for explaining locations.
        require_usable(known, [name for name in layers if known[name].layout is None or known[name].calls != 1])
        found = {name: known[name].layout for name in layers}
        return {name: Layer(modules[name], layout) for name, layout in found.items() if layout is not None}

    def activations(self, inputs: torch.Tensor, layers: Sequence[str]) -> dict[str, LayerRecord]:
        """Compute the activations of layers, by name, for a batch; see `sacv.model.capture.activations`.

        A batch that does not fit into the device's memory is run in halves.
        """
        known = self._layers(inputs, layers)
        with frozen_eval(self.net):
            return in_halves(lambda part, _rows: activations(self.run, part, known), inputs)

    def trace(self, inputs: torch.Tensor, layers: Sequence[str], selects: Sequence[Select]) -> Trace:
        """Compute logits, activations and gradients for a batch; see `sacv.model.capture.gradients`.

        A batch that does not fit into the device's memory is run in halves.
        """
        known = self._layers(inputs, layers)

        def run(part: torch.Tensor, rows: range) -> Trace:
            aims = [select.of(rows) if isinstance(select, OutputTarget) else select for select in selects]
            return gradients(self.run, part, known, aims, self.output)

        with frozen_eval(self.net):
            return in_halves(run, inputs)

    def resume(
        self,
        inputs: torch.Tensor,
        layer: str,
        cells: torch.Tensor,
        select: Select,
        output: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the scalars with the activations at a layer replaced; see `sacv.model.capture.resume`."""
        with frozen_eval(self.net):
            known = self._layers(inputs, [layer])[layer]
            return resume(self.run, inputs, layer, known, cells, select, output, self.output)

    def holds_all(self, inputs: torch.Tensor, layer: str, record: LayerRecord) -> bool:
        """Return whether the rest of the network sees an image only through a layer; see `capture.holds_all`.

        It is tested once for each size of inputs, on the first input and the layer's record of a trace.
        """
        key = tuple(inputs.shape[1:]), layer
        if key not in self._holds_all:
            with frozen_eval(self.net):
                self._holds_all[key] = holds_all(
                    self.run, inputs[:1], layer, self._layers(inputs, [layer])[layer], record
                )
        return self._holds_all[key]

    def share_after(self, inputs: torch.Tensor, layer: str) -> float:
        """Return the share of a forward pass's work after a layer, above 0 to 1; see `sacv.model.cost`.

        The network runs once for each size of inputs.
        """
        size = tuple(inputs.shape[1:])
        if size not in self._shares:
            with frozen_eval(self.net):
                self._shares[size] = shares_after(self.net, inputs[:1], self.run)
        return self._shares[size][layer]

    def logits(self, inputs: torch.Tensor) -> torch.Tensor:
        """Compute the logits `(n, classes)` of a batch."""
        with frozen_eval(self.net), torch.no_grad():
            return class_logits(field_of(self.run(inputs), self.output))

    def explained(self, inputs: torch.Tensor, select: Select) -> torch.Tensor:
        """Compute the scalar explained of each image of a batch, `(n,)`."""
        with frozen_eval(self.net), torch.no_grad():
            return scalars_of(select, field_of(self.run(inputs), self.output), None, len(inputs))

    def class_index(self, target: int | str, classes: int) -> int:
        """Return the index of a class, given by index or name, among `classes` logits.

        Raises
        ------
        TargetError
            If there is no such class; the message contains the closest names or the legal range.
        """
        return class_index(target, self.class_names, classes)

    def class_name(self, index: int) -> str:
        """Return the name of a class; its index as a string if the model has no class names."""
        return str(index) if self.class_names is None else str(self.class_names[index])

    def example(self) -> torch.Tensor:
        """Return the input `(1, channels, *size)` of a plain grey image, from which shapes can be found."""
        return self.inputs([Image.new("RGB", (256, 256), (128, 128, 128))])

    def receptive_fields(self, input_shape: Sequence[int], layers: Sequence[str]) -> dict[str, ReceptiveFields | None]:
        """Measure the receptive fields of layers for inputs `(channels, *size)`, once per size; None if unknown."""
        known = self._fields.setdefault(tuple(input_shape), {})
        missing = [layer for layer in layers if layer not in known]

        def run(inputs: torch.Tensor, names: Sequence[str]) -> dict[str, torch.Tensor]:
            self.survey(torch.nan_to_num(inputs))  # strips have another size
            return channel_sums(self.run, inputs, self._layers(inputs, names))

        if missing:
            with self.frozen():
                known |= receptive_fields(run, tuple(input_shape), missing, dtype=self.dtype, device=self.device)
        return {layer: known[layer] for layer in layers}

    def effective_fields(self, inputs: torch.Tensor, layers: Sequence[str]) -> dict[str, tuple[int, ...]]:
        """Return the sides of the layers' effective receptive fields; see `sacv.model.receptive_field`."""
        with frozen_eval(self.net):
            known = self._layers(inputs, layers)

            def run(images: torch.Tensor, names: Sequence[str]) -> dict[str, torch.Tensor]:
                return activations_in_graph(self.run, images, {name: known[name] for name in names})

            return effective_fields(run, inputs, layers)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the network's class and the names, shapes and values of its state."""
        return network_hash(self.net)

    def identity(self) -> str:
        """Return a SHA-256 of everything that activations depend on except the image.

        That is the fingerprint, the type of device, the dtype and the precision, the layouts, the window, the version
        of PyTorch, how the network is called, and the transform's output for one image.
        """
        return model_hash(self)

    def describe(self) -> dict[str, Any]:
        """Return the fields of the model that a bank records."""
        return {
            "spec": self.spec,
            "kind": type(self.net).__qualname__,
            "fingerprint": self.fingerprint,
            "transform": self.transform.to_json() if isinstance(self.transform, ImageTransform) else None,
            "window": None if self.window is None else self.window.to_json(),
            "layouts": dict(self.layouts),
            "precision": self.precision,
            "class_names": None if self.class_names is None else [str(name) for name in self.class_names],
        }
