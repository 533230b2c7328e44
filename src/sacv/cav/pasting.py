"""Plan composites for a fit, and decide where their pasted locations are taken (`sacv.cav.context`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from sacv.cav.context import COST, LEAST_COMPOSITES, BankContext, ContextEvidence, Part, Pasted, judge
from sacv.cav.contrast import kind_auroc
from sacv.cav.membership import SetPlan, all_units
from sacv.cav.region_weights import Grids, Weights
from sacv.cav.sets import RANDOM
from sacv.cav.statistics import SetStatistics
from sacv.concepts import (
    FoldComposite,
    ImageItem,
    ImageSet,
    draw_composites,
    image_set,
    mask_weights,
    shared_images,
    without_repeats,
)
from sacv.concepts.image_set import Source
from sacv.errors import ImageSetError, OptionError, SolverError
from sacv.model import VisionModel, Window
from sacv.model.transform import Box, Framed
from sacv.solvers import Evidence, MomentSolver, SampleSolver

ByLayer: TypeAlias = dict[tuple[str, str], SetStatistics]
"""By layer and key of a set (`BankSet.key`)."""


@dataclass(frozen=True, eq=False)
class Textures:
    """A set of whole images to paste: its concept (None for the random set), its images and their folds."""

    concept: str | None
    items: tuple[ImageItem, ...]
    folds: NDArray[np.int64]

    def by_fold(self, count: int) -> list[list[ImageItem]]:
        """Return the images of each fold."""
        return [
            [item for item, number in zip(self.items, self.folds, strict=True) if number == fold]
            for fold in range(count)
        ]


@dataclass(frozen=True, eq=False)
class Pasting:
    """Composites and the sets of their regions."""

    photos: ImageSet
    concepts: tuple[str, ...]
    """Names of the concepts whose images are pasted."""
    placed: tuple[FoldComposite, ...]
    plans: tuple[SetPlan, ...]
    """The regions of each concept, the regions of random textures, and the photos around the regions."""
    members: tuple[NDArray[np.int64], ...]
    """For each of `plans`, int `(images,)`: indices of the composites."""


def context_photos(
    source: Source, solver: MomentSolver | SampleSolver, skip_unreadable: bool, window: Window | None = None
) -> ImageSet:
    """Read the context photos."""
    if isinstance(solver, SampleSolver):
        raise OptionError(
            f"context needs a solver that uses moments, but {type(solver).__name__} needs samples; use "
            "MeanDifference(), LDA() or Ridge(), or leave the context out"
        )
    photos, _ = without_repeats(image_set("context", source, skip_unreadable=skip_unreadable, window=window))
    if len(photos) < 2:
        raise ImageSetError(
            f"context has 1 photo ({photos.items[0].name}); at least 2 are needed, and one for every 10 images is "
            "advisable: give a folder of photos that show none of the concepts"
        )
    return photos


def _require_apart(photos: ImageSet, sets: Mapping[str, SetPlan]) -> None:
    """Check that the context shares no photo with a concept or the random set."""
    for name, entry in sets.items():
        if shared := shared_images(photos, entry.items):
            raise ImageSetError(
                f"the context and {name} share {shared}; context photos must be in no other set: remove them from one "
                "of the two"
            )


def plan_pasting(
    model: VisionModel,
    grids: Grids,
    photos: ImageSet,
    names: Sequence[str | None],
    sets: Sequence[SetPlan],
    folds: int,
    seed: int,
) -> Pasting:
    """Plan the composites of the concepts with whole images.

    `names` are the concepts of the first of all `sets` of the fit; the last is None, for the random set. Raises
    ImageSetError if the context shares images with a set, or there are too few images, and OptionError if nothing can
    be pasted, or the transform does not state which part of an image is the input of the network.
    """
    titles = ["the random set" if name is None else f"concept {name!r}" for name in names]
    _require_apart(photos, dict(zip(titles, sets, strict=False)))
    assigned = [units.folds[units.of_image] for units in all_units(sets, folds, seed)]
    textures = [_textures(name, entry, fold_of) for name, entry, fold_of in zip(names, sets, assigned, strict=False)]
    *concepts, random = textures
    textures = [*(part for part in concepts if part.items), random]
    if len(textures) == 1:
        raise OptionError(
            "context is for concepts with whole images, such as textures, but every concept here has regions: leave "
            "the context out"
        )
    if not random.items:
        raise OptionError("context pastes random images too, and there are none: give random images")
    return _pasting(model, grids, photos, textures, len({item.digest for part in sets for item in part.items}), seed)


def _textures(concept: str | None, entry: SetPlan, folds: NDArray[np.int64]) -> Textures:
    whole = [index for index, weights in enumerate(entry.weights) if weights is None]
    return Textures(concept, tuple(entry.items[index] for index in whole), folds[whole])


def _pasting(
    model: VisionModel, grids: Grids, photos: ImageSet, textures: Sequence[Textures], images: int, seed: int
) -> Pasting:
    count = images // COST
    if count < LEAST_COMPOSITES:
        raise ImageSetError(
            f"context: there is one composite for every {COST} images, and {images} images give {count}; at least "
            f"{LEAST_COMPOSITES} are needed: give {COST * LEAST_COMPOSITES} images or more, or leave the context out"
        )
    folds = 1 + max(int(part.folds.max()) for part in textures)
    placed = draw_composites(photos.items, [part.by_fold(folds) for part in textures], count, seed)
    covers = [_covers(model, grids, each, len(textures)) for each in placed]
    items = [each.composite.item for each in placed]
    plans, members = [], []
    for number in range(len(textures) + 1):
        shown = [index for index, cover in enumerate(covers) if cover[number] is not None]
        plans.append(
            SetPlan(
                tuple(items[index] for index in shown),
                tuple(covers[index][number] for index in shown),
                folds=tuple(placed[index].fold for index in shown),
            )
        )
        members.append(np.array(shown, dtype=np.int64))
    names = tuple(str(part.concept) for part in textures[:-1])
    return Pasting(photos, names, placed, tuple(plans), tuple(members))


def _covers(model: VisionModel, grids: Grids, placed: FoldComposite, sets: int) -> list[Weights | None]:
    """Return the share of each cell that the regions of each set and the photo cover; None if it is 0 everywhere."""
    labels = placed.composite.labels()
    region = _seen(model, (labels.shape[1], labels.shape[0]))
    found: list[Weights | None] = []
    for number in range(sets + 1):
        regions = [index for index, owner in enumerate(placed.sets) if owner == number] if number < sets else [-1]
        inside = np.isin(labels, regions)
        cover = {layer: mask_weights(inside, _plane(layer, grid), region).ravel() for layer, grid in grids.items()}
        found.append(cover if all(part.any() for part in cover.values()) else None)
    return found


def _seen(model: VisionModel, size: tuple[int, int]) -> Box:
    if not isinstance(model.transform, Framed):
        raise OptionError(
            "context needs a transform that states which part of an image is the input of the network; "
            "give transform=sacv.ImageTransform(...)"
        )
    return model.transform.region(size)


def _plane(layer: str, grid: tuple[int, ...]) -> tuple[int, int]:
    if len(grid) != 2:
        raise OptionError(f"layer {layer!r} has a grid of {len(grid)} axes; pasting into photos needs two")
    return grid[0], grid[1]


def settle(
    pasting: Pasting,
    solver: MomentSolver | SampleSolver,
    layers: Sequence[str],
    full: Mapping[tuple[str, str], SetStatistics],
    gathered: Mapping[tuple[str, int], SetStatistics],
    first: int,
) -> tuple[BankContext, ByLayer]:
    """Decide for every layer and concept whether the pasted locations are taken, and return those that are.

    `full` are statistics of the full frames, by layer and key of the set; `gathered`, of the composites, by layer and
    index of the set, the first of which is `first`.
    """
    assert isinstance(solver, MomentSolver)  # context_photos refuses others
    random = len(pasting.concepts)
    enough = [number for number in range(random) if len(pasting.members[number]) >= LEAST_COMPOSITES]
    evidence: list[ContextEvidence] = []
    taken: ByLayer = {}
    for layer in layers:
        parts = {
            number: Part(gathered[layer, first + number], pasting.members[number])
            for number in (*enough, random, random + 1)
        }
        for number in enough:
            name = pasting.concepts[number]
            key = f"concept/{name}"
            try:
                sides = (full[layer, key], full[layer, RANDOM])
                settled = solver.settled(Evidence(sides[0].count, False, kind_auroc(*sides)))
                found = judge(layer, name, settled, sides, (parts[number], parts[random]), parts[random + 1])
            except SolverError as error:
                raise SolverError(f"concept {name!r} at layer {layer!r}: {error}") from error
            evidence.append(found)
            if found.taken:
                taken |= {(layer, key): parts[number].found, (layer, RANDOM): parts[random].found}
    composites = tuple(
        Pasted(each.photo.digest, tuple(part.digest for part in each.textures), each.seed)
        for each in (placed.composite for placed in pasting.placed)
    )
    photos = tuple((item.name, item.digest) for item in pasting.photos)
    few = tuple(name for number, name in enumerate(pasting.concepts) if number not in enough)
    skipped = tuple((entry.name, entry.reason) for entry in pasting.photos.skipped)
    return BankContext(photos, composites, tuple(evidence), few, skipped), taken
