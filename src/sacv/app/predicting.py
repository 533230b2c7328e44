"""The most probable classes of each photo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

from sacv.app.explaining import BATCH
from sacv.app.jobs import Progress
from sacv.concepts.decoding import read_picture
from sacv.errors import UnreadableImageError
from sacv.model import VisionModel

SHOWN = 5
"""Classes of a photo."""

Said: TypeAlias = list[list[Any]]
"""Of a photo: the name of each class and its probability, the likeliest first."""


class Predictions:
    """What is known of the photos of a folder; a photo that has changed is not known any more.

    Parameters
    ----------
    folder
        Of the photos.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, int] | None, Said]] = {}
        self._lock = Lock()

    def of(self, photos: Sequence[str]) -> Mapping[str, Said]:
        """Return what is known of those photos that are there."""
        with self._lock:
            known = {name: self._known[name] for name in photos if name in self._known}
        return {name: said for name, (state, said) in known.items() if state == _state(self.folder / name)}

    def find(self, model: VisionModel, photos: Sequence[Path], progress: Progress) -> dict[str, Any]:
        """Ask the network about photos; of those that cannot be read nothing is known.

        Raises
        ------
        SacvError
            If the network gives no scores of classes.
        """
        for start in range(0, len(photos), BATCH):
            progress(start, len(photos))
            pictures = {}
            for path in photos[start : start + BATCH]:
                try:
                    pictures[path] = _state(path), read_picture(path)
                except UnreadableImageError:
                    continue
            if pictures:
                chances = model.logits(model.inputs([picture for _, picture in pictures.values()])).softmax(1).cpu()
                values, order = chances.topk(min(SHOWN, chances.shape[1]))
                with self._lock:
                    for (path, (state, _)), row, classes in zip(
                        pictures.items(), values.tolist(), order.tolist(), strict=True
                    ):
                        named = [[model.class_name(index), value] for index, value in zip(classes, row, strict=True)]
                        self._known[path.name] = state, named
        progress(len(photos), len(photos))
        self._forget()
        return {}

    def _forget(self) -> None:
        """Drop what is known of photos that are gone."""
        with self._lock:
            self._known = {name: one for name, one in self._known.items() if (self.folder / name).exists()}


def _state(path: Path) -> tuple[int, int] | None:
    """Tell a file from another of its name; None where it is gone."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
