"""How explanations show themselves in a notebook, and what is chosen there."""

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
"""Bytes of maps and images of a page within a notebook, about."""

LAYERS, CONCEPTS = 3, 4
"""Of the image that needs no widget: the last layers and the first concepts, at most."""

VIEW = "application/vnd.jupyter.widget-view+json"


@dataclass(frozen=True)
class Selection:
    """What is chosen in a notebook.

    Parameters
    ----------
    image
        Its number in the explanation, and so along the first axis of its maps.
    path
        Of the image.
    concept, layer, target
        Their names.
    kind
        The map that is seen: "relevance", "contribution", "present" or "chance".
    location
        Row and column that are pinned, or of a signal the location along its axis; of a volume, row and column of the
        slice that is seen. None where no location is pinned.
    """

    image: int
    path: str
    concept: str
    layer: str
    target: str
    kind: str
    location: tuple[int, ...] | None


class NotebookDisplay(ABC):
    """Shows itself in a notebook."""

    @abstractmethod
    def explanations(self) -> Sequence[Explanation]:
        """Return the explanations that are shown together, of the same images."""

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
        """What is chosen in the widget; None as long as it was not shown."""
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
        """Return the widget, where a front end draws it, and an image that stays when the notebook is converted."""
        if notebook.text_alone():
            return {"text/plain": repr(self)}
        try:
            return {"text/plain": repr(self), **self._static(), **self._live()}
        except SacvError as error:  # such as of images that are gone
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
        """Return what the viewer draws of the first images, as many as have room in a notebook."""
        numbers, pictures = self._report_images
        one = build_viewer_data(self.explanations(), numbers[:1], pictures[:1])
        size = sum(array.nbytes for array in one.arrays.values())
        most = max(ROOM // size, 1)
        return one if most == 1 else build_viewer_data(self.explanations(), numbers[:most], pictures[:most])
