"""`fit`: from guidance images to a concept bank, in one pass over the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from math import prod

from sacv.cav.bank import ConceptBank, LayerShape
from sacv.cav.calibration import Calibration, calibrated, given, held_out
from sacv.cav.context import BankContext
from sacv.cav.estimate import draws, estimate, inner
from sacv.cav.gather import Gathered, SetPlan, gather
from sacv.cav.marked import Grids, Weights, covered, uncovered
from sacv.cav.pasting import ByLayer, context_photos, plan_pasting, settle
from sacv.cav.reading import Reading
from sacv.cav.sets import RANDOM, BankImage, BankSet
from sacv.concepts import (
    ImageItem,
    ImageSet,
    MarkedPhotos,
    MaskItem,
    Region,
    Source,
    batches,
    image_set,
    region_set,
    require_disjoint,
    without_repeats,
)
from sacv.errors import ImageSetError, OptionError
from sacv.model import VisionModel
from sacv.solvers import DEFAULT, Solver

Progress = Callable[[int, int], None]
"""Called with the number of batches done and of all."""


def fit(
    model: VisionModel,
    layers: Sequence[str],
    concepts: Mapping[str, Source] | None = None,
    random: Source = (),
    *,
    regions: Mapping[str, Region] | None = None,
    rest: bool = True,
    absent: Source | None = None,
    context: Source | None = None,
    solver: Solver | None = None,
    runs: int | None = None,
    nulls: int | None = None,
    folds: int = 5,
    locations: int = 32,
    seed: int = 0,
    batch_size: int | None = None,
    skip_unreadable: bool = False,
    progress: Progress | None = None,
) -> ConceptBank:
    """Find the direction of every concept at every layer.

    A concept's images are taken to show it everywhere, or where they are marked; a random image, nowhere. Each concept
    is told from its random set, location by location; folds, and so all figures, are grouped by image. The random set
    of a concept that is marked on photos is the rest of these photos; `sacv.cav.contrast` says how much random images
    beside it count.

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
    regions
        Concepts marked on photos, by name: images and masks. A location weighs as the mask covers its cell.
    rest
        Tell each marked concept from what is not marked of its photos, and from the whole photos that show nothing of
        it (see `Region`). Without it, from the random images alone; photos that show nothing are left out and counted.
    absent
        Pictures that show none of the concepts, used for nothing but to calibrate the mask of presence
        (`sacv.cav.presence`); 19 or more. They should be like those to be explained. Without them, of 80 random images
        or more some are held out of everything else for it; an empty sequence holds out none. As many are used as give
        2^27 values of activation over all layers, which are in memory until the CAVs are known.
    context
        Photos that show none of the concepts, in the same ways. Concepts and random images that are whole pictures,
        such as textures, are pasted into them, one composite for every ten images, and a layer learns from these where
        held-out images show that it helps (`sacv.cav.context`).
    solver
        How a direction is found, and how activations are read; `sacv.solvers.DEFAULT` by default.
    runs
        Random runs: CAVs of each concept against the pool and, from the second on, against random halves of it. The
        first is the bank's CAV. 20 by default, 5 for solvers that need samples.
    nulls
        CAVs of random images against random images, which say what chance does; 199 by default, 19 for solvers that
        need samples. With 0, nothing can be called significant.
    folds
        Folds of the held-out figures, at least 2; a set with fewer images has a fold for each.
    locations
        Locations sampled from each image, for figures that moments do not give and for solvers that need samples.
    seed
        Of folds, samples and draws. The same seed gives the same bank, byte for byte.
    batch_size
        Images a pass; it changes memory and speed only. The model's own choice by default
        (`VisionModel.batch_size`).
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
        If images or masks cannot be read, a set has fewer than two, a concept shares images with the random set, or
        `absent` or a context shares pictures with any other.
    ActivationError
        If an activation is not finite.
    SolverError
        If a concept and the random set do not differ.
    """
    solver = DEFAULT if solver is None else solver
    inner(solver)  # refuses what is no solver before any image is read
    wanted = draws(solver, runs, nulls)
    for name, value, least in (("folds", folds, 2), ("locations", locations, 1), ("seed", seed, 0)):
        if value < least:
            raise OptionError(f"{name} must be at least {least}, not {value}")
    model.modules(layers)  # a wrong name is told before any image is read
    sources = _sources(concepts or {}, random, regions or {}, rest, skip_unreadable)
    photos = None if context is None else context_photos(context, inner(solver), skip_unreadable)
    sources, calibration = _apart(sources, photos, absent, skip_unreadable)
    first = next(batches(sources[0].images.items, 1))
    shapes = {
        name: LayerShape(info.layout.name, info.grid, info.channels)
        for name, info in model.usable(model.inputs(first.images), layers).items()
        if info.layout is not None
    }
    sets, resting = _plans(model, shapes, sources, rest)
    calibration = calibration.within(sum(prod(shape.grid) * shape.channels for shape in shapes.values()))
    planned = len(sets)
    pasting = None
    if photos is not None:
        grids = {name: shape.grid for name, shape in shapes.items()}
        pasting = plan_pasting(model, grids, photos, [entry.concept for entry in sources], sets, folds, seed)
        sets += pasting.plans
    size = model.batch_size(batch_size)
    counts = (len({item.digest for entry in sets for item in entry.items}), len(calibration.images))
    total = sum(-(-count // size) for count in counts)
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
        reading=Reading.of(solver),
        locations=locations,
        seed=seed,
        batch_size=size,
        progress=advance,
        kept=calibration.images.items,
    )
    used = {item.digest for number in (len(sources) - 1, *resting.values()) for item in sets[number].items}
    bank_sets = tuple(_bank_set(source, entry, found, used) for source, entry in zip(sources, sets, strict=False))
    rests = tuple(BankSet(name, _bank_images(sets[number], found), rest=True) for name, number in resting.items())
    numbers = {entry.key: number for number, entry in enumerate(bank_sets)}
    numbers |= {entry.key: number for entry, number in zip(rests, resting.values(), strict=True)}
    statistics = {(layer, key): found.sets[layer, number] for layer in layers for key, number in numbers.items()}
    marked = [entry.key for entry in bank_sets if entry.regions]
    start = planned - len(marked)
    seen_through = {(layer, marked[number - start]): kept for (layer, number), kept in found.means.items()}
    seen: BankContext | None = None
    taken: ByLayer = {}
    if pasting is not None:
        seen, taken = settle(pasting, inner(solver), layers, statistics, found.sets, planned)
    cavs = estimate(
        list(layers),
        bank_sets,
        rests,
        statistics,
        seen_through,
        solver=solver,
        wanted=wanted,
        seed=seed,
        pasted=taken,
    )
    grids = {name: shape.grid for name, shape in shapes.items()}
    return ConceptBank(
        model=model.describe(),
        layers=shapes,
        sets=bank_sets,
        solver=solver.describe(),
        seed=seed,
        folds=folds,
        locations=locations,
        runs=wanted.runs,
        nulls=wanted.nulls,
        rests=rests,
        cavs=calibrated(cavs, calibration, found.kept, grids),
        statistics=statistics,
        seen_through=seen_through,
        absent=_absent_set(calibration, found),
        context=seen,
        pasted=taken,
    )


@dataclass(frozen=True, eq=False)
class _Source:
    """Images of one set; if it is made of marked regions, a mask for each, the negatives and the masks of no photo."""

    concept: str | None
    images: ImageSet
    repeats: tuple[tuple[str, str], ...]
    masks: tuple[MaskItem, ...] | None = None
    negatives: tuple[ImageItem, ...] = ()
    unmatched: int = 0


def _sources(
    concepts: Mapping[str, Source], random: Source, regions: Mapping[str, Region], rest: bool, skip_unreadable: bool
) -> list[_Source]:
    """Read every set, the random one last, and check that each is large enough and none overlaps the random one."""
    if not concepts and not regions:
        raise OptionError("no concept is given; name one with its images (concepts={'striped': 'folder'})")
    both = sorted(set(concepts) & set(regions))
    if both:
        raise OptionError(f"concept {both[0]!r} is given with whole images and with marked regions; give one of them")
    for name in (*concepts, *regions):
        if not name or "/" in name or name == RANDOM:
            raise OptionError(f"a concept cannot be named {name!r}; give a name without '/', and not {RANDOM!r}")
    found = []
    for name, source in concepts.items():
        images, repeats = without_repeats(image_set(name, source, skip_unreadable=skip_unreadable))
        found.append(_Source(name, images, repeats))
    for name, region in regions.items():
        found.append(_marked(name, region_set(name, region, skip_unreadable=skip_unreadable)))
    if isinstance(random, Sequence) and not isinstance(random, str) and len(random) == 0:
        if not (rest and regions):
            raise OptionError("no random images are given; give a folder of images that do not show the concepts")
        found.append(_Source(None, ImageSet("random", ()), ()))
    else:
        images, repeats = without_repeats(image_set("random", random, skip_unreadable=skip_unreadable))
        found.append(_Source(None, images, repeats))
    for entry in found[:-1]:
        require_disjoint(entry.images, found[-1].images)
    for entry in found[:-1]:
        count = len(entry.images)
        if count < 2:
            raise ImageSetError(
                f"{entry.images.name} has {count} image ({entry.images.items[0].name}); at least 2 are needed to judge "
                "a vector on images that it was not fitted on, and 20 or more are advisable"
            )
    return found


def _marked(name: str, photos: MarkedPhotos) -> _Source:
    images, repeats = without_repeats(photos.images)
    negatives, more = without_repeats(replace(photos.images, items=photos.negatives))
    by_item = {id(item): mask for item, mask in zip(photos.images, photos.masks, strict=True)}
    masks = tuple(by_item[id(item)] for item in images)
    return _Source(name, images, repeats + more, masks, negatives.items, photos.unmatched)


def _apart(
    sources: list[_Source], photos: ImageSet | None, absent: Source | None, skip_unreadable: bool
) -> tuple[list[_Source], Calibration]:
    """Give the sets without the pictures that are used for calibration alone, and these; `photos` are the context."""
    if absent is not None:
        others = [replace(entry.images, items=(*entry.images.items, *entry.negatives)) for entry in sources]
        others += [] if photos is None else [photos]
        return sources, given(absent, others, skip_unreadable=skip_unreadable)
    calibration, rest = held_out(sources[-1].images)
    return [*sources[:-1], replace(sources[-1], images=rest)], calibration


def _plans(
    model: VisionModel, shapes: Mapping[str, LayerShape], sources: Sequence[_Source], rest: bool
) -> tuple[list[SetPlan], dict[str, int]]:
    """Plan the sets, and give the place among them of the rest of each marked concept's photos, if it is wanted.

    First come the sets of the sources, then the rests, then for each marked concept the random set as seen through its
    masks. Where no random images are given, the random set is the rest that no concept marks.
    """
    grids = {name: shape.grid for name, shape in shapes.items()}
    plans: list[SetPlan] = []
    marked: dict[int, tuple[Weights, ...]] = {}
    for number, entry in enumerate(sources[:-1]):
        if entry.masks is None:
            plans.append(SetPlan(entry.images.items, (None,) * len(entry.images)))
            continue
        weights = tuple(covered(model, grids, *pair) for pair in zip(entry.images, entry.masks, strict=True))
        marked[number] = weights
        plans.append(SetPlan(entry.images.items, weights))
    pool: list[tuple[ImageItem, Weights | None]] = [(item, None) for item in sources[-1].images]
    if not pool:
        pool = _rest(model, grids, sources, None)
    if len(pool) < 2:
        named = f" ({pool[0][0].name})" if pool else ""
        raise ImageSetError(
            f"random has {len(pool)} image{'s' * (len(pool) != 1)}{named}; at least 2 are needed to judge a vector on "
            "images that it was not fitted on: give a folder of images that do not show the concepts"
        )
    items, pool_weights = zip(*pool, strict=True)
    plans.append(SetPlan(items, pool_weights))
    resting: dict[str, int] = {}
    for number, entry in enumerate(sources[:-1]):
        if rest and entry.masks is not None:
            found = _rest(model, grids, sources, entry)
            if not sources[-1].images.items and len(sources) == 2:  # the random set is this rest
                resting[str(entry.concept)] = len(sources) - 1
                continue
            if len(found) > 1:
                resting[str(entry.concept)] = len(plans)
                plans.append(
                    SetPlan(tuple(item for item, _ in found), tuple(weights for _, weights in found), follows=number)
                )
    for number, weights in marked.items():
        through = _seen_through([item.digest for item in sources[number].images], weights, pool)
        plans.append(SetPlan(items, through, means_only=True))
    return plans, resting


def _seen_through(
    digests: Sequence[str], masks: Sequence[Weights], pool: Sequence[tuple[ImageItem, Weights | None]]
) -> tuple[Weights, ...]:
    """Lay mask after mask on image after image of the random set.

    Of a marked photo in it only the rest counts, under the mask of another photo; all of the rest, if that is nothing.
    """
    found = []
    for index, (item, rest) in enumerate(pool):
        place = index % len(masks)
        if rest is None:
            found.append(masks[place])
            continue
        if digests[place] == item.digest:
            place = (place + 1) % len(masks)
        both = {layer: share * masks[place][layer] for layer, share in rest.items()}
        found.append(both if all(share.any() for share in both.values()) else rest)
    return tuple(found)


def _rest(
    model: VisionModel, grids: Grids, sources: Sequence[_Source], concept: _Source | None
) -> list[tuple[ImageItem, Weights | None]]:
    """Give each photo of the regions once, with what is not marked on it: all of it, if it is marked nowhere.

    On the photos of `concept` it is what this concept does not mark, on others what no concept marks. A photo that is
    marked all over has no rest, nor, where the rest is the random set of all, has one that is another concept's as a
    whole. Those that are random images count as these.
    """
    own = {item.digest for item in concept.images} if concept is not None else set()
    whole = (
        {item.digest for entry in sources if entry.masks is None for item in entry.images} if concept is None else set()
    )
    items: dict[str, ImageItem] = {}
    masks: dict[str, list[MaskItem]] = {}
    for entry in sources:
        for item, mask in zip(entry.images, entry.masks or (), strict=False):
            if item.digest not in whole and (item.digest not in own or entry is concept):
                items.setdefault(item.digest, item)
                masks.setdefault(item.digest, []).append(mask)
    found = [(item, uncovered(model, grids, item, masks[digest])) for digest, item in items.items()]
    negatives = {item.digest: item for entry in sources for item in entry.negatives}
    known = {item.digest for item in sources[-1].images}
    unmarked = [item for digest, item in negatives.items() if digest not in whole | masks.keys() | known]
    return [(item, weights) for item, weights in found if weights is not None] + [(item, None) for item in unmarked]


def _bank_images(entry: SetPlan, found: Gathered) -> tuple[BankImage, ...]:
    return tuple(BankImage(item.name, item.digest, tuple(found.looks[item.digest].tolist())) for item in entry.items)


def _bank_set(source: _Source, entry: SetPlan, found: Gathered, used: Set[str]) -> BankSet:
    negatives = sum(item.digest in used for item in source.negatives)
    return BankSet(
        source.concept,
        _bank_images(entry, found),
        source.masks is not None,
        tuple((skipped.name, skipped.reason) for skipped in source.images.skipped),
        source.repeats,
        negatives,
        len(source.negatives) - negatives,
        source.unmatched,
        source.concept is None and not source.images.items,
    )


def _absent_set(calibration: Calibration, found: Gathered) -> BankSet:
    items, skipped = calibration.images.items, calibration.images.skipped
    return BankSet(
        None,
        tuple(BankImage(item.name, item.digest, tuple(found.looks[item.digest].tolist())) for item in items),
        skipped=tuple((one.name, one.reason) for one in skipped),
        repeats=calibration.repeats,
    )
