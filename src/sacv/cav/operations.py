"""What a bank can become without an image: merged with others, or fitted anew with another solver or random set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sacv.cav.bank import ConceptBank
from sacv.cav.estimate import draws, estimate, inner
from sacv.cav.preprocessing import Reading
from sacv.cav.presence import CHANGED, Presence
from sacv.cav.sets import RANDOM, BankImage, BankSet, group_hash, things
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cav.vector import CAV
from sacv.cav.within import BankWithin
from sacv.errors import ImageSetError, MismatchError, OptionError
from sacv.solvers import SampleSolver, Solver, rebuild


def merge(banks: Sequence[ConceptBank], *, solver: Solver | None = None) -> ConceptBank:
    """Join banks of the same model: concepts of one name are pooled, and so are the random sets.

    Moments join exactly, so that two sites that fit the same concept on their own images get the CAVs of all images
    together without showing one to each other. What was taken of textures in context is left out. A set that both
    hold, image for image, is taken once, so that a concept fitted later against the same random set can be added. The
    held-out figures keep each bank's own folds. A CAV that comes out the same keeps the calibration of its mask of
    presence and its image scores; another has none.

    Parameters
    ----------
    banks
        At least two, fitted at the same layers with the same number of sampled locations.
    solver
        As in `refit`; by default that of the first bank.

    Raises
    ------
    OptionError
        If there are fewer than two.
    MismatchError
        If models, transforms, layers or kinds of activation differ.
    ImageSetError
        If two sets share some images but not all, a concept would share images with the random set, or a group has
        images in several banks.
    """
    if len(banks) < 2:
        raise OptionError(f"merging takes at least two banks, not {len(banks)}")
    first = banks[0]
    for other in banks[1:]:
        _require_alike(first, other)
    names = list(dict.fromkeys(entry.concept for bank in banks for entry in bank.sets if entry.concept is not None))
    kept: dict[str, list[ConceptBank]] = {}
    sets = []
    for concept in (*names, None):
        holders = [(bank, entry) for bank in banks for entry in bank.sets if entry.concept == concept]
        chosen = _different(holders)
        entry = chosen[0][1]
        if len({part.regions for _, part in chosen}) > 1:
            raise MismatchError(f"concept {concept!r} has whole images in one bank and marked regions in another")
        sets.append(
            replace(
                entry,
                images=tuple(image for _, part in chosen for image in part.images),
                joined=tuple(digits for _, part in chosen for digits in part.joined),
                joined_groups=tuple(digits for _, part in chosen for digits in part.joined_groups),
                skipped=tuple(pair for _, part in chosen for pair in part.skipped),
                repeats=tuple(pair for _, part in chosen for pair in part.repeats),
                negatives=sum(part.negatives for _, part in chosen),
                unused=sum(part.unused for _, part in chosen),
                unmatched=sum(part.unmatched for _, part in chosen),
                rest=any(part.rest for _, part in chosen),
                missing=_sum([part.missing for _, part in chosen]),
                unpaired=_sum([part.unpaired for _, part in chosen]),
            )
        )
        kept[entry.key] = [bank for bank, _ in chosen]
    pool = kept[RANDOM]
    _require_groups_apart(kept)
    rests = _joined_rests(sets[:-1], kept)
    joined = replace(
        first,
        sets=tuple(sets),
        statistics={
            (layer, key): SetStatistics.union([bank.statistics[layer, key] for bank in holders])
            for layer in first.layers
            for key, holders in kept.items()
        }
        | {
            (layer, rest.key): SetStatistics.union(
                [bank.statistics[layer, rest.key] for bank in kept[f"concept/{rest.concept}"]]
            )
            for layer in first.layers
            for rest in rests
        },
        rests=rests,
        seen_through={
            (layer, entry.key): _pool_seen_through(layer, entry, kept[entry.key], pool)
            for layer in first.layers
            for entry in sets
            if entry.regions
        },
        folds=max(bank.folds for bank in banks),
        absent=_joined_absent([bank.absent for bank in banks]),
        context=None,
        pasted={},
        within=_joined_within(banks),
    )
    return _again(joined, solver, first.runs, first.nulls, [cav for bank in banks for cav in bank.cavs])


def refit(
    bank: ConceptBank,
    *,
    solver: Solver | None = None,
    random: ConceptBank | Sequence[str] | None = None,
    runs: int | None = None,
    nulls: int | None = None,
) -> ConceptBank:
    """Find the directions anew from what the bank holds.

    What was taken of textures in context stays so with another solver, and is left out with another random set. A CAV
    that changes loses the calibration of its mask of presence and its image scores, which need the images.

    Parameters
    ----------
    bank
        The bank; it stays as it is.
    solver
        Another solver; by default the bank's own.
    random
        Another random set: that of another bank of the same model, or concepts of this one, which then are no concepts
        any more.
    runs, nulls
        Other numbers of draws; by default the bank's own.

    Raises
    ------
    OptionError
        If there is no such concept, none is left, or the solver reads activations of a kind that the bank does not hold
        (divided by their norm or not).
    MismatchError, ImageSetError
        If the other bank does not fit this one; see `merge`.
    """
    if isinstance(random, ConceptBank):
        _require_alike(bank, random)
        held = {"the bank": bank.sets[:-1] + bank.rests, "the other bank": random.sets[-1:]}
        _require_groups_in_one(held)
        bank = _with_random(bank, random.sets[-1], {layer: random.statistics[layer, RANDOM] for layer in bank.layers})
    elif random is not None:
        unknown = [name for name in random if name not in bank.concepts]
        if unknown or not random:
            raise OptionError(f"random={list(random)!r}: name concepts of the bank; it has {', '.join(bank.concepts)}")
        taken = [entry for entry in bank.sets if entry.concept in random]
        left = tuple(entry for entry in bank.sets[:-1] if entry not in taken)
        if not left:
            raise OptionError("every concept of the bank would be random, and none is left to be told from it")
        images = [image for entry in taken for image in entry.images]
        of = things(images)
        pool = BankSet(
            None,
            _one_for_each(images, of),
            joined=tuple(digits for entry in taken for digits in entry.joined),
            joined_groups=tuple(digits for entry in taken for digits in entry.joined_groups),
        )
        statistics = {
            layer: _joined([bank.statistics[layer, entry.key] for entry in taken], of) for layer in bank.layers
        }
        rests = tuple(rest for rest in bank.rests if rest.concept not in random)
        bank = _with_random(replace(bank, sets=(*left, bank.sets[-1]), rests=rests), pool, statistics)
    wanted = (bank.runs if runs is None else runs, bank.nulls if nulls is None else nulls)
    return _again(bank, solver, *wanted, bank.cavs)


def _joined(parts: Sequence[SetStatistics], of: NDArray[np.int64]) -> SetStatistics:
    """Join several sets, and their units of the same number."""
    found = SetStatistics.union(parts)
    return found if len(set(of.tolist())) == len(of) else found.joined(of)


def _one_for_each(images: Sequence[BankImage], of: NDArray[np.int64]) -> tuple[BankImage, ...]:
    """Join the units of the same number, of one group each."""
    parts: dict[int, list[BankImage]] = {}
    for image, number in zip(images, of.tolist(), strict=True):
        parts.setdefault(number, []).append(image)
    return tuple(its[0] if len(its) == 1 else _of_one_group(its) for its in parts.values())


def _of_one_group(units: Sequence[BankImage]) -> BankImage:
    counts = np.array([unit.count for unit in units], dtype=np.float64)
    looks = counts @ np.array([unit.looks for unit in units]) / counts.sum()
    return replace(units[0], looks=tuple(looks.tolist()), count=int(counts.sum()))


def _again(bank: ConceptBank, solver: Solver | None, runs: int, nulls: int, before: Sequence[CAV]) -> ConceptBank:
    solver = rebuild(bank.solver) if solver is None else solver
    if Reading.of(solver) != bank.reading:
        raise OptionError(
            f"the bank holds activations {bank.reading}, and {solver!r} needs them {Reading.of(solver)}; "
            "fit it from the images"
        )
    if bank.pasted and isinstance(inner(solver), SampleSolver):
        raise OptionError(
            f"the bank is learned from textures in context too, which {solver!r} cannot take; "
            "take a solver that works from moments, or fit without a context"
        )
    _require_apart(bank.sets, bank.rests)
    wanted = draws(solver, runs, nulls)
    cavs = estimate(
        list(bank.layers),
        bank.sets,
        bank.rests,
        bank.statistics,
        bank.seen_through,
        solver=solver,
        wanted=wanted,
        seed=bank.seed,
        pasted=bank.pasted,
    )
    cavs = tuple(_with_pictures(cav, before) for cav in cavs)
    return replace(bank, solver=solver.describe(), runs=wanted.runs, nulls=wanted.nulls, cavs=cavs)


def _with_pictures(cav: CAV, before: Sequence[CAV]) -> CAV:
    """Keep what single pictures reach where the detector has not changed by a bit."""
    same = [one for one in before if (one.layer, one.concept) == (cav.layer, cav.concept)]
    exact = [one for one in same if np.array_equal(one.detector, cav.detector)]
    found = replace(cav, presence=_presence(same, exact))
    scored = [one for one in exact if one.image_scores is not None]
    if not scored:
        return found
    quality = replace(
        cav.quality,
        image_score_auroc=scored[0].quality.image_score_auroc,
        image_score_interval=scored[0].quality.image_score_interval,
    )
    return replace(found, quality=quality, image_scores=scored[0].image_scores)


def _presence(same: Sequence[CAV], exact: Sequence[CAV]) -> Presence:
    held = [one.presence for one in exact if len(one.presence)]
    if held:
        return max(held, key=len)
    lost = any(len(one.presence) or one.image_scores is not None for one in same if one not in exact)
    return Presence.without(CHANGED if lost else same[0].presence.kind)


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _joined_within(banks: Sequence[ConceptBank]) -> BankWithin | None:
    parts = [bank.within for bank in banks if bank.within is not None]
    return BankWithin.joined(parts) if parts else None


def _joined_absent(sets: Sequence[BankSet]) -> BankSet:
    images = {image.digest: image for entry in sets for image in entry.images}
    skipped, repeats = (
        tuple(dict.fromkeys(pair for part in parts for pair in part))
        for parts in (
            [entry.skipped for entry in sets],
            [entry.repeats for entry in sets],
        )
    )
    return BankSet(None, tuple(images.values()), False, skipped, repeats)


def _with_random(bank: ConceptBank, pool: BankSet, statistics: dict[str, SetStatistics]) -> ConceptBank:
    marked = {entry.concept for entry in bank.sets if entry.regions}
    rests = tuple(rest for rest in bank.rests if rest.concept in marked)  # of tables it is the random set that is left
    held = {entry.key for entry in (*bank.sets[:-1], *rests)}
    resting = {rest.concept for rest in rests}
    kept = {key: found for key, found in bank.statistics.items() if key[1] in held}
    unseen = {
        (layer, entry.key): _unseen(statistics[layer]) for layer in bank.layers for entry in bank.sets if entry.regions
    }
    return replace(
        bank,
        sets=(*(entry if entry.concept in resting else _without_negatives(entry) for entry in bank.sets[:-1]), pool),
        rests=rests,
        statistics=kept | {(layer, RANDOM): found for layer, found in statistics.items()},
        seen_through=unseen,
        context=None,
        pasted={},
        within=None if bank.within is None else replace(bank.within, compared=()),
    )


def _without_negatives(entry: BankSet) -> BankSet:
    """Say that the photos that show nothing of the concept are not in the random set any more."""
    return replace(entry, negatives=0, unused=entry.negatives + entry.unused)


def _joined_rests(sets: Sequence[BankSet], kept: Mapping[str, Sequence[ConceptBank]]) -> tuple[BankSet, ...]:
    """Join the random set of its own of each concept that has one."""
    found = []
    for entry in sets:
        holders = kept[entry.key]
        rests = [rest for bank in holders for rest in bank.rests if rest.concept == entry.concept]
        if not rests:
            continue
        if len(rests) < len(holders):
            raise MismatchError(
                f"concept {entry.concept!r} has a random set of its own in one bank and not in another; fit both alike"
            )
        twice = sum(len(rest.hashes) for rest in rests) - len(frozenset[str]().union(*(rest.hashes for rest in rests)))
        if twice:
            raise ImageSetError(
                f"the rest that concept {entry.concept!r} is told from has {twice} photos in both banks, so that they "
                "would count twice; fit all of it in one bank"
            )
        images = tuple(image for rest in rests for image in rest.images)
        joined = tuple(digits for rest in rests for digits in rest.joined)
        groups = tuple(digits for rest in rests for digits in rest.joined_groups)
        found.append(replace(rests[0], images=images, joined=joined, joined_groups=groups))
    return tuple(found)


def _unseen(pool: SetStatistics) -> ImageMeans:
    """Say of a pool that its images were not seen through a concept's masks."""
    return replace(pool.images, means=np.zeros_like(pool.images.means), weights=np.zeros_like(pool.images.weights))


def _pool_seen_through(
    layer: str, entry: BankSet, holders: Sequence[ConceptBank], pool: Sequence[ConceptBank]
) -> ImageMeans:
    return ImageMeans.union(
        [
            bank.seen_through[layer, entry.key] if bank in holders else _unseen(bank.statistics[layer, RANDOM])
            for bank in pool
        ]
    )


def _require_alike(one: ConceptBank, other: ConceptBank) -> None:
    for what in ("kind", "fingerprint", "transform", "window"):
        if one.model.get(what) != other.model.get(what):  # older banks have no window
            raise MismatchError(
                f"the banks belong to different models: {what} {one.model.get(what)} and {other.model.get(what)}; "
                "directions mean nothing in another model"
            )
    if one.precision != other.precision:
        raise MismatchError(
            f"one bank was made in {one.precision} and the other in {other.precision}, so that their sets cannot be "
            "compared; fit both with the same --precision (precision=)"
        )
    if one.layers != other.layers:
        raise MismatchError(
            f"the banks have different layers: {', '.join(one.layers)}; and {', '.join(other.layers)}; "
            "fit both at the same layers"
        )
    if (one.within is None) != (other.within is None):
        raise MismatchError(
            "one bank was fitted within masks and the other on whole pictures; fit both with --within, or neither"
        )
    if one.reading != other.reading or one.locations != other.locations:
        raise MismatchError(
            f"one bank holds activations {one.reading} and the other {other.reading}; fit both with the same solver"
            if one.reading != other.reading
            else f"the banks hold {one.locations} and {other.locations} locations of each image; fit both with the same"
        )


def _different(holders: Sequence[tuple[ConceptBank, BankSet]]) -> list[tuple[ConceptBank, BankSet]]:
    """Leave out sets that another bank holds too, image for image."""
    chosen: list[tuple[ConceptBank, BankSet]] = []
    for bank, entry in holders:
        for _, other in chosen:
            shared = entry.hashes & other.hashes
            if len(shared) == len(entry.hashes) == len(other.hashes):
                break
            if shared:
                what = "the random sets" if entry.concept is None else f"the sets of {entry.concept!r}"
                raise ImageSetError(
                    f"{what} share {len(shared)} images ({entry.some(shared)}) but not all, so that they can be "
                    "neither joined nor taken as one; fit again without them in one bank"
                )
        else:
            chosen.append((bank, entry))
    return chosen


def _require_groups_apart(kept: Mapping[str, Sequence[ConceptBank]]) -> None:
    """Check that no group is told from another bank's images of it, whose folds differ, or counts twice."""
    for key, holders in kept.items():
        if key == RANDOM:
            continue
        concept = key.removeprefix("concept/")
        held: dict[str, tuple[BankSet, ...]] = {}
        for bank in {id(bank): bank for bank in (*holders, *kept[RANDOM])}.values():
            own = [entry for entry in (*bank.sets, *bank.rests) if entry.concept == concept and bank in holders]
            held[f"bank {len(held) + 1}"] = (*own, *(bank.sets[-1:] if bank in kept[RANDOM] else ()))
        _require_groups_in_one(held)


def _require_groups_in_one(held: Mapping[str, Sequence[BankSet]]) -> None:
    """Check that no group stands in the sets of several banks."""
    holder: dict[str, str] = {}
    for bank, entries in held.items():
        for digits in frozenset[str]().union(*(entry.group_hashes for entry in entries)):
            other = holder.setdefault(digits, bank)
            if other != bank:
                sets = [entry for entries in held.values() for entry in entries]
                named = {image.group for entry in sets for image in entry.images if image.group is not None}
                name = next((group for group in sorted(named) if group_hash(group) == digits), digits)
                raise ImageSetError(
                    f"group {name!r} has images in both banks, which would stand in different folds and count as two "
                    "groups; fit all of it in one bank"
                )


def _require_apart(sets: Sequence[BankSet], rests: Sequence[BankSet]) -> None:
    for entry in sets[:-1]:
        against = next((rest for rest in rests if rest.concept == entry.concept), sets[-1])
        shared = entry.hashes & against.hashes
        if shared and not entry.regions:
            raise ImageSetError(
                f"concept {entry.concept!r} and {'its' if against.rest else 'the'} random set share {len(shared)} "
                f"images ({entry.some(shared)}); an image cannot stand for the concept and against it"
            )
