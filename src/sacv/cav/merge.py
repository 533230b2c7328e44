"""Merge banks of the same model without images: the moments of concepts and random sets merge exactly."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sacv.cav.bank import ConceptBank
from sacv.cav.refit import fitted_again, require_alike, require_groups_in_one, unseen
from sacv.cav.sets import CHAINED, RANDOM, BankSet, chained
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cav.within import BankWithin
from sacv.errors import ImageSetError, MismatchError, OptionError
from sacv.solvers import Solver


def merge(banks: Sequence[ConceptBank], *, solver: Solver | None = None) -> ConceptBank:
    """Merge banks of the same model: concepts of the same name are pooled, and so are the random sets.

    Moments merge exactly, so that two sites that fit the same concept on their own images get the CAV of all images
    without exchanging any. A set that is identical in two banks counts once, so that a concept that was fitted later
    against the same random set can be added. Pasted textures (`context`) are left out. Held-out figures use the folds
    of each bank. A CAV that does not change has the same presence mask and image scores; a CAV that changes loses them.

    Parameters
    ----------
    banks
        At least two banks, fitted at the same layers with the same number of sampled locations.
    solver
        As in `refit`; by default the solver of the first bank.

    Raises
    ------
    OptionError
        If there are fewer than two.
    MismatchError
        If models, transforms, layers or kinds of activation differ.
    ImageSetError
        If two sets share some images but not all, a concept shares images with the random set, or a group has images
        in several banks.
    """
    if len(banks) < 2:
        raise OptionError(f"merge needs at least two banks, not {len(banks)}")
    first = banks[0]
    for other in banks[1:]:
        require_alike(first, other)
    names = list(dict.fromkeys(entry.concept for bank in banks for entry in bank.sets if entry.concept is not None))
    holders_of: dict[str, list[ConceptBank]] = {}
    sets = []
    for concept in (*names, None):
        holders = [(bank, entry) for bank in banks for entry in bank.sets if entry.concept == concept]
        chosen = _different(holders)
        entry = chosen[0][1]
        if len({part.regions for _, part in chosen}) > 1:
            raise MismatchError(
                f"concept {concept!r} has whole images in one bank and regions in another; fit both in the same way"
            )
        sets.append(
            replace(
                entry,
                **chained([part for _, part in chosen], *CHAINED, "skipped", "repeats"),
                negatives=sum(part.negatives for _, part in chosen),
                unused=sum(part.unused for _, part in chosen),
                unmatched=sum(part.unmatched for _, part in chosen),
                rest=any(part.rest for _, part in chosen),
                missing=_sum([part.missing for _, part in chosen]),
                unpaired=_sum([part.unpaired for _, part in chosen]),
            )
        )
        holders_of[entry.key] = [bank for bank, _ in chosen]
    pool = holders_of[RANDOM]
    _require_groups_apart(holders_of)
    rests = _joined_rests(sets[:-1], holders_of)
    joined = replace(
        first,
        sets=tuple(sets),
        statistics={
            (layer, key): SetStatistics.union([bank.statistics[layer, key] for bank in holders])
            for layer in first.layers
            for key, holders in holders_of.items()
        }
        | {
            (layer, rest.key): SetStatistics.union(
                [bank.statistics[layer, rest.key] for bank in holders_of[f"concept/{rest.concept}"]]
            )
            for layer in first.layers
            for rest in rests
        },
        rests=rests,
        seen_through={
            (layer, entry.key): _pool_seen_through(layer, entry, holders_of[entry.key], pool)
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
    return fitted_again(joined, solver, first.runs, first.nulls, [cav for bank in banks for cav in bank.cavs])


def _sum(counts: Sequence[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _joined_within(banks: Sequence[ConceptBank]) -> BankWithin | None:
    parts = [bank.within for bank in banks if bank.within is not None]
    return BankWithin.joined(parts) if parts else None


def _joined_absent(sets: Sequence[BankSet]) -> BankSet:
    images = {image.digest: image for entry in sets for image in entry.images}
    skipped, repeats = (tuple(dict.fromkeys(pairs)) for pairs in chained(sets, "skipped", "repeats").values())
    return BankSet(None, tuple(images.values()), skipped=skipped, repeats=repeats)


def _joined_rests(sets: Sequence[BankSet], holders_of: Mapping[str, Sequence[ConceptBank]]) -> tuple[BankSet, ...]:
    found = []
    for entry in sets:
        holders = holders_of[entry.key]
        rests = [rest for bank in holders for rest in bank.rests if rest.concept == entry.concept]
        if not rests:
            continue
        if len(rests) < len(holders):
            raise MismatchError(
                f"concept {entry.concept!r} has its own random set in one bank but not in another; fit both "
                "in the same way"
            )
        twice = sum(len(rest.hashes) for rest in rests) - len(frozenset[str]().union(*(rest.hashes for rest in rests)))
        if twice:
            raise ImageSetError(
                f"the rest of concept {entry.concept!r} has {twice} images in both banks, which would count twice; fit "
                "the concept in one bank"
            )
        found.append(replace(rests[0], **chained(rests, *CHAINED)))
    return tuple(found)


def _pool_seen_through(
    layer: str, entry: BankSet, holders: Sequence[ConceptBank], pool: Sequence[ConceptBank]
) -> ImageMeans:
    return ImageMeans.union(
        [
            bank.seen_through[layer, entry.key] if bank in holders else unseen(bank.statistics[layer, RANDOM])
            for bank in pool
        ]
    )


def _different(holders: Sequence[tuple[ConceptBank, BankSet]]) -> list[tuple[ConceptBank, BankSet]]:
    """Return the sets without repeats of identical sets."""
    chosen: list[tuple[ConceptBank, BankSet]] = []
    for bank, entry in holders:
        for _, other in chosen:
            shared = entry.hashes & other.hashes
            if len(shared) == len(entry.hashes) == len(other.hashes):
                break
            if shared:
                what = "the random sets" if entry.concept is None else f"the sets of {entry.concept!r}"
                raise ImageSetError(
                    f"{what} share {len(shared)} images ({entry.some(shared)}) but not all, so that they cannot be "
                    "merged; fit one bank again without these images"
                )
        else:
            chosen.append((bank, entry))
    return chosen


def _require_groups_apart(holders_of: Mapping[str, Sequence[ConceptBank]]) -> None:
    """Check that no group has images in the sets of several banks, where its folds would differ and it counts twice."""
    for key, holders in holders_of.items():
        if key == RANDOM:
            continue
        concept = key.removeprefix("concept/")
        held: dict[str, tuple[BankSet, ...]] = {}
        for bank in {id(bank): bank for bank in (*holders, *holders_of[RANDOM])}.values():
            own = [entry for entry in (*bank.sets, *bank.rests) if entry.concept == concept and bank in holders]
            held[f"bank {len(held) + 1}"] = (*own, *(bank.sets[-1:] if bank in holders_of[RANDOM] else ()))
        require_groups_in_one(held)
