"""`explain`: relevance and contribution maps of images, for every concept and layer of a bank."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from sacv.cav import ConceptBank, require_strong, unit_length
from sacv.concepts import Source, batches, image_set
from sacv.concepts.image_set import Loaded
from sacv.errors import ActivationError, LayerError
from sacv.maps.chance import Chance
from sacv.maps.checks import Checks, check_image, neighbour_correlation
from sacv.maps.explanation import ExplainedImage, Explanation, LayerMaps, Map, Note
from sacv.maps.methods import contribution, relevance
from sacv.model import Trace, VisionModel

Progress = Callable[[int, int], None]
"""Called with the number of batches done and of all."""

PREDICTED = "predicted"


def explain(
    model: VisionModel,
    images: Source,
    bank: ConceptBank,
    target: int | str,
    *,
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
        The class explained: its index, its name, or "predicted" for each image's own most likely one.
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
    weak = require_strong(bank.cavs, allow_weak=allow_weak)
    pictures = image_set("the images to explain", images, skip_unreadable=skip_unreadable)
    layers = list(bank.layers)
    cavs = {layer: [bank.cav(layer, concept) for concept in bank.concepts] for layer in layers}
    chances = {layer: Chance(bank, layer, cavs[layer]) for layer in layers}
    explained: list[ExplainedImage] = []
    parts: dict[str, list[tuple[Map, Map]]] = {layer: [] for layer in layers}
    lines: dict[str, list[list[Checks]]] = {layer: [] for layer in layers}
    size = model.batch_size(batch_size)
    total = -(-len(pictures) // size)
    with model.borrowed():
        for done, batch in enumerate(batches(pictures.items, size), start=1):
            inputs = model.inputs(batch.images)
            chosen: list[torch.Tensor] = []

            def select(logits: torch.Tensor, chosen: list[torch.Tensor] = chosen) -> torch.Tensor:
                chosen.append(_classes(model, target, logits))
                return logits.gather(1, chosen[-1][:, None])[:, 0]

            trace = model.trace(inputs, layers, [select])
            names = [item.name for item in pictures.items[batch.start : batch.start + len(batch.images)]]
            _require_finite(trace, names)
            found = _images(model, names, batch.images, trace.logits, chosen[0])
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
                read = unit_length(cells) if bank.normalised else cells
                seen = relevance(read, cavs[layer]).cpu().numpy()
                given = contribution(trace.gradients[0][layer], cavs[layer]).cpu().numpy()
                parts[layer].append((seen, given))
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
                            given[row],
                            image.target,
                            image.logit,
                            size,
                        )
                    )
            if progress is not None:
                progress(done, total)
    maps = {
        layer: _layer_maps(chances[layer], *(np.concatenate(kind) for kind in zip(*pairs, strict=True)))
        for layer, pairs in parts.items()
    }
    notes = [note for layer in layers for note in _notes(layer, maps[layer].contribution)]
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
        settings={"target": target, "contribution": "gradient"},
    )


def _layer_maps(chance: Chance, seen: Map, given: Map) -> LayerMaps:
    marks = [chance.marks(cav, seen[:, number], given[:, number]) for number, cav in enumerate(chance.cavs)]
    if any(pair is None for pair in marks):
        return LayerMaps(seen, given, None, None)
    pairs = [pair for pair in marks if pair is not None]
    return LayerMaps(
        seen, given, np.stack([pair[0] for pair in pairs], axis=1), np.stack([pair[1] for pair in pairs], axis=1)
    )


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


def _classes(model: VisionModel, target: int | str, logits: torch.Tensor) -> torch.Tensor:
    """Give the class explained of each image, int `(n,)`."""
    if target == PREDICTED and PREDICTED not in (model.class_names or ()):
        return logits.argmax(dim=1)
    index = model.class_index(target, logits.shape[1])
    return torch.full((len(logits),), index, device=logits.device)


def _require_finite(trace: Trace, names: list[str]) -> None:
    told: dict[str, torch.Tensor] = {"the logits": trace.logits}
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
    logits: torch.Tensor,
    chosen: torch.Tensor,
) -> list[ExplainedImage]:
    probabilities = logits.double().softmax(dim=1)
    found = []
    for row, (name, image) in enumerate(zip(names, images, strict=True)):
        index, best = int(chosen[row]), int(logits[row].argmax())
        size, region = model.seen(image)
        found.append(
            ExplainedImage(
                path=name,
                size=size,
                region=region,
                target=index,
                target_name=model.class_name(index),
                logit=float(logits[row, index]),
                predicted=best,
                predicted_name=model.class_name(best),
                probability=float(probabilities[row, best]),
            )
        )
    return found


def _notes(layer: str, contributions: Map) -> list[Note]:
    """Tell of maps that say nothing by construction."""
    flat = contributions.reshape(*contributions.shape[:2], -1)
    largest = np.abs(flat).max(axis=-1)
    if not largest.any():
        return [
            Note(
                layer,
                "zero contribution",
                "The contribution is zero everywhere: the logit does not change with this layer's locations (as where "
                "only a class token is read after it, or the target is saturated). Ask about an earlier layer.",
            )
        ]
    if np.all(np.ptp(flat, axis=-1) <= 1e-5 * largest):
        return [
            Note(
                layer,
                "constant contribution",
                "The contribution is the same at every location: only global average pooling and a linear head follow "
                "this layer, so that its gradient cannot tell places apart. Ask about an earlier layer, or read the "
                "relevance alone.",
            )
        ]
    return []
