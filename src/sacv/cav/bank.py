"""`ConceptBank`: CAVs on disk, with what they were made from.

A bank is a folder:

`bank.json`
    Model, layers, sets of images, solver, figures of each CAV, `format_version`.
`cavs.safetensors`
    `LAYER/CONCEPT`: float64 `(channels,)`.
`moments.safetensors`
    `LAYER/concept/NAME/...` and `LAYER/random/...`: `count` `(folds,)`, `mean` `(folds, channels)` and the upper
    triangle of the scatter, `(folds, channels * (channels + 1) / 2)`, all float64.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sacv.cav.vector import CAV, Quality
from sacv.errors import CorruptFileError, LayerError, MismatchError, OptionError
from sacv.files import Array, read_arrays, read_json, write_arrays, write_folder, write_json
from sacv.model import ImageTransform, VisionModel
from sacv.stats import Moments

FORMAT_VERSION = 1
KIND = "concept bank"
MARKER = "bank.json"


@dataclass(frozen=True)
class LayerShape:
    """What a layer looked like when the bank was made."""

    layout: str
    grid: tuple[int, ...]
    channels: int


@dataclass(frozen=True)
class BankSet:
    """Where a set of images came from.

    Parameters
    ----------
    concept
        The concept that it shows; none for the random set.
    images
        Name and SHA-256 of each.
    skipped
        Name and reason of each file that could not be read and was left out.
    repeats
        Name of each image left out because the set holds it already, and the name of that one.
    """

    concept: str | None
    images: tuple[tuple[str, str], ...]
    skipped: tuple[tuple[str, str], ...] = ()
    repeats: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """Name in the file of moments."""
        return "random" if self.concept is None else f"concept/{self.concept}"


@dataclass(frozen=True, eq=False)
class ConceptBank:
    """The CAVs of concepts at layers of one model.

    Made by `sacv.fit`; see there.

    Parameters
    ----------
    model
        Spec, kind, fingerprint, transform and class names of the model.
    layers
        Shape of each layer.
    sets
        The sets of images, the random one last.
    solver
        Name and parameters of the solver.
    seed, folds
        As given to `fit`.
    cavs
        One for each layer and concept.
    moments
        By layer and set (`BankSet.key`), those of each fold.
    """

    model: Mapping[str, Any]
    layers: Mapping[str, LayerShape]
    sets: tuple[BankSet, ...]
    solver: Mapping[str, Any]
    seed: int
    folds: int
    cavs: tuple[CAV, ...]
    moments: Mapping[tuple[str, str], tuple[Moments, ...]]

    @property
    def concepts(self) -> list[str]:
        """Names of the concepts, in order."""
        return [entry.concept for entry in self.sets if entry.concept is not None]

    def cav(self, layer: str, concept: str) -> CAV:
        """Give the CAV of a concept at a layer.

        Raises
        ------
        LayerError
            If the bank does not know the layer.
        OptionError
            If the bank does not know the concept.
        """
        if layer not in self.layers:
            raise LayerError(f"the bank has no layer {layer!r}; it has {', '.join(self.layers)}")
        for cav in self.cavs:
            if (cav.layer, cav.concept) == (layer, concept):
                return cav
        raise OptionError(f"the bank has no concept {concept!r}; it has {', '.join(self.concepts)}")

    def require(self, model: VisionModel) -> None:
        """Check that the bank was made with this model.

        Raises
        ------
        MismatchError
            If the network, its weights or its transform differ.
        """
        mine, other = self.model, model.describe()
        if mine["kind"] != other["kind"] or mine["fingerprint"] != other["fingerprint"]:
            same = "the same kind of network with other weights" if mine["kind"] == other["kind"] else other["kind"]
            raise MismatchError(
                f"the bank was made with {mine['kind']} (fingerprint {mine['fingerprint'][:12]}), but this model is "
                f"{same} (fingerprint {other['fingerprint'][:12]}); directions mean nothing in another model: "
                "fit a bank with this one"
            )
        if mine["transform"] is not None and other["transform"] is not None and mine["transform"] != other["transform"]:
            raise MismatchError(
                f"the bank was made with the transform {mine['transform']}, but this model has {other['transform']}; "
                "use the bank's, or fit a bank with this one"
            )

    @property
    def transform(self) -> ImageTransform | None:
        """The transform that the bank was made with, if it was an `ImageTransform`."""
        fields = self.model["transform"]
        return None if fields is None else ImageTransform.from_json(fields)

    def save(self, folder: str | Path) -> None:
        """Write the bank as a folder; one that was there survives any failure.

        Raises
        ------
        StorageError
            If the folder holds something else or cannot be written.
        """

        def fill(fresh: Path) -> None:
            write_json(fresh / MARKER, self._labels())
            write_arrays(fresh / "cavs.safetensors", {f"{cav.layer}/{cav.concept}": cav.vector for cav in self.cavs})
            arrays: dict[str, Array] = {}
            for (layer, key), parts in self.moments.items():
                arrays.update(_pack(f"{layer}/{key}", parts))
            write_arrays(fresh / "moments.safetensors", arrays)

        write_folder(Path(folder), MARKER, fill)

    def _labels(self) -> dict[str, Any]:
        return {
            "kind": KIND,
            "format_version": FORMAT_VERSION,
            "model": dict(self.model),
            "layers": {name: asdict(shape) for name, shape in self.layers.items()},
            "solver": dict(self.solver),
            "seed": self.seed,
            "folds": self.folds,
            "cavs": [
                {
                    "layer": cav.layer,
                    "concept": cav.concept,
                    "threshold": cav.threshold,
                    "quality": asdict(cav.quality),
                    "statistics": dict(cav.statistics),
                }
                for cav in self.cavs
            ],
            "sets": [asdict(entry) for entry in self.sets],
        }

    @classmethod
    def load(cls, folder: str | Path) -> ConceptBank:
        """Read a bank.

        Raises
        ------
        CorruptFileError
            If it is no bank, damaged, incomplete or of an unknown version.
        """
        folder = Path(folder)
        labels = read_json(folder / MARKER, kind=KIND, format_version=FORMAT_VERSION)
        vectors = read_arrays(folder / "cavs.safetensors")
        arrays = read_arrays(folder / "moments.safetensors")
        try:
            return cls._from_parts(labels, vectors, arrays)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise CorruptFileError(
                f"{folder} is a damaged bank ({type(error).__name__}: {error}); fit it again"
            ) from error

    @classmethod
    def _from_parts(
        cls, labels: dict[str, Any], vectors: Mapping[str, Array], arrays: Mapping[str, Array]
    ) -> ConceptBank:
        layers = {
            name: LayerShape(shape["layout"], tuple(shape["grid"]), shape["channels"])
            for name, shape in labels["layers"].items()
        }
        sets = tuple(
            BankSet(
                entry["concept"],
                _pairs(entry["images"]),
                _pairs(entry["skipped"]),
                _pairs(entry["repeats"]),
            )
            for entry in labels["sets"]
        )
        cavs = []
        for entry in labels["cavs"]:
            layer, concept = entry["layer"], entry["concept"]
            vector = vectors[f"{layer}/{concept}"]
            if vector.dtype != np.float64 or vector.shape != (layers[layer].channels,):
                raise ValueError(f"vector of {concept!r} at {layer!r} is {vector.dtype} of shape {vector.shape}")
            if not abs(float(np.linalg.norm(vector)) - 1) < 1e-9:
                raise ValueError(f"vector of {concept!r} at {layer!r} has norm {np.linalg.norm(vector)}, not 1")
            cavs.append(
                CAV(
                    layer,
                    concept,
                    vector,
                    entry["threshold"],
                    Quality(**entry["quality"]),
                    entry["statistics"],
                )
            )
        return cls(
            model=labels["model"],
            layers=layers,
            sets=sets,
            solver=labels["solver"],
            seed=labels["seed"],
            folds=labels["folds"],
            cavs=tuple(cavs),
            moments={
                (layer, entry.key): _unpack(f"{layer}/{entry.key}", arrays, shape.channels)
                for layer, shape in layers.items()
                for entry in sets
            },
        )


def _pairs(entries: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((first, second) for first, second in entries)


def _pack(name: str, parts: Sequence[Moments]) -> dict[str, Array]:
    upper = np.triu_indices(parts[0].channels)
    return {
        f"{name}/count": np.array([part.count for part in parts]),
        f"{name}/mean": np.stack([part.mean for part in parts]),
        f"{name}/scatter": np.stack([part.scatter[upper] for part in parts]),
    }


def _unpack(name: str, arrays: Mapping[str, Array], channels: int) -> tuple[Moments, ...]:
    upper = np.triu_indices(channels)
    parts = []
    for count, mean, triangle in zip(
        arrays[f"{name}/count"], arrays[f"{name}/mean"], arrays[f"{name}/scatter"], strict=True
    ):
        scatter = np.zeros((channels, channels))
        scatter[upper] = triangle
        parts.append(Moments(float(count), mean, scatter + np.triu(scatter, 1).T))
    return tuple(parts)
