"""`fit`: from guidance images to a concept bank, in one pass over the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sacv.cav.bank import BankSet, ConceptBank, LayerShape
from sacv.cav.gather import SetStatistics, gather
from sacv.cav.quality import HeldOut, accuracy, auroc, best_threshold
from sacv.cav.vector import CAV, Quality
from sacv.concepts import ImageSet, Source, batches, image_set, require_disjoint, without_repeats
from sacv.errors import ImageSetError, OptionError, SolverError
from sacv.model import VisionModel, require_usable
from sacv.solvers import MeanDifference, MomentSolver, SampleSolver, Solution, Solver

QUALITY_SAMPLE = 20_000
"""Bound on the locations of a set that held-out figures are taken from."""

Progress = Callable[[int, int], None]
"""Called with the number of batches done and of all."""


def fit(
    model: VisionModel,
    layers: Sequence[str],
    concepts: Mapping[str, Source],
    random: Source,
    *,
    solver: Solver | None = None,
    folds: int = 5,
    seed: int = 0,
    batch_size: int = 32,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
) -> ConceptBank:
    """Find the direction of every concept at every layer.

    A concept's images are taken to show it everywhere; a random image, nowhere. Each concept is told from the whole
    random set, location by location; folds, and so all figures, are grouped by image.

    Parameters
    ----------
    model
        The model.
    layers
        Dotted names of layers.
    concepts
        Images of each concept by its name: a folder, files, pictures, uint8 arrays or float tensors
        (see `sacv.concepts.image_set`).
    random
        Images that do not show the concepts, in the same ways; several folders are one pool.
    solver
        How a direction is found; `MeanDifference()` by default.
    folds
        Folds of the held-out figures, at least 2; a set with fewer images has a fold for each.
    seed
        Of folds and samples. The same seed gives the same bank, byte for byte.
    batch_size
        Images a forward pass; it changes memory and speed only.
    skip_unreadable
        Leave out files that cannot be read and list them in the bank, rather than stop.
    progress
        Called with the number of batches done and of all.

    Returns
    -------
    A `ConceptBank` with a CAV of L2 norm 1, pointing to the concept, for each layer and concept.

    Raises
    ------
    OptionError
        If an argument is outside what is legal.
    LayerError
        If a layer does not exist or cannot be asked about.
    ImageError
        If images cannot be read, a set has fewer than two, or a concept shares images with the random set.
    ActivationError
        If an activation is not finite.
    SolverError
        If a concept and the random set do not differ.
    """
    solver = MeanDifference() if solver is None else solver
    if not isinstance(solver, MomentSolver | SampleSolver):
        raise OptionError(f"solver must be an object such as sacv.solvers.MeanDifference(), not {solver!r}")
    if folds < 2:
        raise OptionError(f"folds must be at least 2, not {folds}")
    if seed < 0:
        raise OptionError(f"seed must be 0 or above, not {seed}")
    if not concepts:
        raise OptionError("no concept is given; name one with its images (concepts={'striped': 'folder'})")
    model.modules(layers)  # a wrong name is told before any image is read
    sets, bank_sets = _gather_sets(concepts, random, skip_unreadable)
    first = next(batches(sets[0].items, 1))
    shapes = {
        name: LayerShape(info.layout, info.grid, info.channels)
        for name, info in require_usable(model, model.inputs(first.images), layers).items()
    }
    total = -(-len({item.digest for images in sets for item in images}) // max(batch_size, 1))
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    found = gather(
        model,
        layers,
        sets,
        folds=folds,
        sample=max(QUALITY_SAMPLE, solver.sample if isinstance(solver, SampleSolver) else 0),
        seed=seed,
        batch_size=batch_size,
        progress=advance,
    )
    cavs = [
        _cav(solver, layer, concept, found[layer, number], found[layer, len(concepts)])
        for layer in layers
        for number, concept in enumerate(concepts)
    ]
    return ConceptBank(
        model=model.describe(),
        layers=shapes,
        sets=bank_sets,
        solver=solver.describe(),
        seed=seed,
        folds=folds,
        cavs=tuple(cavs),
        moments={
            (layer, entry.key): found[layer, number].folds for layer in layers for number, entry in enumerate(bank_sets)
        },
    )


def _gather_sets(
    concepts: Mapping[str, Source], random: Source, skip_unreadable: bool
) -> tuple[list[ImageSet], tuple[BankSet, ...]]:
    sources = [(name, source, True) for name, source in concepts.items()] + [("random", random, False)]
    sets: list[ImageSet] = []
    bank_sets: list[BankSet] = []
    for name, source, is_concept in sources:
        if not name.strip():
            raise OptionError("a concept needs a name that is not blank")
        label = f"concept {name!r}" if is_concept else "the random set"
        images, repeats = without_repeats(image_set(label, source, skip_unreadable=skip_unreadable))
        if len(images) < 2:
            raise ImageSetError(
                f"{label} has {len(images)} image{'s' * (len(images) != 1)} ({images.items[0].name}); at least 2 are "
                "needed to judge a vector on images that it was not fitted on, and 20 or more are advisable"
            )
        sets.append(images)
        bank_sets.append(
            BankSet(
                name if is_concept else None,
                tuple((item.name, item.digest) for item in images),
                tuple((entry.name, entry.reason) for entry in images.skipped),
                repeats,
            )
        )
    for images in sets[:-1]:
        require_disjoint(images, sets[-1])
    return sets, tuple(bank_sets)


def _solve(solver: Solver, concept: SetStatistics, random: SetStatistics, held: int | None) -> Solution:
    """Find the direction from all images, or from all but those of a fold."""
    if isinstance(solver, MomentSolver):
        if held is None:
            return solver.solve(concept.total(), random.total())
        return solver.solve(concept.without(held), random.without(held))
    assert isinstance(solver, SampleSolver)  # fit refuses any other
    kept = [side.sample.of_images(side.image_fold != held) for side in (concept, random)]
    return solver.solve(kept[0].vectors, kept[1].vectors)


def _cav(solver: Solver, layer: str, concept_name: str, concept: SetStatistics, random: SetStatistics) -> CAV:
    sides = (concept, random)
    location_scores = [np.empty(len(side.sample.vectors)) for side in sides]
    image_scores = [np.empty(len(side.image_fold)) for side in sides]
    try:
        for fold in range(max(len(concept.folds), len(random.folds))):
            vector = _solve(solver, concept, random, fold).vector
            for side, by_location, by_image in zip(sides, location_scores, image_scores, strict=True):
                images = side.image_fold == fold
                locations = images[side.sample.image]
                by_location[locations] = side.sample.vectors[locations] @ vector
                by_image[images] = side.image_means[images] @ vector
        solution = _solve(solver, concept, random, None)
    except SolverError as error:
        raise SolverError(f"concept {concept_name!r} at layer {layer!r}: {error}") from error
    on_concept, on_random = (
        HeldOut(scores, side.image_fold[side.sample.image]) for scores, side in zip(location_scores, sides, strict=True)
    )
    of_concept, of_random = (HeldOut(scores, side.image_fold) for scores, side in zip(image_scores, sides, strict=True))
    quality = Quality(
        accuracy=accuracy(on_concept, on_random),
        auroc=auroc(on_concept, on_random),
        image_accuracy=accuracy(of_concept, of_random),
        image_auroc=auroc(of_concept, of_random),
        images=len(concept.image_fold),
        random_images=len(random.image_fold),
        locations=int(concept.total().count),
        random_locations=int(random.total().count),
    )
    threshold = best_threshold(on_concept.scores, on_random.scores)
    return CAV(layer, concept_name, solution.vector, threshold, quality, solution.statistics)
