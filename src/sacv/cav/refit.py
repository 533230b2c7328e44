"""Refit a bank without images: another solver, another random set, other numbers of draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from sacv.cav.bank import ConceptBank
from sacv.cav.draws import draws, inner
from sacv.cav.estimate import estimate
from sacv.cav.preprocessing import Preprocessing
from sacv.cav.presence import CHANGED, Presence
from sacv.cav.sets import RANDOM, BankImage, BankSet, chained, group_hash, independent_units
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cav.vector import CAV
from sacv.errors import ImageSetError, MismatchError, OptionError
from sacv.solvers import SampleSolver, Solver, rebuild


def refit(
    bank: ConceptBank,
    *,
    solver: Solver | None = None,
    random: ConceptBank | Sequence[str] | None = None,
    runs: int | None = None,
    nulls: int | None = None,
) -> ConceptBank:
    """Fit the CAVs again from the statistics in the bank, without images.

    Pasted textures (`context`) stay with another solver, and are left out with another random set. A CAV that changes
    loses its presence mask and its image scores, which need the images.

    Parameters
    ----------
    bank
        The bank, which is not changed.
    solver
        The solver; by default that of the bank.
    random
        The random set: a bank of the same model, whose random set is used, or names of concepts of this bank, whose
        images become the random set.
    runs, nulls
        Numbers of random runs and null CAVs; by default those of the bank.

    Returns
    -------
    A new `ConceptBank`.

    Raises
    ------
    OptionError
        If a concept does not exist, no concept is left, or the solver needs another activation preprocessing than the
        bank has.
    MismatchError, ImageSetError
        If the other bank does not match this one; see `merge`.
    """
    if isinstance(random, ConceptBank):
        require_alike(bank, random)
        held = {"the bank": bank.sets[:-1] + bank.rests, "the other bank": random.sets[-1:]}
        require_groups_in_one(held)
        bank = _with_random(bank, random.sets[-1], {layer: random.statistics[layer, RANDOM] for layer in bank.layers})
    elif random is not None:
        unknown = [name for name in random if name not in bank.concepts]
        if unknown or not random:
            raise OptionError(f"random={list(random)!r}: name concepts of the bank; it has {', '.join(bank.concepts)}")
        taken = [entry for entry in bank.sets if entry.concept in random]
        left = tuple(entry for entry in bank.sets[:-1] if entry not in taken)
        if not left:
            raise OptionError("every concept of the bank would be random, and no concept is left; name fewer concepts")
        images = [image for entry in taken for image in entry.images]
        unit_ids = independent_units(images)
        pool = BankSet(
            None,
            _one_for_each(images, unit_ids),
            **chained(taken, "joined", "joined_groups"),
        )
        statistics = {
            layer: _joined([bank.statistics[layer, entry.key] for entry in taken], unit_ids) for layer in bank.layers
        }
        rests = tuple(rest for rest in bank.rests if rest.concept not in random)
        bank = _with_random(replace(bank, sets=(*left, bank.sets[-1]), rests=rests), pool, statistics)
    wanted = (bank.runs if runs is None else runs, bank.nulls if nulls is None else nulls)
    return fitted_again(bank, solver, *wanted, bank.cavs)


def _joined(parts: Sequence[SetStatistics], unit_ids: NDArray[np.int64]) -> SetStatistics:
    """Join several sets, and their units with the same id."""
    found = SetStatistics.union(parts)
    return found if len(set(unit_ids.tolist())) == len(unit_ids) else found.joined(unit_ids)


def _one_for_each(images: Sequence[BankImage], unit_ids: NDArray[np.int64]) -> tuple[BankImage, ...]:
    """Join the units with the same id, each of which is one group."""
    parts: dict[int, list[BankImage]] = {}
    for image, number in zip(images, unit_ids.tolist(), strict=True):
        parts.setdefault(number, []).append(image)
    return tuple(units[0] if len(units) == 1 else _of_one_group(units) for units in parts.values())


def _of_one_group(units: Sequence[BankImage]) -> BankImage:
    counts = np.array([unit.count for unit in units], dtype=np.float64)
    means = counts @ np.array([unit.statistics for unit in units]) / counts.sum()
    return replace(units[0], statistics=tuple(means.tolist()), count=int(counts.sum()))


def fitted_again(bank: ConceptBank, solver: Solver | None, runs: int, nulls: int, before: Sequence[CAV]) -> ConceptBank:
    """Fit the CAVs of a bank again. CAVs that do not change take the presence mask and image scores of `before`."""
    solver = rebuild(bank.solver) if solver is None else solver
    if Preprocessing.of(solver) != bank.preprocessing:
        raise OptionError(
            f"the bank holds activations {bank.preprocessing}, but {solver!r} needs them {Preprocessing.of(solver)}; "
            "fit the bank again from the images"
        )
    if bank.pasted and isinstance(inner(solver), SampleSolver):
        raise OptionError(
            f"the bank is fitted on textures in context too, which {solver!r} does not support; "
            "use a solver that uses moments, or fit without a context"
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
    cavs = tuple(_with_calibration(cav, before) for cav in cavs)
    return replace(bank, solver=solver.describe(), runs=wanted.runs, nulls=wanted.nulls, cavs=cavs)


def _with_calibration(cav: CAV, before: Sequence[CAV]) -> CAV:
    """Return the CAV with the presence mask and image scores of an earlier CAV whose detector is identical."""
    same = [old for old in before if (old.layer, old.concept) == (cav.layer, cav.concept)]
    exact = [old for old in same if np.array_equal(old.detector, cav.detector)]
    found = replace(cav, presence=_presence(same, exact))
    scored = [old for old in exact if old.image_scores is not None]
    if not scored:
        return found
    quality = replace(
        cav.quality,
        image_score_auroc=scored[0].quality.image_score_auroc,
        image_score_interval=scored[0].quality.image_score_interval,
    )
    return replace(found, quality=quality, image_scores=scored[0].image_scores)


def _presence(same: Sequence[CAV], exact: Sequence[CAV]) -> Presence:
    held = [old.presence for old in exact if len(old.presence)]
    if held:
        return max(held, key=len)
    lost = any(len(old.presence) or old.image_scores is not None for old in same if old not in exact)
    return Presence.without(CHANGED if lost else same[0].presence.kind)


def _with_random(bank: ConceptBank, pool: BankSet, statistics: dict[str, SetStatistics]) -> ConceptBank:
    annotated = {entry.concept for entry in bank.sets if entry.regions}
    rests = tuple(rest for rest in bank.rests if rest.concept in annotated)  # the new random set replaces other rests
    held = {entry.key for entry in (*bank.sets[:-1], *rests)}
    resting = {rest.concept for rest in rests}
    unchanged = {key: found for key, found in bank.statistics.items() if key[1] in held}
    through_masks = {
        (layer, entry.key): unseen(statistics[layer]) for layer in bank.layers for entry in bank.sets if entry.regions
    }
    return replace(
        bank,
        sets=(*(entry if entry.concept in resting else _without_negatives(entry) for entry in bank.sets[:-1]), pool),
        rests=rests,
        statistics=unchanged | {(layer, RANDOM): found for layer, found in statistics.items()},
        seen_through=through_masks,
        context=None,
        pasted={},
        within=None if bank.within is None else replace(bank.within, compared=()),
    )


def _without_negatives(entry: BankSet) -> BankSet:
    return replace(entry, negatives=0, unused=entry.negatives + entry.unused)


def unseen(pool: SetStatistics) -> ImageMeans:
    """Return means of weight 0, for random images without a mean under a concept's masks."""
    return replace(pool.images, means=np.zeros_like(pool.images.means), weights=np.zeros_like(pool.images.weights))


def require_alike(one: ConceptBank, other: ConceptBank) -> None:
    """Check that two banks have the same model, layers, activation preprocessing and number of locations."""
    for what in ("kind", "fingerprint", "transform", "window"):
        if one.model.get(what) != other.model.get(what):  # older banks have no window
            raise MismatchError(
                f"the banks belong to different models: {what} {one.model.get(what)} and {other.model.get(what)}; "
                "a CAV is valid for one model only; fit both with the same model"
            )
    if one.precision != other.precision:
        raise MismatchError(
            f"one bank was fitted in {one.precision} and the other in {other.precision}, so that their sets cannot be "
            "compared; fit both with the same --precision (precision=)"
        )
    if one.layers != other.layers:
        raise MismatchError(
            f"the banks have different layers: {', '.join(one.layers)}; and {', '.join(other.layers)}; "
            "fit both at the same layers"
        )
    if (one.within is None) != (other.within is None):
        raise MismatchError(
            "one bank was fitted within masks and the other was not; fit both with --within, or neither"
        )
    if one.preprocessing != other.preprocessing or one.locations != other.locations:
        raise MismatchError(
            f"one bank holds activations {one.preprocessing} and the other {other.preprocessing}; "
            "fit both with the same solver"
            if one.preprocessing != other.preprocessing
            else f"the banks hold {one.locations} and {other.locations} locations of each image; fit both with the same"
        )


def require_groups_in_one(held: Mapping[str, Sequence[BankSet]]) -> None:
    """Check that no group has images in several banks."""
    holder: dict[str, str] = {}
    for bank, entries in held.items():
        for digits in frozenset[str]().union(*(entry.group_hashes for entry in entries)):
            other = holder.setdefault(digits, bank)
            if other != bank:
                sets = [entry for entries in held.values() for entry in entries]
                named = {image.group for entry in sets for image in entry.images if image.group is not None}
                name = next((group for group in sorted(named) if group_hash(group) == digits), digits)
                raise ImageSetError(
                    f"group {name!r} has images in both banks, which would have different folds and count as two "
                    "groups; fit all images of the group in one bank"
                )


def _require_apart(sets: Sequence[BankSet], rests: Sequence[BankSet]) -> None:
    for entry in sets[:-1]:
        against = next((rest for rest in rests if rest.concept == entry.concept), sets[-1])
        shared = entry.hashes & against.hashes
        if shared and not entry.regions:
            raise ImageSetError(
                f"concept {entry.concept!r} and {'its' if against.rest else 'the'} random set share {len(shared)} "
                f"images ({entry.some(shared)}); remove them from one of the two"
            )
