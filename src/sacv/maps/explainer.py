"""From batches of images to an explanation: what `explain` does, a batch at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import torch

from sacv.cav import ConceptBank
from sacv.concepts import ImageSet
from sacv.concepts.formats import Loaded
from sacv.errors import ActivationError
from sacv.maps.checks import Checks, with_neighbours
from sacv.maps.explained_layer import ExplainedLayer
from sacv.maps.explanation import ExplainedImage, Explanation, LayerMaps
from sacv.maps.methods import Method
from sacv.maps.notes import bank_notes, instead, layer_notes
from sacv.maps.targets import Target, aim_of, classes_of, name_of, select_of
from sacv.model import Rest, Trace, VisionModel


class Explainer:
    """Takes in images a batch at a time, and gives the explanation of all.

    Parameters
    ----------
    model, bank, target, method
        As `sacv.explain` takes them, checked.
    batch_size
        Activations run at a time.
    checks
        Make the trust lines.
    """

    def __init__(
        self, model: VisionModel, bank: ConceptBank, target: Target, method: Method, batch_size: int, *, checks: bool
    ) -> None:
        self.model, self.bank, self.target, self.method = model, bank, target, method
        self.batch_size, self.checks = batch_size, checks
        self.images: list[ExplainedImage] = []
        self.layers = {layer: ExplainedLayer(bank, layer) for layer in bank.layers}
        self.inputs = torch.empty(0)

    def add(self, names: Sequence[str], images: Sequence[Loaded]) -> None:
        """Take in a batch.

        Raises
        ------
        ActivationError, LayerError, TargetError
            As `sacv.explain` raises them.
        """
        self.inputs = self.model.inputs(images)
        trace = self.model.trace(self.inputs, list(self.layers), [select_of(self.model, self.target)])
        _require_finite(trace, names)
        self.images += self._images(names, images, trace)
        aim = aim_of(self.model, self.target, trace.logits)
        for layer, found in self.layers.items():
            record = trace.activations[layer]
            found.require_grid(record.cells, names[0])
            rest = Rest(self.model, self.inputs, layer, record, aim, self.batch_size)
            scene = found.scene(rest, trace.scalars[0], trace.gradients[0][layer])
            found.add(scene, self.method, checks=self.checks)

    def finish(self, pictures: ImageSet, weak: Mapping[tuple[str, str], Sequence[str]]) -> Explanation:
        """Give the explanation of all images taken in.

        Parameters
        ----------
        pictures
            Where they came from.
        weak
            By layer and concept, what is too weak about the CAVs that were let through.
        """
        maps = {layer: found.maps() for layer, found in self.layers.items()}
        notes = [
            note
            for layer, found in self.layers.items()
            for note in layer_notes(
                layer,
                found.derivatives,
                maps[layer].contribution,
                self.images,
                found.cavs,
                self.method,
                partial(instead, self.model, self.inputs, layer),
            )
        ]
        return Explanation(
            images=tuple(self.images),
            concepts=tuple(self.bank.concepts),
            maps=maps,
            checks=self._trust_lines(maps) if self.checks else None,
            notes=(*notes, *bank_notes(self.bank, maps, weak)),
            bank=self.bank,
            model=self.model,
            pictures=pictures,
            settings={"target": name_of(self.target), "method": self.method.describe()},
        )

    def _trust_lines(self, maps: Mapping[str, LayerMaps]) -> dict[str, tuple[tuple[Checks, ...], ...]]:
        lines = {layer: found.lines for layer, found in self.layers.items()}
        return with_neighbours(lines, {layer: each.relevance for layer, each in maps.items()})

    def _images(self, names: Sequence[str], images: Sequence[Loaded], trace: Trace) -> list[ExplainedImage]:
        found = []
        for row, (name, image) in enumerate(zip(names, images, strict=True)):
            index = best = probability = None
            if trace.logits is not None:
                probabilities = trace.logits[row].double().softmax(dim=0)
                best, probability = int(probabilities.argmax()), float(probabilities.max())
            if trace.logits is not None and not callable(self.target):
                index = int(classes_of(self.model, self.target, trace.logits[row : row + 1])[0])
            size, region = self.model.seen(image)
            found.append(
                ExplainedImage(
                    path=name,
                    size=size,
                    region=region,
                    target=index,
                    target_name=str(name_of(self.target)) if index is None else self.model.class_name(index),
                    logit=float(trace.scalars[0][row]),
                    predicted=best,
                    predicted_name=None if best is None else self.model.class_name(best),
                    probability=probability,
                )
            )
        return found


def _require_finite(trace: Trace, names: Sequence[str]) -> None:
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
