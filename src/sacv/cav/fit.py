"""`fit`: fit a concept bank from images, in one pass over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
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
from sacv.cav.passes import Progress
from sacv.cav.pasting import ByLayer, context_photos, plan_pasting, settle
from sacv.cav.plans import plan_sets, whole_images
from sacv.cav.preprocessing import Preprocessing
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


class _Images(TypedDict):
    """The fields of a `BankSet` about its images."""

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
    """Fit a CAV for every concept at every layer.

    Every location of a concept image, or of its regions, is a positive example, and every location of the random set is
    a negative example. Cross-validation folds, and so all quality figures, are grouped by image. The random set of a
    concept with regions is the rest of the annotated images, together with random images (`sacv.cav.contrast`). The
    random set of a concept from a table (`sacv.from_table`) is the images of the rows without the concept, unless
    random images are given.

    Parameters
    ----------
    model
        The model.
    layers
        Dotted names of layers.
    concepts
        Images of each concept by name: a folder, files, PIL images, uint8 arrays or float tensors
        (`sacv.concepts.image_set`), or a `sacv.Labelled` from a table (`sacv.from_table(...).concepts`).
    random
        Images without the concepts, in the same forms.
    regions
        Concepts with regions, by name: images and masks. The weight of a location is the share of its cell in the mask.
    rest
        Contrast each concept with regions with the rest of its images, and with the given images without the concept
        (see `Region`). If False, it is contrasted with the random images alone, and images without regions are unused.
    absent
        At least 19 images without the concepts, used only to calibrate the presence mask (`sacv.cav.presence`). They
        should resemble the images to explain. Of 24 or more, up to half give hard negatives
        (`sacv.cav.hard_negatives`). Without `absent`, part of the random images is held out if there are 80 or more; an
        empty sequence holds out none. The presence mask of a concept from a table is cross-conformal on the images
        without it (`sacv.cav.image_scores`), unless `absent` is given. At most 2^27 activation values over all layers
        are used, which stay in memory until the CAVs are fitted.
    context
        Context photos without the concepts, in the same forms. Whole concept and random images, such as textures, are
        pasted into them, one composite for every ten images. A layer is fitted on the composites too if held-out images
        show an improvement (`sacv.cav.context`).
    groups
        Groups of images that are not independent, such as those of one patient: a regular expression on their names,
        whose first parentheses or else whole match is the group; or a mapping or a function from name to group. Groups
        that an image already has stay. Folds, intervals, draws and the calibration of the presence mask are then over
        groups, and a group has the same fold in every set.
    match
        Compare each concept with its random set within strata (`from_table(strata=)`), so that a column is not
        confounded with the concept: images are weighted so that both sets have the same share of every stratum
        (`sacv.cav.strata`). Images of a stratum with only one of the two are left out and counted.
    within
        Masks of all images (`sacv.Within`, or a source of one): only locations inside count. The weight of a location
        is the share of its cell inside the mask (`sacv.cav.inside`). The input of the network is still the whole image.
    solver
        The solver, with its activation preprocessing; `sacv.solvers.DEFAULT` by default.
    runs
        Number of random runs. The first is the CAV of the bank; the others use random halves of the random set. 20 by
        default, 5 for solvers that need samples.
    nulls
        Number of null CAVs and of permuted CAVs, which give the null distribution. 199 by default, 19 for solvers that
        need samples. With 0 there is no significance mask.
    folds
        Number of cross-validation folds, at least 2. A set with fewer images has a fold for each.
    locations
        Number of locations sampled from each image, for quality figures and for solvers that need samples. Above 8,192
        in a set it is reduced, to at least 8.
    seed
        Random seed of folds, samples and draws. The same seed gives the same bank, byte for byte.
    batch_size
        Images for each forward pass; it changes only memory and speed. By default `VisionModel.batch_size` chooses.
    skip_unreadable
        Leave out unreadable files and list them in the bank, instead of raising an error.
    engine
        The engine that runs the pass (`sacv.engine`); this process by default. The bank is the same, byte for byte.
    shards
        Store of finished shards. An interrupted fit continues from it and gives the same bank::

            with sacv.ShardStore("bank.shards") as shards:
                sacv.fit(..., shards=shards).save("bank")
    progress
        Function called with the number of finished batches and the total number.

    Returns
    -------
    A `ConceptBank` with a CAV of L2 norm 1, pointing to the concept, for each layer and concept.

    Raises
    ------
    OptionError
        If an argument is not legal, or `context` and `within` are given together.
    LayerError
        If a layer does not exist or has no locations.
    ImageError
        If an image or mask cannot be read, an image has no mask or nothing inside it, a set has fewer than two images,
        a concept shares images with the random set, or `absent` or `context` shares images with another set.
    ActivationError
        If an activation is not finite.
    SolverError
        If a concept and its random set do not differ.
    """
    solver = DEFAULT if solver is None else solver
    inner(solver)  # raises before any image is read
    wanted = draws(solver, runs, nulls)
    for name, value, least in (("folds", folds, 2), ("locations", locations, 1), ("seed", seed, 0)):
        if value < least:
            raise OptionError(f"{name} must be at least {least}, not {value}")
    if context is not None and within is not None:
        raise OptionError("context and within cannot be combined; give one of the two")
    model.modules(layers)  # raises before any image is read
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
        preprocessing=Preprocessing.of(solver),
        locations=locations,
        seed=seed,
        batch_size=size,
        progress=advance,
        engine=engine,
        shards=shards,
        masks=None if masked is None else masked.masks,
    )
    images = [
        _bank_images(entry.items, units, image_statistics)
        for entry, units, image_statistics in zip(sets, made.units, found.image_statistics, strict=True)
    ]
    used = {item.digest for number in (len(sources) - 1, *resting.values()) for item in sets[number].items}
    bank_sets = tuple(_bank_set(source, fields, used) for source, fields in zip(sources, images, strict=False))
    rests = tuple(BankSet(name, rest=True, **images[number]) for name, number in resting.items())
    numbers = {entry.key: number for number, entry in enumerate(bank_sets)}
    numbers |= {entry.key: number for entry, number in zip(rests, resting.values(), strict=True)}
    statistics = {(layer, key): found.sets[layer, number] for layer in layers for key, number in numbers.items()}
    annotated = [entry.key for entry in bank_sets if entry.regions]
    start = planned - len(annotated)
    seen_through = {
        (layer, annotated[number - start]): means for (layer, number), means in found.means.items() if number < planned
    }
    seen: BankContext | None = None
    taken: ByLayer = {}
    if pasting is not None:
        seen, taken = settle(pasting, inner(solver), layers, statistics, found.sets, planned)
    scored_images = {name: scored(made, pair, found.whole, masked) for name, pair in tables.items()}
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
        scored={name: images for name, images in scored_images.items() if images is not None},
    )
    found_from = {}
    if negatives_of(calibration.groups):
        found_from = problems(layers, bank_sets, rests, statistics, solver=solver, pasted=taken)
    counts, held_within = None, None
    if masked is not None:
        counts = masked.counts(calibration.images)
        rows = {number: planned + index for index, number in enumerate(whole)}
        outer = {
            (layer, key): found.means[layer, rows[number]]
            for layer in layers
            for key, number in numbers.items()
            if number in rows
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
        cavs=calibrated(cavs, calibration, found.apart, grids, found_from, counts),
        statistics=statistics,
        seen_through=seen_through,
        absent=_absent_set(calibration, found.apart_statistics),
        context=seen,
        pasted=taken,
        within=held_within,
    )


def _counted(sources: Sequence[FitSource], rest: bool) -> list[ImageItem]:
    return [
        item for entry in sources for item in (*entry.images, *(entry.negatives if rest else ()), *(entry.others or ()))
    ]


def _bank_images(items: Sequence[ImageItem], units: Units, image_statistics: NDArray[np.float64]) -> _Images:
    """Return the images of a set as a bank stores them: a name for each unit, and the hashes of the other images."""
    named = units.firsts.tolist()
    rows = zip(named, units.images.tolist(), units.sizes.tolist(), image_statistics.tolist(), strict=True)
    joined = sorted(set(range(len(items))).difference(named))
    groups = dict.fromkeys(str(items[at].group) for at in joined if items[at].group is not None)
    naming = {items[at].group for at in named}
    strata = _strata(items, units)
    return {
        "images": tuple(
            BankImage(items[at].name, items[at].digest, tuple(means), count, items[at].group, size, values)
            for (at, count, size, means), values in zip(rows, strata, strict=True)
        ),
        "joined": tuple(items[at].digest[:DIGITS] for at in joined),
        "joined_groups": tuple(group_hash(group) for group in groups if group not in naming),
    }


def _strata(items: Sequence[ImageItem], units: Units) -> list[tuple[tuple[str, str], ...]]:
    found: list[dict[str, str]] = [{} for _ in units.firsts]
    for item, unit in zip(items, units.of_image.tolist(), strict=True):
        for column, value in item.strata.items():
            if found[unit].setdefault(column, value) != value:
                found[unit][column] = SEVERAL
    return [tuple(strata.items()) for strata in found]


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


def _absent_set(calibration: Calibration, image_statistics: NDArray[np.float64]) -> BankSet:
    items, skipped = calibration.images.items, calibration.images.skipped
    return BankSet(
        None,
        skipped=tuple((file.name, file.reason) for file in skipped),
        repeats=calibration.repeats,
        **_bank_images(items, Units.alone(len(items)), image_statistics),
    )
