"""Concepts and CAVs of captum (https://captum.ai).

A `captum.concept.Concept` yields batches of network inputs, which `sacv.fit` accepts unchanged. A `captum.concept.CAV`
holds `stats`: `weights` `(concepts, features)`, where the features are the layer's output, flattened; `classes`, the
concepts' ids in the order of the weights; `accs`, the accuracy. `CAV.save` writes the same with `torch.save`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from sacv.errors import CorruptFileError, ImageSetError, MissingExtraError
from sacv.exchange.imported import Classifier, ImportedCAV, as_layer_output
from sacv.model import VisionModel


class Concept(Protocol):
    """The attributes used of a `captum.concept.Concept`."""

    id: Any
    name: Any
    data_iter: Any


class SavedCAV(Protocol):
    """The attributes used of a `captum.concept.CAV`."""

    concepts: Any
    layer: Any
    stats: Any


def captum_images(concepts: Sequence[Concept]) -> dict[str, list[torch.Tensor]]:
    """Return the images of captum's concepts, by name, as input of `sacv.fit`.

    All batches are read into memory.

    Raises
    ------
    ImageSetError
        If a concept has no images, yields values other than tensors, or two concepts have one name.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> striped = SimpleNamespace(id=0, name="striped", data_iter=[torch.zeros(4, 3, 8, 8)])
    >>> captum_images([striped])["striped"][0].shape
    torch.Size([4, 3, 8, 8])
    """
    found: dict[str, list[torch.Tensor]] = {}
    for concept in concepts:
        if concept.name in found:
            raise ImageSetError(f"two concepts are named {concept.name!r}; give each its own name")
        found[concept.name] = list(_tensors(concept.name, concept.data_iter))
        if not found[concept.name]:
            raise ImageSetError(f"{concept.name!r} yields no images; give a DataLoader, which can be read again")
    return found


def _tensors(name: str, images: Iterable[Any] | None) -> Iterable[torch.Tensor]:
    if images is None:
        raise ImageSetError(f"{name!r} has no data_iter, as a concept that captum loaded with a CAV; give its images")
    for batch in images:
        if not isinstance(batch, torch.Tensor):
            raise ImageSetError(
                f"the data_iter of {name!r} yields {type(batch).__name__}; it must yield tensors of network inputs, "
                "without labels"
            )
        yield batch


def captum_cavs(
    cav: str | Path | SavedCAV, model: VisionModel, *, inputs: torch.Tensor | None = None
) -> list[ImportedCAV]:
    """Import the CAVs of a classifier of captum, one for each of its concepts.

    Parameters
    ----------
    cav
        A file that `captum.concept.CAV.save` wrote, or such an object. A file is read with `weights_only`, which
        runs no code of it and needs PyTorch 2.5.
    model
        The network that it was fitted for.
    inputs
        A batch of inputs of the size that it was fitted on; by default of the size of the model's transform.

    Raises
    ------
    CorruptFileError
        If it is not a CAV of captum, or has no weights.
    LayerError
        If the model has no such layer, or its output has no locations.
    MismatchError
        If the weights do not have the layer's size.
    """
    if isinstance(cav, str | Path):
        source, labels = str(cav), _read(cav)
        concepts = list(zip(labels["concept_ids"], labels["concept_names"], strict=True))
        layer, stats = labels["layer"], labels["stats"]
    else:
        source, layer, stats = "the CAV", cav.layer, cav.stats
        concepts = [(concept.id, concept.name) for concept in cav.concepts]
    classifier = _classifier(f"{source} (captum)", concepts, stats)
    classifier.require_directions()
    return as_layer_output(classifier, model, str(layer), inputs)


def _classifier(source: str, concepts: list[tuple[Any, Any]], stats: Any) -> Classifier:
    if not isinstance(stats, dict) or stats.get("weights") is None:
        raise CorruptFileError(f"{source} has no weights; fit it first (captum.concept.TCAV.compute_cavs)")
    classes, accuracy = stats.get("classes"), stats.get("accs")
    try:
        names = {int(number): str(name) for number, name in concepts}
        order = list(names) if classes is None else [int(number) for number in classes]
        weights = np.asarray(torch.as_tensor(stats["weights"]).detach().cpu(), dtype=np.float64)
        share = None if accuracy is None else float(accuracy)
    except (TypeError, ValueError, RuntimeError) as error:
        raise CorruptFileError(f"{source} has statistics that are not those of captum's classifier: {error}") from error
    if sorted(order) != sorted(names):
        raise CorruptFileError(f"{source} has weights of the classes {order}, and its concepts are {sorted(names)}")
    return Classifier(source, tuple(names[number] for number in order), weights, share)


def _read(file: str | Path) -> dict[str, Any]:
    arrays = _numpy_names()
    try:
        with torch.serialization.safe_globals(arrays):
            found = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        raise CorruptFileError(f"{file} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # damaged files raise errors of many classes
        first = str(error).strip().partition("\n")[0]
        raise CorruptFileError(f"{file} is no CAV of captum, or holds more than arrays: {first}") from error
    wanted = {"concept_ids", "concept_names", "layer", "stats"}
    if not isinstance(found, dict) or not wanted <= set(found):
        raise CorruptFileError(f"{file} is no CAV of captum: it has no {', '.join(sorted(wanted))}")
    return found


def _numpy_names() -> list[Any]:
    """Return the names that the pickle of a numpy array may contain."""
    if not hasattr(torch.serialization, "safe_globals"):
        raise MissingExtraError(
            f"reading CAVs of captum without running them takes PyTorch 2.5 or newer, and this is {torch.__version__}; "
            "load the file with captum and give the CAV"
        )
    rebuild = np.ndarray(0).__reduce__()[0]
    kinds = [type(np.dtype(kind)) for kind in ("i4", "u4", "i8", "f4", "f8")]
    return [np.ndarray, np.dtype, *kinds, rebuild, (rebuild, "numpy.core.multiarray._reconstruct")]
