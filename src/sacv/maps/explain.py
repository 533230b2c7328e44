"""`explain`: relevance and contribution maps of images, for every concept and layer of a bank."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from sacv.cav import CAV, ConceptBank, require_strong
from sacv.concepts import Source, batches, image_set
from sacv.concepts.item import Loaded
from sacv.errors import ActivationError, LayerError, OptionError, TargetError
from sacv.maps import methods
from sacv.maps.chance import Chance
from sacv.maps.checks import Checks, check_image, neighbour_correlation
from sacv.maps.explanation import ExplainedImage, Explanation, LayerMaps, Map, Note
from sacv.maps.methods import DEFAULT, Method, Scene
from sacv.maps.relevance import derivative, evidence, position, relevance
from sacv.model import VARIES, OutputTarget, Select, Trace, VisionModel, contributing

Progress = Callable[[int, int], None]
"""Called with the number of batches done and of all."""

PREDICTED = "predicted"

CANDIDATES = 12
"""Layers tried to find one to ask about instead."""

SATURATED = 1e-6
"""Share of a target's value below which the change that a concept makes is none."""

Target = int | str | Callable[[Any], torch.Tensor]
"""A class by index or name, "predicted", or a function from the network's output to a scalar of each image."""


def explain(
    model: VisionModel,
    images: Source,
    bank: ConceptBank,
    target: Target,
    *,
    method: Method | None = None,
    batch_size: int | None = None,
    checks: bool = True,
    allow_weak: bool = False,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
) -> Explanation:
    """Tell where images show the bank's concepts, and how much each place contributes to a class.

    One forward pass and one backward pass a batch, the latter from the logit to the shallowest layer, serve all layers
    and concepts. The checks of the trust line take forward passes of their own.

    Parameters
    ----------
    model
        The model that the bank was made with.
    images
        Files, folders, pictures, uint8 arrays or float tensors.
    bank
        The CAVs.
    target
        The class explained: its index, its name, or "predicted" for each image's own most likely one. For anything
        else a function from the network's output, as it is, to a float tensor `(n,)`, one scalar for each image. Where
        there are logits for each place, as of semantic segmentation, a class's logit is its mean over all places.
    method
        How contribution is measured (`sacv.maps.methods`); `sacv.methods.DEFAULT` by default. The paper's is
        `Gradient()`.
    batch_size
        Images a pass; it changes memory and speed only. The model's own choice by default
        (`VisionModel.batch_size`).
    checks
        Make the trust line of each image, layer and concept (`sacv.maps.checks`).
    allow_weak
        Explain also with CAVs whose held-out figures are below the bars (`sacv.cav.bars`), and mark every output.
    skip_unreadable
        Leave out files that cannot be read and list them, rather than stop.
    progress
        Called with the number of batches done and of all.

    Raises
    ------
    WeakConceptError
        If a CAV is below the bars, and `allow_weak` is not set.
    MismatchError
        If the bank was made with another model.
    TargetError
        If there is no such class.
    ImageError
        If images cannot be read.
    ActivationError
        If activations, logits or gradients are not finite.
    LayerError
        If a layer has another number of channels than the bank says, or its grid changes between images.
    """
    bank.require(model)
    method = DEFAULT if method is None else method
    if not isinstance(method, Method):
        raise OptionError(f"method must be an object such as sacv.methods.Gradient(), not {method!r}")
    weak = require_strong(bank.cavs, allow_weak=allow_weak)
    pictures = image_set("the images to explain", images, skip_unreadable=skip_unreadable)
    layers = list(bank.layers)
    cavs = {layer: [bank.cav(layer, concept) for concept in bank.concepts] for layer in layers}
    chances = {layer: Chance(bank, layer, cavs[layer]) for layer in layers}
    explained: list[ExplainedImage] = []
    parts: dict[str, list[tuple[Map, Map, Map, Map, Map]]] = {layer: [] for layer in layers}
    lines: dict[str, list[list[Checks]]] = {layer: [] for layer in layers}
    size = model.batch_size(batch_size)
    total = -(-len(pictures) // size)
    with model.borrowed():
        for done, batch in enumerate(batches(pictures.items, size), start=1):
            inputs = model.inputs(batch.images)
            trace = model.trace(inputs, layers, [_select(model, target)])
            selects = _selects(model, target, trace, len(inputs))
            names = [item.name for item in pictures.items[batch.start : batch.start + len(batch.images)]]
            _require_finite(trace, names)
            found = _images(model, names, batch.images, trace, target)
            explained += found
            for layer in layers:
                cells = trace.activations[layer].cells
                if cells.shape[-1] != bank.layers[layer].channels:
                    raise LayerError(
                        f"layer {layer!r} has {cells.shape[-1]} channels, but the bank was made with "
                        f"{bank.layers[layer].channels}"
                    )
                if parts[layer] and parts[layer][0][0].shape[2:] != cells.shape[1:-1]:
                    raise LayerError(
                        f"layer {layer!r} has a grid of {tuple(cells.shape[1:-1])} for {names[0]}, but of "
                        f"{parts[layer][0][0].shape[2:]} for the images before; explain images of one size at a time"
                    )
                read = bank.reading(cells)
                shown = relevance(read, cavs[layer])
                along = derivative(trace.gradients[0][layer], cavs[layer])
                placed = position(read, cavs[layer])
                scene = Scene(model, inputs, layer, cells, selects, shown, placed, along, cavs[layer], bank, size)
                seen, lie, slope = (values.cpu().numpy() for values in (shown, placed, along))
                found_there = evidence(read, cavs[layer]).cpu().numpy()
                parts[layer].append((seen, lie, slope, method.maps(scene).cpu().numpy(), found_there))
                chances[layer].add(read, trace.gradients[0][layer])
                for row, image in enumerate(found if checks else ()):
                    lines[layer].append(
                        check_image(
                            model,
                            inputs[row : row + 1],
                            layer,
                            cells[row],
                            cavs[layer],
                            bank,
                            seen[row],
                            lie[row],
                            slope[row],
                            selects[row],
                            image.logit,
                            size,
                        )
                    )
            if progress is not None:
                progress(done, total)
    joined = {layer: [np.concatenate(kind) for kind in zip(*found, strict=True)] for layer, found in parts.items()}
    maps = {layer: _layer_maps(chances[layer], bank.layers[layer].grid, *kinds) for layer, kinds in joined.items()}
    notes = [
        note
        for layer, (_, _, slopes, given, _) in joined.items()
        for note in _notes(
            layer, slopes, given, explained, cavs[layer], method, partial(_instead, model, inputs, layer)
        )
    ]
    if not all(len(cav.null) for cav in bank.cavs):
        notes.append(
            Note(
                None,
                "no null",
                "No null was drawn (nulls=0, or fewer than 4 random images), so that no location can be called "
                "significant; fit with --nulls 199.",
            )
        )
    notes += [
        Note(
            layer,
            "another grid",
            f"The mask of presence was calibrated on a grid of {bank.layers[layer].grid}, and the pictures have "
            f"{found.relevance.shape[2:]}: it is left out. Explain pictures of the size that the bank was fitted on.",
        )
        for layer, found in maps.items()
        if found.relevance.shape[2:] != bank.layers[layer].grid
        and any(cav.presence.threshold is not None for cav in cavs[layer])
    ]
    notes += [
        Note(layer, "weak CAV", f"{concept!r} is too weak to rely on: {', and '.join(told)}.", concept)
        for (layer, concept), told in weak.items()
    ]
    return Explanation(
        images=tuple(explained),
        concepts=tuple(bank.concepts),
        maps=maps,
        checks=_with_neighbours(lines, {layer: maps[layer].relevance for layer in layers}) if checks else None,
        notes=tuple(notes),
        bank=bank,
        model=model,
        pictures=pictures,
        settings={"target": _name_of(target), "method": method.describe()},
    )


def _layer_maps(
    chance: Chance, grid: tuple[int, ...], seen: Map, lie: Map, slope: Map, given: Map, evident: Map
) -> LayerMaps:
    present = {
        cav.concept: evident[:, number] > np.float32(cav.presence.threshold)
        for number, cav in enumerate(chance.cavs)
        if cav.presence.threshold is not None and seen.shape[2:] == grid
    }
    marks = [chance.marks(cav, lie[:, number], slope[:, number]) for number, cav in enumerate(chance.cavs)]
    if any(pair is None for pair in marks):
        return LayerMaps(seen, given, None, None, present)
    relevant, contributing = (np.stack(kind, axis=1) for kind in zip(*(pair for pair in marks if pair), strict=True))
    return LayerMaps(seen, given, relevant, contributing, present)


def _with_neighbours(
    lines: dict[str, list[list[Checks]]], maps: dict[str, Map]
) -> dict[str, tuple[tuple[Checks, ...], ...]]:
    """Add to each line how the neighbouring layers answer."""
    layers = list(lines)
    images, concepts = len(lines[layers[0]]), len(lines[layers[0]][0])
    for image in range(images):
        for concept in range(concepts):
            between = neighbour_correlation([maps[layer][image, concept] for layer in layers])
            for layer, value in zip(layers, between, strict=True):
                lines[layer][image][concept] = replace(lines[layer][image][concept], neighbours=value)
    return {layer: tuple(tuple(row) for row in rows) for layer, rows in lines.items()}


def _select(model: VisionModel, target: Target) -> Select:
    """Give what is explained of each image of a batch."""
    if callable(target):
        return OutputTarget(target)
    return lambda logits: logits.gather(1, _classes(model, target, logits)[:, None])[:, 0]


def _selects(model: VisionModel, target: Target, trace: Trace, images: int) -> list[Select]:
    """Give what is explained of each image by itself, as its class is now known."""
    if callable(target) or trace.logits is None:
        return [_select(model, target)] * images
    return [partial(torch.select, dim=1, index=int(index)) for index in _classes(model, target, trace.logits)]


def _name_of(target: Target) -> int | str:
    return str(getattr(target, "__name__", type(target).__name__)) if callable(target) else target


def _classes(model: VisionModel, target: int | str, logits: torch.Tensor) -> torch.Tensor:
    """Give the class explained of each image, int `(n,)`."""
    if target == PREDICTED and PREDICTED not in (model.class_names or ()):
        return logits.argmax(dim=1)
    index = model.class_index(target, logits.shape[1])
    return torch.full((len(logits),), index, device=logits.device)


def _require_finite(trace: Trace, names: list[str]) -> None:
    told: dict[str, torch.Tensor] = {} if trace.logits is None else {"the logits": trace.logits}
    told |= {"the values explained": trace.scalars[0][:, None]}
    told |= {f"the activations of layer {layer!r}": record.cells for layer, record in trace.activations.items()}
    told |= {f"the gradients at layer {layer!r}": cells for layer, cells in trace.gradients[0].items()}
    for what, values in told.items():
        finite = torch.isfinite(values).flatten(1).all(dim=1)
        if not bool(finite.all()):
            raise ActivationError(
                f"{what} are not finite for {names[int((~finite).nonzero()[0])]}; "
                "check the network's weights and the transform, or run it in float32"
            )


def _images(
    model: VisionModel,
    names: list[str],
    images: tuple[Loaded, ...],
    trace: Trace,
    target: Target,
) -> list[ExplainedImage]:
    found = []
    for row, (name, image) in enumerate(zip(names, images, strict=True)):
        index = best = probability = None
        if trace.logits is not None:
            probabilities = trace.logits[row].double().softmax(dim=0)
            best, probability = int(probabilities.argmax()), float(probabilities.max())
        if trace.logits is not None and not callable(target):
            index = int(_classes(model, target, trace.logits[row : row + 1])[0])
        size, region = model.seen(image)
        found.append(
            ExplainedImage(
                path=name,
                size=size,
                region=region,
                target=index,
                target_name=str(_name_of(target)) if index is None else model.class_name(index),
                logit=float(trace.scalars[0][row]),
                predicted=best,
                predicted_name=None if best is None else model.class_name(best),
                probability=probability,
            )
        )
    return found


def _notes(
    layer: str,
    derivatives: Map,
    given: Map,
    images: Sequence[ExplainedImage],
    cavs: Sequence[CAV],
    method: Method,
    instead: Callable[[], str],
) -> list[Note]:
    """Tell of maps that say nothing by construction, and what to ask about `instead`."""
    flat = derivatives.reshape(*derivatives.shape[:2], -1)
    largest = np.abs(flat).max(axis=-1)
    if not largest.any():
        return [
            Note(
                layer,
                "zero derivative" if given.any() else "zero contribution",
                "The gradient is zero everywhere: the logit does not change with this layer's locations, as where only "
                f"a class token is read after it. Ask about {instead()}.",
            )
        ]
    steps = np.array([cav.separation for cav in cavs])
    moved = np.abs(flat).sum(axis=-1, dtype=np.float64) * steps
    if np.all(moved <= SATURATED * np.abs([[image.logit] for image in images])):
        return [
            Note(
                layer,
                "saturated target",
                "The target hardly changes: as much of the concept at every location as parts its guidance from the "
                "random images would move it by less than a millionth, to first order. Explain the logit rather than a "
                "probability, or measure with Ablation().",
            )
        ]
    if np.all(np.ptp(flat, axis=-1) <= 1e-5 * largest):
        return [_constant(layer, method, instead)]
    if len(images) > 1 and len({image.target for image in images}) == 1 and _alike(derivatives):
        return [
            Note(
                layer,
                "linear rest",
                "The gradient is the same for every image: nothing but linear layers follow, so that it tells of the "
                f"network alone and not of these images. Ask about {instead()}, or measure with "
                "GradientTimesConcept().",
            )
        ]
    return []


def _instead(model: VisionModel, inputs: torch.Tensor, layer: str) -> str:
    """Name the last layer before this one whose contribution varies; of the last few, since each is kept in memory."""
    found = model.survey(inputs)
    order = [name for name, info in found.items() if info.usable]
    before = order[: order.index(layer)] if layer in order else order
    blocks = [name for name in before if not found[name].leaf]
    candidates = (blocks or before)[-CANDIDATES:]
    try:
        varies = contributing(model, inputs, candidates) if candidates else {}
    except TargetError:  # the network has no logits, and the target is the user's own
        return "an earlier layer"
    chosen = [name for name in candidates if varies[name] == VARIES]
    return f"an earlier layer, such as {chosen[-1]!r}" if chosen else "an earlier layer"


def _alike(derivatives: Map) -> bool:
    return bool(np.all(np.ptp(derivatives, axis=0) <= 1e-5 * np.abs(derivatives).max()))


def _constant(layer: str, method: Method, instead: Callable[[], str]) -> Note:
    if not isinstance(method, methods.Gradient | methods.Gated):
        return Note(
            layer,
            "constant derivative",
            "The gradient is the same at every location: only global average pooling and a linear head follow this "
            "layer. What differs between places is only how much of the concept is there.",
        )
    return Note(
        layer,
        "constant contribution",
        "The gradient is the same at every location: only global average pooling and a linear head follow this "
        f"layer, so that it cannot tell places apart. Ask about {instead()}, read the relevance alone, or measure with "
        "GradientTimesConcept() or Ablation().",
    )
