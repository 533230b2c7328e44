"""`fit`: from guidance images to a concept bank, in one pass over the images."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from math import prod
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from sacv.cav.bank import ConceptBank
from sacv.cav.bank_files import LayerShape
from sacv.cav.calibration import Calibration, calibrated
from sacv.cav.context import BankContext
from sacv.cav.draws import draws, inner
from sacv.cav.estimate import estimate, problems
from sacv.cav.extraction import gather
from sacv.cav.membership import Units, plan
from sacv.cav.pasting import ByLayer, context_photos, plan_pasting, settle
from sacv.cav.plans import plan_sets, whole_images
from sacv.cav.preprocessing import Reading
from sacv.cav.presence import negatives_of
from sacv.cav.scored_images import choose, room, scored
from sacv.cav.sets import DIGITS, SEVERAL, BankImage, BankSet, group_hash
from sacv.cav.sources import FitSource, hold_out, read_sources, with_source_groups, within_strata
from sacv.cav.within import BankWithin, Masked, compare, read_masks
from sacv.concepts import Groups, ImageItem, Region, Source, Within, WithinSource, batches, group_rule
from sacv.engine import Engine, ShardStore
from sacv.errors import OptionError
from sacv.model import VisionModel
from sacv.solvers import DEFAULT, Solver

Progress = Callable[[int, int], None]
"""Called with the number of batches done and of all."""


class _Images(TypedDict):
    """What a `BankSet` holds of its images."""

    images: tuple[BankImage, ...]
    joined: tuple[str, ...]
    joined_groups: tuple[str, ...]


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
    groups: Groups | None = None,
    match: bool = False,
    within: WithinSource | None = None,
    solver: Solver | None = None,
    runs: int | None = None,
    nulls: int | None = None,
    folds: int = 5,
    locations: int = 32,
    seed: int = 0,
    batch_size: int | None = None,
    skip_unreadable: bool = False,
    engine: Engine | None = None,
    shards: ShardStore | None = None,
    progress: Progress | None = None,
) -> ConceptBank:
    """Find the direction of every concept at every layer.

    A concept's images are taken to show it everywhere, or where they are marked; a random image, nowhere. Each concept
    is told from its random set, location by location; folds, and so all figures, are grouped by image. The random set
    of a concept that is marked on photos is the rest of these photos; `sacv.cav.contrast` says how much random images
    beside it count. Of a concept from a table (`sacv.from_table`) it is the pictures of the rows that do not show it,
    unless random images are given.

    Parameters
    ----------
    model
        The model.
    layers
        Dotted names of layers.
    concepts
        Images of each concept by its name: a folder, files, pictures, uint8 arrays or float tensors
        (see `sacv.concepts.image_set`), or a `sacv.Labelled` from a table (`sacv.from_table(...).concepts`).
    random
        Images that do not show the concepts, in the same ways; several folders are one pool.
    regions
        Concepts marked on photos, by name: images and masks. A location weighs as the mask covers its cell.
    rest
        Tell each marked concept from what is not marked of its photos, and from the whole photos that show nothing of
        it (see `Region`). Without it, from the random images alone; photos that show nothing are left out and counted.
    absent
        Pictures that show none of the concepts, used for nothing but the mask of presence (`sacv.cav.presence`); 19 or
        more. Of 24 or more, up to half give hard negatives (`sacv.cav.hard_negatives`) and the others calibrate. They
        should be like those to be explained. Without them, of 80 random images or more some are held out of everything
        else for it; an empty sequence holds out none. Concepts of tables use every row: without `absent` their mask is
        cross-conformal on the pictures that do not show them (`sacv.cav.image_scores`). As many are used as give 2^27
        values of activation over all layers, which are in memory until the CAVs are known.
    context
        Photos that show none of the concepts, in the same ways. Concepts and random images that are whole pictures,
        such as textures, are pasted into them, one composite for every ten images, and a layer learns from these where
        held-out images show that it helps (`sacv.cav.context`).
    groups
        Which images belong together, such as those of one patient, and so are not independent: a regular expression on
        their names, of which the first parentheses or else the whole match is the group; or a mapping or a function
        from name to group. Images that have a group already keep it. Folds, intervals, draws and the calibration of
        the mask of presence are then over groups, and a group has the same fold in every set.
    match
        Compare each concept with its random set within the strata of the table's columns (`from_table(strata=)`), so
        that what goes with a column does not part the two: images are weighted so that both have the same share of
        every stratum (`sacv.cav.strata`), and those of a stratum that has one side only are left out and counted.
    within
        What of each picture counts, by masks (`sacv.Within`, or what one is made from): of the concepts' images, of
        marked regions and of what is not marked, of the random set and of `absent` alike. A location weighs the share
        of its cell that is inside; evidence of presence is the greatest over the locations that count
        (`sacv.cav.inside`). The network still sees the whole picture.
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
        Locations sampled from each image, for figures that moments do not give and for solvers that need samples; of
        more than 8,192 over a set fewer of each, but at least 8.
    seed
        Of folds, samples and draws. The same seed gives the same bank, byte for byte.
    batch_size
        Images a pass; it changes memory and speed only. The model's own choice by default
        (`VisionModel.batch_size`).
    skip_unreadable
        Leave out files that cannot be read and list them in the bank, rather than stop.
    engine
        Who does the work (`sacv.engine`); this process by default. The bank is the same, byte for byte.
    shards
        Where finished parts of the pass are written, and those that are there already are read from, so that an
        interrupted fit goes on where it stopped and gives the same bank::

            with sacv.ShardStore("bank.shards") as shards:
                sacv.fit(..., shards=shards).save("bank")
    progress
        Called with the number of batches done and of all.

    Returns
    -------
    A `ConceptBank` with a CAV of L2 norm 1, pointing to the concept, for each layer and concept.

    Raises
    ------
    OptionError
        If an argument is outside what is legal, or `context` and `within` are given together.
    LayerError
        If a layer does not exist or cannot be asked about.
    ImageError
        If images or masks cannot be read, a picture has no mask to stay within or nothing inside it, a set has fewer
        than two, a concept shares images with the random set, or `absent` or a context shares pictures with any other.
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
    if context is not None and within is not None:
        raise OptionError("context pastes pictures into photos and within takes a part of each; give one of the two")
    model.modules(layers)  # a wrong name is told before any image is read
    rule = None if groups is None else group_rule(groups)
    sources = read_sources(concepts or {}, random, regions or {}, rest, skip_unreadable, model.window)
    sources = with_source_groups(sources, rule)
    if match:
        sources = within_strata(sources)
    photos = None if context is None else context_photos(context, inner(solver), skip_unreadable, model.window)
    sources, calibration = hold_out(sources, photos, absent, skip_unreadable, model.window, rule)
    first = next(batches(sources[0].images.items, 1))
    shapes = {
        name: LayerShape(info.layout.name, info.grid, info.channels)
        for name, info in model.usable(model.inputs(first.images), layers).items()
        if info.layout is not None
    }
    grids = {name: shape.grid for name, shape in shapes.items()}
    calibration = calibration.within(sum(prod(shape.grid) * shape.channels for shape in shapes.values()))
    masked: Masked | None = None
    if within is not None:
        masked = read_masks(model, grids, [*_counted(sources, rest), *calibration.images], Within.taken(within))
    sets, resting = plan_sets(model, grids, sources, rest, masked)
    planned = len(sets)
    whole = whole_images(sets)
    sets += whole.values()
    pasting = None
    if photos is not None:
        pasting = plan_pasting(model, grids, photos, [entry.concept for entry in sources], sets, folds, seed)
        sets += pasting.plans
    size = model.batch_size(batch_size)
    tables = {
        str(entry.concept): (number, resting[str(entry.concept)])
        for number, entry in enumerate(sources)
        if entry.others is not None
    }
    most = room([(*shape.grid, shape.channels) for shape in shapes.values()], len(calibration.images))
    whole_items = choose([(sets[shown].items, sets[others].items) for shown, others in tables.values()], most)
    made = plan(sets, folds, seed, calibration.images.items, whole_items)
    total = -(-(len(made.items) - made.apart) // size) + -(-made.apart // size)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(done, total)

    found = gather(
        model,
        layers,
        made,
        reading=Reading.of(solver),
        locations=locations,
        seed=seed,
        batch_size=size,
        progress=advance,
        engine=engine,
        shards=shards,
        masks=None if masked is None else masked.masks,
    )
    images = [
        _bank_images(entry.items, units, looks)
        for entry, units, looks in zip(sets, made.units, found.looks, strict=True)
    ]
    used = {item.digest for number in (len(sources) - 1, *resting.values()) for item in sets[number].items}
    bank_sets = tuple(_bank_set(source, its, used) for source, its in zip(sources, images, strict=False))
    rests = tuple(BankSet(name, rest=True, **images[number]) for name, number in resting.items())
    numbers = {entry.key: number for number, entry in enumerate(bank_sets)}
    numbers |= {entry.key: number for entry, number in zip(rests, resting.values(), strict=True)}
    statistics = {(layer, key): found.sets[layer, number] for layer in layers for key, number in numbers.items()}
    marked = [entry.key for entry in bank_sets if entry.regions]
    start = planned - len(marked)
    seen_through = {
        (layer, marked[number - start]): kept for (layer, number), kept in found.means.items() if number < planned
    }
    seen: BankContext | None = None
    taken: ByLayer = {}
    if pasting is not None:
        seen, taken = settle(pasting, inner(solver), layers, statistics, found.sets, planned)
    pictures = {name: scored(made, places, found.whole, masked) for name, places in tables.items()}
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
        scored={name: its for name, its in pictures.items() if its is not None},
    )
    found_from = {}
    if negatives_of(calibration.groups):
        found_from = problems(layers, bank_sets, rests, statistics, solver=solver, pasted=taken)
    counts, held_within = None, None
    if masked is not None:
        counts = masked.counts(calibration.images)
        places = {number: planned + place for place, number in enumerate(whole)}
        outer = {
            (layer, key): found.means[layer, places[number]]
            for layer in layers
            for key, number in numbers.items()
            if number in places
        }
        held_within = BankWithin.of(masked, compare(layers, bank_sets, statistics, outer))
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
        cavs=calibrated(cavs, calibration, found.kept, grids, found_from, counts),
        statistics=statistics,
        seen_through=seen_through,
        absent=_absent_set(calibration, found.kept_looks),
        context=seen,
        pasted=taken,
        within=held_within,
    )


def _counted(sources: Sequence[FitSource], rest: bool) -> list[ImageItem]:
    """Give the pictures that stand in a set."""
    return [
        item for entry in sources for item in (*entry.images, *(entry.negatives if rest else ()), *(entry.others or ()))
    ]


def _bank_images(items: Sequence[ImageItem], units: Units, looks: NDArray[np.float64]) -> _Images:
    """Give what a bank holds of the images of a set: a name for each unit, and the hashes of the others."""
    named = units.firsts.tolist()
    rows = zip(named, units.images.tolist(), units.sizes.tolist(), looks.tolist(), strict=True)
    joined = sorted(set(range(len(items))).difference(named))
    groups = dict.fromkeys(str(items[at].group) for at in joined if items[at].group is not None)
    naming = {items[at].group for at in named}
    strata = _strata(items, units)
    return {
        "images": tuple(
            BankImage(items[at].name, items[at].digest, tuple(seen), count, items[at].group, size, its)
            for (at, count, size, seen), its in zip(rows, strata, strict=True)
        ),
        "joined": tuple(items[at].digest[:DIGITS] for at in joined),
        "joined_groups": tuple(group_hash(group) for group in groups if group not in naming),
    }


def _strata(items: Sequence[ImageItem], units: Units) -> list[tuple[tuple[str, str], ...]]:
    """Give the strata of each unit."""
    found: list[dict[str, str]] = [{} for _ in units.firsts]
    for item, unit in zip(items, units.of_image.tolist(), strict=True):
        for column, value in item.strata.items():
            if found[unit].setdefault(column, value) != value:
                found[unit][column] = SEVERAL
    return [tuple(its.items()) for its in found]


def _bank_set(source: FitSource, images: _Images, used: Set[str]) -> BankSet:
    lacking = source.others or source.negatives
    negatives = sum(item.digest in used for item in lacking)
    return BankSet(
        source.concept,
        regions=source.masks is not None,
        skipped=tuple((skipped.name, skipped.reason) for skipped in source.images.skipped),
        repeats=source.repeats,
        negatives=negatives,
        unused=source.unused + len(lacking) - negatives,
        unmatched=source.unmatched,
        rest=source.concept is None and not source.images.items,
        missing=source.missing,
        unpaired=source.unpaired,
        **images,
    )


def _absent_set(calibration: Calibration, looks: NDArray[np.float64]) -> BankSet:
    items, skipped = calibration.images.items, calibration.images.skipped
    return BankSet(
        None,
        skipped=tuple((one.name, one.reason) for one in skipped),
        repeats=calibration.repeats,
        **_bank_images(items, Units.alone(len(items)), looks),
    )
