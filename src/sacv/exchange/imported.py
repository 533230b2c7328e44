r"""A CAV that another library fitted: one weight for each location and channel of a layer.

The classifiers of captum and tensorflow/tcav see a whole layer, flattened. Their CAV W is therefore a direction at each
location p, `W(p)`, and their sensitivity of a logit z is a sum over locations::

    <grad z, W> = sum_p dz/da(p) . W(p)

whose terms are a contribution map. Such a CAV comes with an accuracy at most: no images, no held-out figures of its
locations, no random runs and no null. So it cannot be in a `ConceptBank`, whose CAVs have all of these, and has no
significance mask. To judge the concept, fit it with sacv from the same images.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from sacv.cav import CAV
from sacv.concepts import Source, batches, image_set
from sacv.errors import LayerError, MismatchError
from sacv.model import VisionModel
from sacv.model.layout import Layout, Tokens
from sacv.solvers import unit
from sacv.stats import Float64
from sacv.targets import Aimed, Given, names_of, require_images, target_of


@dataclass(frozen=True, eq=False)
class ImportedMaps:
    """The maps of an imported CAV.

    Parameters
    ----------
    images
        Names of the images.
    evidence
        `W(p) . a(p)`, float64 `(images, *grid)`, in units of activation. Its sum, with an intercept that the files do
        not hold, is the decision of the classifier.
    contribution
        `dz/da(p) . W(p)`, float64 `(images, *grid)`, in logits per unit of W.
    """

    images: tuple[str, ...]
    evidence: Float64
    contribution: Float64

    @property
    def sensitivity(self) -> Float64:
        """The derivative of the logit along W, `(images,)`: the sum of the contribution."""
        found: Float64 = self.contribution.reshape(len(self.contribution), -1).sum(axis=1)
        return found

    @property
    def tcav_score(self) -> float:
        """The share of the images whose sensitivity is above 0."""
        return float((self.sensitivity > 0).mean())


@dataclass(frozen=True, eq=False)
class ImportedCAV:
    """A CAV of another library, without quality figures.

    Parameters
    ----------
    source
        Name of its file or library.
    layer
        Name of the layer in the model.
    concept, against
        Its concept, and the other concepts of its classifier.
    weights
        W, float64 `(*grid, channels)`, L2 norm 1.
    norm
        L2 norm of the original weights, including those that belong to no location.
    elsewhere
        Share of the squared norm that belongs to no location, such as to a class token; maps omit it.
    accuracy
        Accuracy of the classifier over images, all concepts together, from its library; None without one.
    """

    source: str
    layer: str
    concept: str
    against: tuple[str, ...]
    weights: Float64
    norm: float
    elsewhere: float
    accuracy: float | None

    def __repr__(self) -> str:
        accuracy = "no accuracy" if self.accuracy is None else f"accuracy {self.accuracy:.2f}"
        return f"ImportedCAV({self.concept!r} against {', '.join(self.against)}; layer {self.layer!r}; {accuracy})"

    @property
    def direction(self) -> Float64:
        """The mean of `W(p)` over locations at L2 norm 1, `(channels,)`: the part that all locations share.

        Raises
        ------
        SolverError
            If the mean is zero.
        """
        return unit(self._mean, self._mean)

    @property
    def uniformity(self) -> float:
        """The share of the squared norm of W that is the same at every location, from 0 to 1."""
        return float(self._mean @ self._mean) * self._locations

    def cosine(self, cav: CAV) -> float:
        """Return the cosine of W with a CAV of sacv, tiled over the grid, at the same layer.

        Raises
        ------
        MismatchError
            If it is of another layer or has another number of channels.
        """
        if cav.layer != self.layer or len(cav.vector) != self.weights.shape[-1]:
            raise MismatchError(
                f"{self.concept!r} is at layer {self.layer!r} with {self.weights.shape[-1]} channels, and the CAV "
                f"{cav.concept!r} at {cav.layer!r} with {len(cav.vector)}; compare CAVs of one layer"
            )
        return float(self._mean @ cav.vector) * math.sqrt(self._locations)

    @property
    def _locations(self) -> int:
        return math.prod(self.weights.shape[:-1])

    @property
    def _mean(self) -> Float64:
        found: Float64 = self.weights.reshape(self._locations, -1).mean(axis=0)
        return found

    def maps(self, model: VisionModel, images: Source, target: Given, *, batch_size: int | None = None) -> ImportedMaps:
        """Return maps of images for this CAV.

        Parameters
        ----------
        model
            The network that the CAV was fitted for, which cannot be checked.
        images
            As in `sacv.explain`.
        target
            A class by its name or index, or another target, as in `sacv.explain`.
        batch_size
            Images in a pass.

        Raises
        ------
        MismatchError
            If the layer has another grid for these images.
        """
        items = image_set("images", images, window=model.window).items
        given = target_of(target, names_of(model))
        require_images(given, len(items))
        evidence, contribution = [], []
        for batch in batches(items, model.batch_size(batch_size)):
            inputs = model.inputs(batch.images)
            rows = range(batch.start, batch.start + len(batch.images))
            trace = model.trace(inputs, [self.layer], [Aimed(given.at(rows))])
            cells = trace.activations[self.layer].cells
            if tuple(cells.shape[1:]) != self.weights.shape:
                raise MismatchError(
                    f"{self.concept!r} has weights of shape {self.weights.shape}, and layer {self.layer!r} gives "
                    f"{tuple(cells.shape[1:])} for {items[batch.start].name}; resize the images as they were resized"
                    " when the CAV was fitted"
                )
            evidence.append(self._along(cells))
            contribution.append(self._along(trace.gradients[0][self.layer]))
        names = tuple(item.name for item in items)
        return ImportedMaps(names, np.concatenate(evidence), np.concatenate(contribution))

    def _along(self, cells: torch.Tensor) -> Float64:
        found: Float64 = (cells.double().cpu().numpy() * self.weights).sum(axis=-1)
        return found


@dataclass(frozen=True, eq=False)
class Classifier:
    """The weights of a classifier of whole layers, flattened.

    Parameters
    ----------
    source
        Name of its file or library, for messages.
    concepts
        The concepts that it separates.
    weights
        Float64 `(concepts, features)`.
    accuracy
        From its library; None without one.
    """

    source: str
    concepts: tuple[str, ...]
    weights: Float64
    accuracy: float | None

    def require_directions(self) -> None:
        """Check that the weights can be directions.

        Raises
        ------
        MismatchError
            If there is not one row for each concept, or a row is zero or not finite.
        """
        if self.weights.ndim != 2 or len(self.weights) != len(self.concepts):
            raise MismatchError(
                f"{self.source} has weights of shape {self.weights.shape} for {len(self.concepts)} concepts "
                f"({', '.join(self.concepts)}); one row of weights is needed for each"
            )
        for name, norm in zip(self.concepts, np.linalg.norm(self.weights, axis=1), strict=True):
            if not 0 < norm < math.inf:
                raise MismatchError(
                    f"the weights of {name!r} in {self.source} have the L2 norm {norm}; they are no direction"
                )


def as_layer_output(
    classifier: Classifier, model: VisionModel, layer: str, inputs: torch.Tensor | None
) -> list[ImportedCAV]:
    """Return the CAVs of a classifier whose features are the flattened output of the layer.

    Raises
    ------
    LayerError
        If the model has no such layer, or its output has no locations.
    MismatchError
        If the layer has another number of values for an input.
    """
    layout, grid, channels = _layer(model, layer, inputs)
    before = layout.prefix if isinstance(layout, Tokens) else 0
    output = layout.restore(torch.zeros(1, *grid, channels), torch.zeros(1, before, channels))
    _require_size(classifier, layer, tuple(output.shape[1:]))
    whole = torch.from_numpy(classifier.weights).reshape(-1, *output.shape[1:])
    return list(_cavs(classifier, layer, layout.cells(whole).numpy()))


def channels_last(
    classifier: Classifier, model: VisionModel, layer: str, inputs: torch.Tensor | None
) -> list[ImportedCAV]:
    """Return the CAVs of a classifier whose features are locations, row by row, with the channels of each together.

    Raises
    ------
    LayerError, MismatchError
        As `as_layer_output`.
    """
    _, grid, channels = _layer(model, layer, inputs)
    _require_size(classifier, layer, (*grid, channels))
    return list(_cavs(classifier, layer, classifier.weights.reshape(-1, *grid, channels)))


def _layer(model: VisionModel, layer: str, inputs: torch.Tensor | None) -> tuple[Layout, tuple[int, ...], int]:
    model.modules([layer])
    info = model.survey(model.example() if inputs is None else inputs)[layer]
    if info.layout is None:
        raise LayerError(f"layer {layer!r} {info.warning}; a CAV is taken where activations have locations")
    return info.layout, info.grid, info.channels


def _require_size(classifier: Classifier, layer: str, shape: tuple[int, ...]) -> None:
    features, wanted = classifier.weights.shape[1], math.prod(shape)
    if features != wanted:
        raise MismatchError(
            f"{classifier.source} has {features} weights for each concept, and layer {layer!r} gives {wanted} values, "
            f"{' x '.join(map(str, shape))}, for an input of the model's transform; name the layer of the classifier, "
            "and give inputs= of the size that it was fitted on"
        )


def _cavs(classifier: Classifier, layer: str, cells: Float64) -> Iterator[ImportedCAV]:
    for number, (concept, weights) in enumerate(zip(classifier.concepts, cells, strict=True)):
        norm = float(np.linalg.norm(classifier.weights[number]))
        inside = float(np.linalg.norm(weights))
        if inside == 0:
            raise MismatchError(f"the weights of {concept!r} in {classifier.source} belong to no location")
        yield ImportedCAV(
            classifier.source,
            layer,
            concept,
            tuple(other for other in classifier.concepts if other != concept),
            np.ascontiguousarray(weights / inside),
            norm,
            max(0.0, 1 - (inside / norm) ** 2),
            classifier.accuracy,
        )
