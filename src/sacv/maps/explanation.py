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
    """Something about the maps of a layer, or of all, that the reader must know; `kind` is for machines."""

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
        the reliability checks, by layer, image and concept; none if they were not made.
    notes
        Warnings about the maps.
    bank
        The CAVs used.
    model
        The model explained.
    image_set
        The images' files or arrays, to draw them.
    settings
        Target and other arguments; for a target that is not a class also its value in words and its identity.
    within
        Effect of the masks, if the images are explained within masks.
    origin
        Of one that was loaded: what the label file records about bank and model.
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
        if self.origin is not None:
            return self.origin
        return origin_of(self)

    def relevance(self, layer: str, concept: str) -> Map:
        """Return `w . a(p) - t`, float32 `(images, *grid)`, in units of activation; above 0 the concept is seen.

        NaN where locations do not count; `maps[layer].relevance` has all.

        Raises
        ------
        LayerError, OptionError
            If the explanation has no such layer or concept.
        """
        maps, number = self._maps(layer), self._number(concept)
        return maps.counting(maps.relevance[:, number])

    def contribution(self, layer: str, concept: str) -> Map:
        """Return the contribution, float32 `(images, *grid)`; signed, in the unit of the method (`settings["method"]`).

        By default `v . dz/da(p)`, in logits per unit of v. NaN where locations do not count;
        `maps[layer].contribution` has all.

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

        The mask of an image without the concept, like those it was calibrated on, has any location with a probability
        of at most 5 %, for each layer and concept; see `sacv.cav.presence`. Where a concept from a table
        has no images of its own for it, the other images of the table are taken, and the probability is close to
        5 %; see `sacv.cav.image_scores`.

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
        """Return the entry of a CAV in `provenance`."""
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
        """Return a row for each image, layer and concept; all of the locations that count.

        Columns
        -------
        image, layer, concept, target, logit
        relevant
            Share of the locations where the concept is seen (relevance above 0).
        relevance_max, relevance_mean
            Of the relevance map.
        sacv_score
            Sum of the contribution over the relevant locations, in the unit of the contribution method.
        sacv_positive, sacv_negative
            Its positive and negative parts.
        contribution_sum
            Sum over all locations; with `Gradient` the derivative of the logit for v tiled over the grid, as TCAV takes
            it.
        relevance_significant, contribution_significant
            Share of the locations whose relevance, and whose derivative of the logit along v, are significant; missing
            where the bank has no null CAVs.
        image_score
            The greatest evidence `w . a(p)` anywhere, in units of activation.
        image_p, image_p_low, image_p_high
            How likely an image without the concept reaches as far, a p-value against those that the bank is calibrated
            on (`sacv.cav.image_scores`, `sacv.cav.presence`), with its 95 % interval; missing where there are too few
            of these, and for images that the bank was fitted on.
        in_fit
            Whether the bank was fitted or calibrated on the image, so that its score is too good.
        present
            Share of the locations where the concept is present; missing where that mask is not calibrated.
        inside
            Share of the locations that count, where the images are explained within masks.
        relevant_outside, contribution_outside
            Beside it, the share of the relevant locations that lies outside, and that of the size of their
            contribution; missing where there is none.
        evidence, beyond, ablation, ablation_by_gradient, sign_agreement, rank_agreement, neighbours, moved
            the reliability checks (`sacv.maps.Checks`), if it was requested.
        doubts
            Warnings of the reliability checks of this row, in words; empty if there are none.
        weak
            Whether the CAV is below the quality thresholds.
        """
        return pd.DataFrame([row for rows in score_rows(self) for row in rows])

    def to_json(self) -> dict[str, Any]:
        """Return everything but the maps, as the label file holds it; of many images those that are listed."""
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
        """Return the numbers of the images that a page shows, and what is drawn of them."""
        if self.display_images is not None:
            saved = {number: one for number, one in enumerate(self.display_images) if one is not None}
            return list(saved), list(saved.values())
        if self.model is None:
            raise OptionError("an explanation without its model and its images has no page")
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

        Relevance is drawn where it is above 0, from 0; contribution with its sign, 0 in the middle. What lies outside a
        mask is faded and enclosed in amber. Of a volume each map is drawn on the slice across its first axis where the
        concept is most relevant. Contribution that is zero or constant at a layer is replaced by a note.

        Parameters
        ----------
        concepts, layers
            Which, in this order; by default all.
        image
            Its number, from 0.
        kind
            "relevance", in units of activation, or "contribution", in the unit of the method.
        outline
            What black lines enclose: the locations where the concept is "present", those that are "significant", or
            "none". By default, around relevance what is present, where that mask is calibrated, and otherwise what
            is significant, if the bank has null CAVs.
        most
            End of the scale, in the unit of the map, such as to compare figures; by default the greatest value that is
            drawn and counts.
        width
            Of a map, in inches.

        Returns
        -------
        Figure
            Of matplotlib, without pyplot: its `axes` are the maps, row by row, and last the colour bar. It shows itself
            in a notebook; `figure.savefig("maps.pdf")` writes it.

        Raises
        ------
        LayerError, OptionError
            If the explanation has no such layer, concept or image, or the mask is missing that is requested.
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
        """Return what the viewer draws."""
        return build_viewer_data(self.explanations(), *self.report_images())

    @classmethod
    def load(cls, folder: str | Path) -> Explanation:
        """Read an explanation from its folder; maps stay on disk until they are used.

        It has neither the bank nor the model.

        Raises
        ------
        CorruptFileError
            If it is no explanation, damaged, incomplete or of an unknown version.
        """
        folder = Path(folder)
        labels = read_json(folder / MARKER, kind=KIND, format_version=FORMAT_VERSION)
        with corrupt_on_error(folder):
            parts = load_parts(folder, labels)
            return cls(**parts, notes=tuple(Note(**note) for note in labels["notes"]), bank=None, model=None)
