"""`explain`: relevance and contribution maps of images, for every concept and layer of a bank."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

from sacv.cav import ConceptBank, require_strong
from sacv.cav.passes import Progress, in_batches
from sacv.concepts import Source, Within, WithinSource, image_set
from sacv.engine import Engine, LocalEngine, Reducer, ShardStore, cut
from sacv.errors import OptionError, TargetError
from sacv.maps.explanation import Explanation
from sacv.maps.explanations import Explanations
from sacv.maps.finish import collect, finish
from sacv.maps.methods import DEFAULT, Method
from sacv.maps.reducer import ExplainReducer, Loaded
from sacv.maps.several_targets import TogetherReducer
from sacv.model import VisionModel
from sacv.targets import Given, given_targets, is_single, require_images


@overload
def explain(
    model: VisionModel,
    images: Source,
    bank: ConceptBank,
    target: Given,
    *,
    method: Method | None = ...,
    batch_size: int | None = ...,
    checks: bool = ...,
    within: WithinSource | None = ...,
    allow_weak: bool = ...,
    skip_unreadable: bool = ...,
    engine: Engine | None = ...,
    shards: ShardStore | None = ...,
    progress: Progress | None = ...,
) -> Explanation: ...


@overload
def explain(
    model: VisionModel,
    images: Source,
    bank: ConceptBank,
    target: Sequence[Given],
    *,
    method: Method | None = ...,
    batch_size: int | None = ...,
    checks: bool = ...,
    within: WithinSource | None = ...,
    allow_weak: bool = ...,
    skip_unreadable: bool = ...,
    engine: Engine | None = ...,
    shards: ShardStore | None = ...,
    progress: Progress | None = ...,
) -> Explanations: ...


def explain(
    model: VisionModel,
    images: Source,
    bank: ConceptBank,
    target: Given | Sequence[Given],
    *,
    method: Method | None = None,
    batch_size: int | None = None,
    checks: bool = True,
    within: WithinSource | None = None,
    allow_weak: bool = False,
    skip_unreadable: bool = False,
    engine: Engine | None = None,
    shards: ShardStore | None = None,
    progress: Progress | None = None,
) -> Explanation | Explanations:
    """Explain images: map where each shows the bank's concepts, and what each location contributes to a class.

    Each batch takes one forward pass, and one backward pass from the logit to the shallowest layer, for all layers and
    concepts. Methods other than the gradient run the rest of the network again for each concept. The reliability checks
    take one forward pass of it for each concept, unless the method has run that already.

    Parameters
    ----------
    model
        The model that the bank was fitted with.
    images
        Files, folders, images, uint8 arrays or float tensors. Memory does not grow with their number: they are read
        batch by batch, and their maps are stored on disk (`TMPDIR`).
    bank
        The CAVs.
    target
        The class explained: its index, its name, or "predicted" for the most likely class of each image. Logits for
        each location, as in semantic segmentation, are averaged. For other targets an object of `sacv.targets`, or a
        function from the network's raw output to a float tensor `(n,)`, one scalar for each image. A list of targets
        gives `Explanations`, in one pass over the images.
    method
        The contribution method (`sacv.maps.methods`); by default `sacv.methods.DEFAULT`. The paper uses `Gradient()`.
    checks
        Run the reliability checks of each image, layer and concept (`sacv.maps.reliability`).
    within
        Masks of the part of each image that counts (`sacv.Within`, or its input). A location counts if at least
        half of its cell is inside (`sacv.cav.inside`). Locations outside do not count in scores, masks, null
        distributions, the evidence of the reliability checks, or the choice of images in the report, where they are
        faded. The network still sees the whole image, and the reliability checks remove the concept everywhere.
    allow_weak
        Use weak CAVs too, those below the quality thresholds (`sacv.cav.quality_thresholds`), and flag every output.
    batch_size, skip_unreadable, engine, shards, progress
        As in `sacv.fit`.

    Raises
    ------
    WeakConceptError
        If a CAV is below the quality thresholds, and `allow_weak` is not set.
    MismatchError
        If the bank was fitted on another model.
    TargetError
        If there is no such class, or the network's output is not what the target needs.
    ImageError
        If images cannot be read, or have no mask.
    ActivationError
        If activations, logits or gradients are not finite.
    LayerError
        If a layer has another number of channels than in the bank, or its grid changes between images.
    StorageError
        If there is no disk space for the maps.
    """
    bank.require(model)
    method = DEFAULT if method is None else method
    if not isinstance(method, Method):
        raise OptionError(f"method must be an object such as sacv.methods.Gradient(), not {method!r}")
    weak = require_strong(bank.cavs, allow_weak=allow_weak)
    pictures = image_set("the images to explain", images, skip_unreadable=skip_unreadable, window=model.window)
    masks = None if within is None else Within.taken(within).of(pictures.items)
    size = model.batch_size(batch_size)
    given = given_targets(target)
    reducers = [ExplainReducer(model, bank, one, method, size, checks, pictures.items, masks) for one in given]
    names = _names(reducers, len(pictures))
    work = cut(len(pictures), size, most=None)
    chosen: Engine = LocalEngine() if engine is None else engine
    reducer: Reducer[range, Loaded, Any] = reducers[0] if is_single(target) else TogetherReducer(reducers)
    found = collect(reducers, chosen.parts(reducer, work, shards, in_batches(progress, len(pictures), size)))
    last = work[-1].pieces[-1]
    made = [finish(one, *each, pictures, weak, last) for one, each in zip(reducers, found, strict=True)]
    return Explanations(dict(zip(names, made, strict=True))) if not is_single(target) else made[0]


def _names(reducers: Sequence[ExplainReducer], images: int) -> list[str]:
    """Return a name for each target, after checking that targets differ and fit the number of images."""
    names: list[str] = []
    for number, reducer in enumerate(reducers):
        require_images(reducer.aimed, images)
        if any(reducer.aimed == other.aimed for other in reducers[:number]):
            raise TargetError(f"the target {reducer.aimed} is given twice; give it once")
        name = str(reducer.aimed)
        names.append(f"{name} ({number + 1})" if name in names else name)
    return names
