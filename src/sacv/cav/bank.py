"""`ConceptBank`: CAVs on disk, with what they were made from.

A bank is a folder:

`bank.json`
    Model, layers, sets of images, solver, figures of each CAV, `format_version`, checksums.
`cavs.safetensors`
    `LAYER/CONCEPT`: float64 `(channels,)`; beside it `LAYER/CONCEPT/evidence`, `LAYER/CONCEPT/presence` (what pictures
    without the concept reach), `LAYER/CONCEPT/presence_shares` where these are of groups, and, where it is not the
    detector, `LAYER/CONCEPT/presence_direction`; `LAYER/CONCEPT/image_scores/` with `directions`, `scores`, `fold`,
    `shows` and `group` of the pictures of a table (`sacv.cav.image_scores`); and the vectors
    and thresholds of its random runs, of its deals and of its null, which concepts of as many images share.
`moments.safetensors`
    For each layer and set (`LAYER/concept/NAME`, `LAYER/rest/NAME`, `LAYER/random`): `count`, `mean` and the upper
    triangle of the scatter of each fold; the mean, weight and fold of each image; a sample of locations. The pool's
    means as seen through the masks of a concept are `LAYER/seen-through/NAME`; what is taken of textures in context,
    `LAYER/pasted/concept/NAME` and `LAYER/pasted/random`.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sacv.cav.arrays import (
    pack_cavs,
    unpack_cavs,
)
from sacv.cav.bank_files import FORMAT_VERSION, KIND, NO_SET, LayerShape, damage_told, labels_of, moments_of, parts_of
from sacv.cav.checksums import CAVS, LABELS, MOMENTS, require_whole, with_checksums
from sacv.cav.context import BankContext
from sacv.cav.contrast import Contrast, contrast, pool_key
from sacv.cav.labels import check_labels
from sacv.cav.preprocessing import Reading
from sacv.cav.quality_thresholds import weaknesses
from sacv.cav.sets import DIGITS, BankSet
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cav.vector import CAV
from sacv.cav.within import BankWithin
from sacv.errors import LayerError, MismatchError, OptionError
from sacv.files import digest_of, read_arrays, read_json, write_arrays, write_folder, write_json
from sacv.model import FLOAT32, ImageTransform, VisionModel, Window
from sacv.report.display import counted, few, html_table

if TYPE_CHECKING:
    import pandas as pd

MARKER = LABELS


@dataclass(frozen=True, eq=False)
class ConceptBank:
    """The CAVs of concepts at layers of one model.

    Made by `sacv.fit`; see there.

    Parameters
    ----------
    model
        Spec, kind, fingerprint, transform, window, precision and class names of the model.
    layers
        Shape of each layer.
    sets
        The sets of images, the random one last.
    solver
        Name and parameters of the solver.
    seed, folds
        As given to `fit`.
    locations
        Locations sampled from each image.
    runs, nulls
        How many CAVs are drawn.
    cavs
        One for each layer and concept.
    statistics
        By layer and set (`BankSet.key`).
    seen_through
        By layer and concept of marked regions (`BankSet.key`): the pool's means under its masks.
    rests
        The random set of its own of each concept that has one: what is not marked of its photos, or the other rows of
        its table.
    absent
        The pictures that calibrate the mask of presence; they stand in none of the sets.
    context
        How textures were seen as parts of photos, if they were.
    pasted
        By layer and set, what is taken of that (`sacv.cav.context`).
    within
        The masks that all pictures were taken within, if they were.
    """

    model: Mapping[str, Any]
    layers: Mapping[str, LayerShape]
    sets: tuple[BankSet, ...]
    solver: Mapping[str, Any]
    seed: int
    folds: int
    locations: int
    runs: int
    nulls: int
    cavs: tuple[CAV, ...]
    statistics: Mapping[tuple[str, str], SetStatistics]
    seen_through: Mapping[tuple[str, str], ImageMeans]
    rests: tuple[BankSet, ...] = ()
    absent: BankSet = NO_SET
    context: BankContext | None = None
    pasted: Mapping[tuple[str, str], SetStatistics] = field(default_factory=dict)
    within: BankWithin | None = None

    def __repr__(self) -> str:
        weak = sum(bool(weaknesses(cav)) for cav in self.cavs)
        return (
            f"ConceptBank({self.model['spec'] or self.model['kind']}; concepts {few(self.concepts)}; layers "
            f"{few(list(self.layers))}; {counted(len(self.cavs), 'CAV')}, {weak} weak)"
        )

    def _repr_html_(self) -> str:
        return html_table(self.quality())

    def quality(self) -> pd.DataFrame:
        """Give a row for each layer and concept: how good its CAV is on held-out images.

        Columns
        -------
        layer, concept
        auroc, low, high
            Over locations, with its 95 % interval over images.
        image_auroc, accuracy
            AUROC over images; balanced accuracy over locations.
        images, random_images
            How many it was fitted on.
        mask_of_presence
            Whether it is calibrated.
        weak
            In which ways the CAV is below the bars; empty where it is not.
        """
        import pandas as pd

        return pd.DataFrame(
            [
                {
                    "layer": cav.layer,
                    "concept": cav.concept,
                    "auroc": cav.quality.auroc,
                    "low": cav.quality.auroc_interval[0],
                    "high": cav.quality.auroc_interval[1],
                    "image_auroc": cav.quality.image_auroc,
                    "accuracy": cav.quality.accuracy,
                    "images": cav.quality.images,
                    "random_images": cav.quality.random_images,
                    "mask_of_presence": cav.presence.threshold is not None,
                    "weak": "; ".join(weaknesses(cav)),
                }
                for cav in self.cavs
            ]
        )

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

    def random(self, layer: str, concept: str) -> SetStatistics:
        """Give what a concept is told from at a layer: its random set, weighted (`sacv.cav.contrast`).

        Raises
        ------
        LayerError, OptionError
            As `cav`.
        """
        return self.against(layer, concept).statistics

    def against(self, layer: str, concept: str) -> Contrast:
        """Give what a concept is told from at a layer, with its images.

        Raises
        ------
        LayerError, OptionError
            As `cav`.
        """
        self.cav(layer, concept)
        known: dict[tuple[str, str], Contrast] = self.__dict__.setdefault("_contrasts", {})
        if (layer, concept) not in known:
            entry = next(entry for entry in self.sets if entry.concept == concept)
            known[layer, concept] = contrast(layer, entry, self.sets[-1], self.rests, self.statistics)
        return known[layer, concept]

    def pool(self, layer: str, concept: str) -> SetStatistics:
        """Give what the null and the deals of a concept are drawn from at a layer.

        Raises
        ------
        LayerError, OptionError
            As `cav`.
        """
        self.cav(layer, concept)
        entry = next(entry for entry in self.sets if entry.concept == concept)
        return self.statistics[layer, pool_key(entry, self.rests)]

    @cached_property
    def hashes(self) -> frozenset[str]:
        """The first 16 digits of the SHA-256 of each image that it was made from."""
        return frozenset[str]().union(*(entry.hashes for entry in (*self.sets, *self.rests, self.absent)))

    def made_from(self, digest: str) -> bool:
        """Tell whether an image, by its SHA-256, is among those that the bank was fitted or calibrated on."""
        return digest[:DIGITS] in self.hashes

    @property
    def reading(self) -> Reading:
        """How the CAVs are read."""
        return Reading.described(self.solver)

    @property
    def normalised(self) -> bool:
        """Whether the CAVs are read on activations divided by their L2 norm."""
        return self.reading.normalised

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the labels and the arrays of the CAVs: what an explanation or a search depends on."""
        labels = json.dumps(labels_of(self), sort_keys=True)
        return hashlib.sha256((labels + digest_of(pack_cavs(self.cavs))).encode()).hexdigest()

    def require(self, model: VisionModel) -> None:
        """Check that the bank was made with this model.

        Raises
        ------
        MismatchError
            If the network, its weights, its transform or its window differ. Another precision is a warning.
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
        if self.window != model.window:
            raise MismatchError(
                f"the bank was made with {_window_told(self.window)}, but this model has {_window_told(model.window)}; "
                "use the bank's (leave out --window), or fit a bank with this one"
            )
        if self.precision != model.precision:
            warnings.warn(
                f"the bank was made in {self.precision}, and this model computes in {model.precision}: values differ a "
                "little, and places near a threshold may change sides; take the bank's precision (leave out "
                "--precision), or fit a bank in this one",
                stacklevel=2,
            )

    @property
    def window(self) -> Window | None:
        """The window that files were read with; none where each file's own was taken."""
        fields = self.model.get("window")  # older banks have none
        return None if fields is None else Window.from_json(fields)

    @property
    def precision(self) -> str:
        """The precision that the model computed in; see `VisionModel`."""
        return str(self.model.get("precision", FLOAT32))  # older banks have none

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
            write_arrays(fresh / CAVS, pack_cavs(self.cavs))
            write_arrays(fresh / MOMENTS, moments_of(self))
            write_json(fresh / MARKER, with_checksums(labels_of(self), fresh))

        write_folder(Path(folder), MARKER, fill)

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
        with damage_told(folder / MARKER):
            check_labels(labels)
        channels = {name: shape["channels"] for name, shape in labels["layers"].items()}
        vectors = read_arrays(folder / CAVS)
        with damage_told(folder / CAVS):
            cavs = unpack_cavs(labels, vectors, channels)
        arrays = read_arrays(folder / MOMENTS)
        with damage_told(folder / MOMENTS):
            found = cls(**parts_of(labels, cavs, arrays))
        require_whole(labels, folder)  # last, for the checks above say which value is wrong
        return found


def _window_told(window: Window | None) -> str:
    return "each file's own window" if window is None else f"the window {window}"
