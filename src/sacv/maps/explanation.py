"""`Explanation`: the maps of images, with the settings and sources they were computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sacv.cav import ConceptBank
from sacv.concepts import ImageSet
from sacv.deprecation import RenamedAttribute, old_keywords
from sacv.errors import LayerError, OptionError
from sacv.files import read_json
from sacv.maps.display_images import DisplayImage, display_image
from sacv.maps.explanation_files import FORMAT_VERSION, KIND, MARKER, label_fields, save_explanation
from sacv.maps.figure import figure
from sacv.maps.images import ExplainedImage
from sacv.maps.layer_maps import LayerMaps, Map
from sacv.maps.listing import choose
from sacv.maps.loaded import corrupt_on_error, load_parts
from sacv.maps.notebook import NotebookDisplay
from sacv.maps.provenance import origin_of
from sacv.maps.reliability import Checks
from sacv.maps.score_rows import score_rows
from sacv.maps.viewer_data import build_viewer_data, report_numbers
from sacv.maps.within import ExplainedWithin
from sacv.model import VisionModel
from sacv.report.display import counted, few
from sacv.viewer import ViewerData

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Note:
    """A warning about the maps of a layer, or of all layers if it is None; `kind` identifies it."""

    layer: str | None
    kind: str
    text: str
    concept: str | None = None


@old_keywords
@dataclass(frozen=True, eq=False)
class Explanation(NotebookDisplay):
    """Maps of where images show concepts, and of how much each location contributes to a class.

    The result of `sacv.explain`.

    Parameters
    ----------
    images
        The images explained.
    concepts
        Names, in the order of the maps.
    maps
        The maps by layer. The arrays stay on disk and are read at each use; they are read-only.
    checks
        The reliability checks, by layer, image and concept; None if they were not requested.
    notes
        Warnings about the maps.
    bank
        The CAVs used.
    model
        The model explained.
    image_set
        The sources of the images, to draw them.
    settings
        Target and other arguments; for a target that is not a class also its value in words and its identity.
    within
        Effect of the masks, if the images are explained within masks.
    origin
        The provenance, if the explanation was loaded.
    display_images
        The images drawn under the maps, if the explanation was loaded.
    """

    images: Sequence[ExplainedImage]
    concepts: tuple[str, ...]
    maps: Mapping[str, LayerMaps]
    checks: Mapping[str, Sequence[tuple[Checks, ...]]] | None
    notes: tuple[Note, ...]
    bank: ConceptBank | None
    model: VisionModel | None
    image_set: ImageSet
    settings: Mapping[str, Any]
    within: ExplainedWithin | None = None
    origin: Mapping[str, Any] | None = None
    display_images: Sequence[DisplayImage | None] | None = None

    shown = RenamedAttribute("listed")
    made = RenamedAttribute("provenance")
    presence_told = RenamedAttribute("presence_calibration")
    drawn = RenamedAttribute("display_images")
    on_page = RenamedAttribute("report_images")
    each = RenamedAttribute("explanations")
    of = RenamedAttribute("subset")
    pictures = RenamedAttribute("image_set")
    page_data = RenamedAttribute("viewer_data")

    def __repr__(self) -> str:
        return (
            f"Explanation({counted(len(self.images), 'image')}, target {self.settings['target']!r}; concepts "
            f"{few(self.concepts)}; layers {few(self.layers)})"
        )

    def explanations(self) -> Sequence[Explanation]:
        """Return this explanation in a list, as `Explanations.explanations` does."""
        return [self]

    @property
    def layers(self) -> list[str]:
        """Names of the layers."""
        return list(self.maps)

    @property
    def value(self) -> str:
        """The explained value in words: "the logit" if the target is a class."""
        return str(self.settings.get("value", "the logit"))

    @cached_property
    def listed(self) -> tuple[int, ...]:
        """Numbers of the images that are listed: all, or a choice of them (`sacv.maps.listing`)."""
        return choose(self.maps, len(self.concepts), len(self.images))

    def subset(self, numbers: Sequence[int]) -> Explanation:
        """Return the explanation of some of the images, by their numbers, in memory, with unchanged masks and notes."""
        lines = None
        if self.checks is not None:
            lines = {layer: tuple(rows[number] for number in numbers) for layer, rows in self.checks.items()}
        return replace(
            self,
            images=tuple(self.images[number] for number in numbers),
            maps={layer: maps.subset(numbers) for layer, maps in self.maps.items()},
            checks=lines,
            image_set=replace(self.image_set, items=tuple(self.image_set.items[number] for number in numbers)),
            display_images=None if self.display_images is None else [self.display_images[number] for number in numbers],
        )

    @cached_property
    def provenance(self) -> Mapping[str, Any]:
        """Bank, model, settings and versions that the explanation was computed with."""
        return origin_of(self) if self.origin is None else self.origin

    def relevance(self, layer: str, concept: str) -> Map:
        """Return `w . a(p) - t`, float32 `(images, *grid)`, in units of activation; above 0 the concept is seen.

        NaN at locations that do not count; `maps[layer].relevance` has all.

        Raises
        ------
        LayerError, OptionError
            If the explanation has no such layer or concept.
        """
        maps, number = self._maps(layer), self._number(concept)
        return maps.counting(maps.relevance[:, number])

    def contribution(self, layer: str, concept: str) -> Map:
        """Return the contribution, float32 `(images, *grid)`; signed, in the unit of the method (`settings["method"]`).

        NaN at locations that do not count; `maps[layer].contribution` has all.

        Raises
        ------
        LayerError, OptionError
            If the explanation has no such layer or concept.
        """
        maps, number = self._maps(layer), self._number(concept)
        return maps.counting(maps.contribution[:, number])

    def significant(self, layer: str, concept: str) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return the significance masks of relevance and of the derivative along v, bool `(images, *grid)` each.

        The second tests `v . dz/da(p)` whatever the contribution method. Without the concept, the probability that any
        location of any image is significant is 5 % for each mask.

        Raises
        ------
        LayerError, OptionError
            If the explanation has no such layer or concept, or the bank no null.
        """
        maps, number = self._maps(layer), self._number(concept)
        if maps.relevance_significant is None or maps.contribution_significant is None:
            raise OptionError("the bank has no null to compare with; fit with nulls=199 and at least 4 random images")
        return maps.relevance_significant[:, number], maps.contribution_significant[:, number]

    def present(self, layer: str, concept: str) -> NDArray[np.bool_]:
        """Return the presence mask, bool `(images, *grid)`: where `u . a(p)` exceeds images without the concept.

        For an image without the concept, the probability of any location in the mask is at most 5 % for each layer and
        concept (`sacv.cav.presence`). A concept from a table without absent images is calibrated on the other rows, and
        the probability is close to 5 % (`sacv.cav.image_scores`).

        Raises
        ------
        LayerError, OptionError
            If the explanation has no such layer or concept, or the mask is not calibrated.
        """
        maps, number = self._maps(layer), self._number(concept)
        if self.concepts[number] not in maps.present:
            raise OptionError(f"{concept!r} at layer {layer!r}: {self.presence_calibration(layer, concept)}")
        return maps.present[concept]

    def presence_calibration(self, layer: str, concept: str) -> str:
        """Return which images calibrate the presence mask, or why there is none."""
        maps = self._maps(layer)
        if self.bank is None:
            return str(self._saved(layer, concept)["presence"]["told"])
        cav = self.bank.cav(layer, concept)
        if cav.calibrated and concept not in maps.present:
            return f"no mask: the grid is {maps.grid}, not {self.bank.layers[layer].grid} as in the bank"
        return cav.calibration.description

    def _saved(self, layer: str, concept: str) -> Mapping[str, Any]:
        return next(one for one in self.provenance["cavs"] if (one["layer"], one["concept"]) == (layer, concept))

    def threshold(self, layer: str, concept: str) -> float:
        """Return `t` of `w . a(p) - t`, in units of activation."""
        if self.bank is None:
            return float(self._saved(layer, concept)["threshold"])
        return self.bank.cav(layer, concept).threshold

    def absent_count(self, layer: str, concept: str) -> int:
        """Return the number of images without the concept that p-values of image scores are computed from."""
        if self.bank is None:
            return int(self._saved(layer, concept)["presence"]["others"])
        return self.bank.cav(layer, concept).others

    def _maps(self, layer: str) -> LayerMaps:
        if layer not in self.maps:
            raise LayerError(f"the explanation has no layer {layer!r}; it has {', '.join(self.maps)}")
        return self.maps[layer]

    def _number(self, concept: str) -> int:
        if concept not in self.concepts:
            raise OptionError(f"the explanation has no concept {concept!r}; it has {', '.join(self.concepts)}")
        return self.concepts.index(concept)

    def scores(self) -> pd.DataFrame:
        """Return a row for each image, layer and concept, over the locations that count.

        Columns
        -------
        image, layer, concept, target, logit
        relevant
            Share of the locations where the concept is seen (relevance above 0).
        relevance_max, relevance_mean
            Maximum and mean of the relevance.
        sacv_score
            Sum of the contribution over the relevant locations, in the unit of the contribution method.
        sacv_positive, sacv_negative
            Its positive and its negative part.
        contribution_sum
            Sum over all locations; with `Gradient` the derivative of the logit for v tiled over the grid, as in TCAV.
        relevance_significant, contribution_significant
            Shares of the locations in the two significance masks; missing without null CAVs.
        image_score
            The greatest evidence `w . a(p)` anywhere, in units of activation.
        image_p, image_p_low, image_p_high
            P-value of the image score against images without the concept (`sacv.cav.image_scores`,
            `sacv.cav.presence`), with its 95 % interval; missing if these are too few, and for images of the bank.
        in_fit
            Whether the bank was fitted or calibrated on the image, so that its score is too high.
        present
            Share of the locations in the presence mask; missing if it is not calibrated.
        inside
            Share of the locations that count, if the images are explained within masks.
        relevant_outside, contribution_outside
            Share of the relevant locations outside the masks, and of their absolute contribution; missing if it is 0.
        evidence, beyond, ablation, ablation_by_gradient, sign_agreement, rank_agreement, neighbours, moved
            The reliability checks (`sacv.maps.Checks`), if they were requested.
        doubts
            Warnings of the reliability checks of this row, in words; empty if there are none.
        weak
            Whether the CAV is below the quality thresholds.
        """
        return pd.DataFrame([row for rows in score_rows(self) for row in rows])

    def to_json(self) -> dict[str, Any]:
        """Return the fields of the label file: everything but the maps, with scores of the listed images."""
        return label_fields(self)

    def save(self, folder: str | Path) -> None:
        """Write the explanation as a folder; an existing one survives any failure.

        Raises
        ------
        StorageError
            If the folder holds something else or cannot be written.
        """
        save_explanation(self, Path(folder))

    def report_images(self) -> tuple[list[int], list[DisplayImage]]:
        """Return the numbers of the images in the report, and their display images."""
        if self.display_images is not None:
            saved = {number: one for number, one in enumerate(self.display_images) if one is not None}
            return list(saved), list(saved.values())
        if self.model is None:
            raise OptionError("an explanation without its model and its images has no report")
        numbers = report_numbers(self)
        return list(numbers), [display_image(self.model, self.image_set.items[number]) for number in numbers]

    def figure(
        self,
        concepts: str | Sequence[str] | None = None,
        layers: str | Sequence[str] | None = None,
        image: int = 0,
        kind: Literal["relevance", "contribution"] = "relevance",
        *,
        outline: Literal["present", "significant", "none"] | None = None,
        most: float | None = None,
        width: float = 2.4,
    ) -> Figure:
        """Draw maps of an image for a paper: a row for each layer, a column for each concept, on one scale.

        Relevance is drawn from 0 if it is above 0, contribution with its sign and 0 in the middle. Areas outside a mask
        are faded and enclosed in amber. For a volume, maps are drawn on the slice along the first axis with the
        greatest relevance. Contribution that is zero or constant at a layer is replaced by a note.

        Parameters
        ----------
        concepts, layers
            Their names, in order; by default all.
        image
            Number of the image, from 0.
        kind
            "relevance", in units of activation, or "contribution", in the unit of the method.
        outline
            The mask that black lines enclose: "present", "significant" or "none". By default the presence mask on
            relevance, if it is calibrated, and otherwise the significance mask, if there is one.
        most
            End of the scale, in the unit of the map; by default the greatest value drawn that counts.
        width
            Width of a map in inches.

        Returns
        -------
        Figure
            A matplotlib figure, without pyplot: its `axes` are the maps, row by row, and the colour bar.
            `figure.savefig("maps.pdf")` writes it.

        Raises
        ------
        LayerError, OptionError
            If the explanation has no such layer, concept or image, or the requested mask does not exist.
        """
        every = list(self.concepts) if concepts is None else [concepts] if isinstance(concepts, str) else list(concepts)
        where = self.layers if layers is None else [layers] if isinstance(layers, str) else list(layers)
        for layer in where:
            self._maps(layer)
        for concept in every:
            self._number(concept)
        return figure(self, every, where, image, kind, outline, most, width)

    def with_command(self, command: str) -> Explanation:
        """Return a copy that records the command line for the report."""
        return replace(self, settings={**self.settings, "command": command})

    def viewer_data(self) -> ViewerData:
        """Return the input of the viewer."""
        return build_viewer_data(self.explanations(), *self.report_images())

    @classmethod
    def load(cls, folder: str | Path) -> Explanation:
        """Read an explanation from its folder, without bank and model; maps stay on disk until they are used.

        Raises
        ------
        CorruptFileError
            If the folder is not an explanation, or it is damaged, incomplete or of an unknown version.
        """
        folder = Path(folder)
        labels = read_json(folder / MARKER, kind=KIND, format_version=FORMAT_VERSION)
        with corrupt_on_error(folder):
            parts = load_parts(folder, labels)
            return cls(**parts, notes=tuple(Note(**note) for note in labels["notes"]), bank=None, model=None)
