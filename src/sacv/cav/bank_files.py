"""Convert a bank to the JSON fields and the arrays of its files, and back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sacv.cav.arrays import (
    null_name,
    pack_means,
    pack_statistics,
    unpack_means,
    unpack_statistics,
)
from sacv.cav.context import BankContext
from sacv.cav.sets import RANDOM, BankSet
from sacv.cav.vector import CAV
from sacv.cav.within import BankWithin
from sacv.errors import CorruptFileError
from sacv.files import Array

if TYPE_CHECKING:
    from sacv.cav.bank import ConceptBank

FORMAT_VERSION = 2
KIND = "concept bank"
NO_SET = BankSet(None, ())


@dataclass(frozen=True)
class LayerShape:
    """Layout, grid and number of channels of a layer."""

    layout: str
    grid: tuple[int, ...]
    channels: int


def labels_of(bank: ConceptBank) -> dict[str, Any]:
    """Return the content of `bank.json` without its checksums."""
    return {
        "kind": KIND,
        "format_version": FORMAT_VERSION,
        "model": dict(bank.model),
        "layers": {name: asdict(shape) for name, shape in bank.layers.items()},
        "solver": dict(bank.solver),
        "seed": bank.seed,
        "folds": bank.folds,
        "locations": bank.locations,
        "runs": bank.runs,
        "nulls": bank.nulls,
        "cavs": [
            {
                "layer": cav.layer,
                "concept": cav.concept,
                "threshold": cav.threshold,
                "separation": cav.separation,
                "quality": cav.quality.to_json(),
                "null": null_name(cav),
                "presence": {
                    "kind": cav.presence.kind,
                    "offered": cav.presence.offered,
                    "negatives": cav.presence.negatives,
                },
                "statistics": dict(cav.statistics),
                **_image_scores(cav),
            }
            for cav in bank.cavs
        ],
        "sets": [entry.to_json() for entry in bank.sets],
        "rests": [entry.to_json() for entry in bank.rests],
        "absent": bank.absent.to_json(),
        "context": None if bank.context is None else bank.context.to_json(),
        **({} if bank.within is None else {"within": bank.within.to_json()}),
    }


def moments_of(bank: ConceptBank) -> dict[str, Array]:
    """Return the named arrays of the statistics of a bank."""
    arrays: dict[str, Array] = {}
    for (layer, key), found in bank.statistics.items():
        if key == RANDOM or found is not bank.statistics[layer, RANDOM]:  # a rest may be the random set itself
            arrays.update(pack_statistics(f"{layer}/{key}", found))
    for (layer, key), means in bank.seen_through.items():
        arrays.update(pack_means(_seen_through(layer, key), means))
    for (layer, key), found in bank.pasted.items():
        arrays.update(pack_statistics(f"{layer}/pasted/{key}", found))
    return arrays


def parts_of(labels: Mapping[str, Any], cavs: tuple[CAV, ...], arrays: Mapping[str, Array]) -> dict[str, Any]:
    """Return the fields of a `ConceptBank` from `bank.json`, its CAVs and its arrays."""
    layers = {
        name: LayerShape(shape["layout"], tuple(shape["grid"]), shape["channels"])
        for name, shape in labels["layers"].items()
    }
    sets = tuple(BankSet.from_json(entry) for entry in labels["sets"])
    channels = {name: shape.channels for name, shape in layers.items()}
    rests = tuple(BankSet.from_json(entry) for entry in labels.get("rests", ()))  # older banks have none
    context = BankContext.from_json(labels["context"]) if labels.get("context") else None
    statistics = {
        (layer, entry.key): unpack_statistics(f"{layer}/{entry.key}", arrays, channels[layer], len(entry.images))
        for layer in layers
        for entry in (*sets, *rests)
        if not (entry.rest and entry.images == sets[-1].images and f"{layer}/{entry.key}/count" not in arrays)
    }
    for layer in layers:  # the remaining rests are the random set itself
        for entry in rests:
            statistics.setdefault((layer, entry.key), statistics[layer, RANDOM])
    return dict(
        model=labels["model"],
        layers=layers,
        sets=sets,
        solver=labels["solver"],
        seed=labels["seed"],
        folds=labels["folds"],
        locations=labels["locations"],
        runs=labels["runs"],
        nulls=labels["nulls"],
        cavs=cavs,
        statistics=statistics,
        seen_through={
            (layer, entry.key): unpack_means(
                _seen_through(layer, entry.key), arrays, channels[layer], len(sets[-1].images)
            )
            for layer in layers
            for entry in sets
            if entry.regions
        },
        rests=rests,
        absent=BankSet.from_json(labels["absent"]) if "absent" in labels else NO_SET,
        context=context,
        pasted={
            (layer, key): unpack_statistics(f"{layer}/pasted/{key}", arrays, channels[layer])
            for layer, key in (() if context is None else context.taken())
        },
        within=BankWithin.from_json(labels["within"]) if "within" in labels else None,
    )


@contextmanager
def damage_as_error(file: Path) -> Iterator[None]:
    """Raise CorruptFileError for invalid content of a file."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # the checks refuse such values
            yield
    except (KeyError, TypeError, ValueError, IndexError, OverflowError) as error:
        raise CorruptFileError(
            f"{file} belongs to a damaged bank: {error}; restore the original file, or fit the bank again"
        ) from error


def _image_scores(cav: CAV) -> dict[str, Any]:
    scores = cav.image_scores
    return {} if scores is None else {"image_scores": {"pictures": len(scores), "left_out": scores.left_out}}


def _seen_through(layer: str, key: str) -> str:
    return f"{layer}/seen-through/{key.removeprefix('concept/')}"
