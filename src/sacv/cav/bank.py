"""`ConceptBank`: CAVs with their statistics, quality figures and sources, in memory and on disk.

A bank is a folder:

`bank.json`
    Model, layers, sets of images, solver, quality figures of each CAV, `format_version`, checksums.
`cavs.safetensors`
    `LAYER/CONCEPT`: the CAV, float64 `(channels,)`. `LAYER/CONCEPT/evidence`; `LAYER/CONCEPT/presence` (the maxima that
    calibrate the presence mask), with groups `LAYER/CONCEPT/presence_shares`, and `LAYER/CONCEPT/presence_direction` if
    it is not the detector; `LAYER/CONCEPT/image_scores/` with `directions`, `scores`, `fold`, `shows` and `group` for
    concepts from tables (`sacv.cav.image_scores`). Vectors, thresholds and separations of the random runs (`runs`), the
    permuted CAVs (`dealt`) and the null CAVs, which concepts with the same number of images share.
`moments.safetensors`
    For each layer and set (`LAYER/concept/NAME`, `LAYER/rest/NAME`, `LAYER/random`): `count`, `mean` and the upper
    triangle of the scatter of each fold; the mean, weight and fold of each image; a sample of locations.
    `LAYER/seen-through/NAME`: means of the random images under the masks of a concept. `LAYER/pasted/concept/NAME` and
    `LAYER/pasted/random`: statistics of pasted textures.
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

from sacv.cav.arrays import pack_cavs, unpack_cavs
from sacv.cav.bank_files import (
    FORMAT_VERSION,
    KIND,
    NO_SET,
    LayerShape,
    damage_as_error,
    labels_of,
    moments_of,
    parts_of,
)
from sacv.cav.checksums import CAVS, LABELS, MOMENTS, require_whole, with_checksums
from sacv.cav.context import BankContext
from sacv.cav.contrast import Contrast, contrast, pool_key
from sacv.cav.labels import check_labels
from sacv.cav.preprocessing import Preprocessing
from sacv.cav.quality_thresholds import weaknesses
from sacv.cav.sets import DIGITS, BankSet
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cav.vector import CAV
from sacv.cav.within import BankWithin
from sacv.deprecation import RenamedAttribute
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

    Create a bank with `sacv.fit`, or read one with `ConceptBank.load`.

    Parameters
    ----------
    model
        Spec, kind, fingerprint, transform, window, precision and class names of the model.
    layers
        Layout, grid and number of channels of each layer.
    sets
        The sets of the concepts, followed by the random set.
    solver
        Name and parameters of the solver.
    seed, folds, locations, runs, nulls
        Parameters of `fit`.
    cavs
        The CAVs, one for each layer and concept.
    statistics
        Statistics by layer and set (`BankSet.key`).
    seen_through
        By layer and concept with regions (`BankSet.key`): means of the random images under its masks.
    rests
        The rests: for a concept with regions the area outside them, for a concept from a table the other rows.
    absent
        The images that calibrate the presence mask; they are in no other set.
    context
        Context photos and the decisions about pasted textures; None without a context.
    pasted
        Statistics of the pasted textures by layer and set (`sacv.cav.context`).
    within
        Summary of the masks of a fit within masks; None without masks.
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

    reading = RenamedAttribute("preprocessing")

    def __repr__(self) -> str:
        weak = sum(bool(weaknesses(cav)) for cav in self.cavs)
        return (
            f"ConceptBank({self.model['spec'] or self.model['kind']}; concepts {few(self.concepts)}; layers "
            f"{few(list(self.layers))}; {counted(len(self.cavs), 'CAV')}, {weak} weak)"
        )

    def _repr_html_(self) -> str:
        return html_table(self.quality())

    def quality(self) -> pd.DataFrame:
        """Return the quality figures on held-out images, with a row for each layer and concept.

        Columns
        -------
        layer, concept
        auroc, low, high
            AUROC over locations, with its 95 % interval over images.
        image_auroc, accuracy
            AUROC over images; balanced accuracy over locations.
        images, random_images
            Number of concept images and of random images.
        mask_of_presence
            Whether the presence mask is calibrated.
        weak
            The quality thresholds that the CAV is below, in words; empty if there are none.
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
        """Return the CAV of a concept at a layer.

        Raises
        ------
        LayerError
            If the bank does not have the layer.
        OptionError
            If the bank does not have the concept.
        """
        if layer not in self.layers:
            raise LayerError(f"the bank has no layer {layer!r}; it has {', '.join(self.layers)}")
        for cav in self.cavs:
            if (cav.layer, cav.concept) == (layer, concept):
                return cav
        raise OptionError(f"the bank has no concept {concept!r}; it has {', '.join(self.concepts)}")

    def random(self, layer: str, concept: str) -> SetStatistics:
        """Return the weighted statistics of the random set of a concept at a layer (`sacv.cav.contrast`).

        Raises
        ------
        LayerError, OptionError
            As `cav`.
        """
        return self.against(layer, concept).statistics

    def against(self, layer: str, concept: str) -> Contrast:
        """Return the random set of a concept at a layer, with its images.

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
        """Return the statistics that null and permuted CAVs of a concept are drawn from at a layer.

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
        """The first 16 digits of the SHA-256 of each image of the bank."""
        return frozenset[str]().union(*(entry.hashes for entry in (*self.sets, *self.rests, self.absent)))

    def made_from(self, digest: str) -> bool:
        """Return whether the bank was fitted or calibrated on an image, given by its SHA-256."""
        return digest[:DIGITS] in self.hashes

    @property
    def preprocessing(self) -> Preprocessing:
        """Activation preprocessing of the CAVs."""
        return Preprocessing.described(self.solver)

    @property
    def normalised(self) -> bool:
        """Whether activations are divided by their L2 norm."""
        return self.preprocessing.normalised

    @property
    def fingerprint(self) -> str:
        """SHA-256 of everything in the bank that an explanation or a search depends on."""
        labels = json.dumps(labels_of(self), sort_keys=True)
        return hashlib.sha256((labels + digest_of(pack_cavs(self.cavs))).encode()).hexdigest()

    def require(self, model: VisionModel) -> None:
        """Check that the bank was fitted with this model.

        Raises
        ------
        MismatchError
            If the network, its weights, its transform or its window differ. Another precision is a warning.
        """
        mine, other = self.model, model.describe()
        if mine["kind"] != other["kind"] or mine["fingerprint"] != other["fingerprint"]:
            same = "the same kind of network with other weights" if mine["kind"] == other["kind"] else other["kind"]
            raise MismatchError(
                f"the bank was fitted with {mine['kind']} (fingerprint {mine['fingerprint'][:12]}), but this model is "
                f"{same} (fingerprint {other['fingerprint'][:12]}); a CAV is valid for one model only: "
                "fit a bank with this one"
            )
        if mine["transform"] is not None and other["transform"] is not None and mine["transform"] != other["transform"]:
            raise MismatchError(
                f"the bank was fitted with the transform {mine['transform']}, but this model has {other['transform']}; "
                "use the transform of the bank, or fit a bank with this one"
            )
        if self.window != model.window:
            raise MismatchError(
                f"the bank was fitted with {_window_text(self.window)}, the model has {_window_text(model.window)}; "
                "use the window of the bank (leave out --window), or fit a bank with this one"
            )
        if self.precision != model.precision:
            warnings.warn(
                f"the bank was fitted in {self.precision}, and this model computes in {model.precision}: values differ "
                "slightly, and locations near a threshold may change sides; use the bank's precision (leave out "
                "--precision), or fit a bank in this one",
                stacklevel=2,
            )

    @property
    def window(self) -> Window | None:
        """The window that files were read with; None if the window of each file was used."""
        fields = self.model.get("window")  # older banks have none
        return None if fields is None else Window.from_json(fields)

    @property
    def precision(self) -> str:
        """The precision that the model computed in; see `VisionModel`."""
        return str(self.model.get("precision", FLOAT32))  # older banks have none

    @property
    def transform(self) -> ImageTransform | None:
        """The transform of the model, if it was an `ImageTransform`; otherwise None."""
        fields = self.model["transform"]
        return None if fields is None else ImageTransform.from_json(fields)

    def save(self, folder: str | Path) -> None:
        """Write the bank to a folder. A failure leaves an existing bank unchanged.

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
            If the folder is not a bank, or the bank is damaged, incomplete or of an unknown version.
        """
        folder = Path(folder)
        labels = read_json(folder / MARKER, kind=KIND, format_version=FORMAT_VERSION)
        with damage_as_error(folder / MARKER):
            check_labels(labels)
        channels = {name: shape["channels"] for name, shape in labels["layers"].items()}
        vectors = read_arrays(folder / CAVS)
        with damage_as_error(folder / CAVS):
            cavs = unpack_cavs(labels, vectors, channels)
        arrays = read_arrays(folder / MOMENTS)
        with damage_as_error(folder / MOMENTS):
            found = cls(**parts_of(labels, cavs, arrays))
        require_whole(labels, folder)  # last, since the checks above name the value that is wrong
        return found


def _window_text(window: Window | None) -> str:
    return "each file's own window" if window is None else f"the window {window}"
