"""Display of explanations in notebooks, and the selection there."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sacv.errors import SacvError
from sacv.maps.viewer_data import build_viewer_data
from sacv.viewer import ViewerData, notebook

if TYPE_CHECKING:
    from sacv.maps.display_images import DisplayImage
    from sacv.maps.explanation import Explanation

ROOM = 700_000
"""Approximate bytes of maps and images in a notebook cell."""

LAYERS, CONCEPTS = 3, 4
"""Maximum number of layers, the last ones, and of concepts, the first ones, in the static image."""

VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Selection:
    """The selection in a notebook.

    Parameters
    ----------
    image
        Number of the image: its index along the first axis of the maps.
    path
        Path of the image.
    concept, layer, target
        Their names.
    kind
        The map shown: "relevance", "contribution", "present" or "chance".
    location
        The pinned location: row and column, for a volume on the slice shown; for a signal its index. None if no
        location is pinned.
    """

    image: int
    path: str
    concept: str
    layer: str
    target: str
    kind: str
    location: tuple[int, ...] | None


class NotebookDisplay(ABC):
    """Base of results that display themselves in a notebook."""

    @abstractmethod
    def explanations(self) -> Sequence[Explanation]:
        """Return the explanations shown together, of the same images."""

    @cached_property
    def _report_images(self) -> tuple[list[int], list[DisplayImage]]:
        return self.explanations()[0].report_images()

    @cached_property
    def widget(self) -> Any:
        """The viewer as a widget (https://anywidget.dev), to be placed beside others; see `selection`.

        Raises
        ------
        MissingExtraError
            If the extra `notebook` is not installed.
        OptionError
            If there are no images to draw.
        """
        return notebook.widget_of(build_viewer_data(self.explanations(), *self._report_images))

    @property
    def selection(self) -> Selection | None:
        """The selection in the widget; None if it has not been shown."""
        chosen = self.widget.selection if "widget" in self.__dict__ else None
        if chosen is None:
            return None
        names, first = chosen["names"], self.explanations()[0]
        location = None if chosen["location"] is None else tuple(chosen["location"])
        if location is not None and len(first.maps[names["layer"]].grid) == 1:
            location = location[1:]
        return Selection(
            image=self._report_images[0][chosen["image"]],
            path=names["image"],
            concept=names["concept"],
            layer=names["layer"],
            target=names["target"],
            kind=chosen["kind"],
            location=location,
        )

    def _repr_mimebundle_(
        self, include: Container[str] | None = None, exclude: Container[str] | None = None
    ) -> dict[str, Any]:
        """Return the widget, if the front end supports it, and a static image for converted notebooks."""
        if notebook.text_alone():
            return {"text/plain": repr(self)}
        try:
            return {"text/plain": repr(self), **self._static(), **self._live()}
        except SacvError as error:  # for example if images no longer exist
            return {"text/plain": f"{self!r}\nIt has no image: {error}"}

    def _live(self) -> dict[str, Any]:
        if not (notebook.front_end() and notebook.has_widgets()):
            return {}
        return {VIEW: {"version_major": 2, "version_minor": 1, "model_id": self.widget.model_id}}

    def _static(self) -> dict[str, Any]:
        from sacv.report.figure import png

        first, number = self.explanations()[0], self._report_images[0][0]
        layers, concepts = first.layers[-LAYERS:], first.concepts[:CONCEPTS]
        relevance, contribution = (
            png(first.figure(concepts, layers, number, kind, width=2), 80) for kind in ("relevance", "contribution")
        )
        words = f"{self!r}: {first.images[number].path}"
        return {
            "text/html": notebook.static_html(words, [relevance, contribution], self._small()),
            "image/png": relevance,
        }

    def _small(self) -> ViewerData:
        """Return the input of the viewer for the first images, as many as have room in a notebook."""
        numbers, pictures = self._report_images
        one = build_viewer_data(self.explanations(), numbers[:1], pictures[:1])
        size = sum(array.nbytes for array in one.arrays.values())
        most = max(ROOM // size, 1)
        return one if most == 1 else build_viewer_data(self.explanations(), numbers[:most], pictures[:most])
