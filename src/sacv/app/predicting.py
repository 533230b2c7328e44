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

ClassProbabilities: TypeAlias = list[list[Any]]
"""Names of classes with their probabilities for a photo, the most probable first."""


class Predictions:
    """Predictions for the photos of a folder, dropped when a photo changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, tuple[tuple[int, int] | None, ClassProbabilities]] = {}
        self._lock = Lock()

    def of(self, photos: Sequence[str]) -> Mapping[str, ClassProbabilities]:
        """Return the predictions of those photos that have some and are unchanged."""
        with self._lock:
            known = {name: self._known[name] for name in photos if name in self._known}
        return {name: classes for name, (state, classes) in known.items() if state == _state(self.folder / name)}

    def find(self, model: VisionModel, photos: Sequence[Path], progress: Progress) -> dict[str, Any]:
        """Predict the classes of photos; unreadable ones are left out."""
        for start in range(0, len(photos), BATCH):
            progress(start, len(photos))
            pictures = {}
            for path in photos[start : start + BATCH]:
                try:
                    pictures[path] = _state(path), read_picture(path)
                except UnreadableImageError:
                    continue
            if pictures:
                probabilities = (
                    model.logits(model.inputs([picture for _, picture in pictures.values()])).softmax(1).cpu()
                )
                values, order = probabilities.topk(min(SHOWN, probabilities.shape[1]))
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
        """Drop the predictions of photos that were deleted."""
        with self._lock:
            self._known = {name: one for name, one in self._known.items() if (self.folder / name).exists()}


def _state(path: Path) -> tuple[int, int] | None:
    """Return what changes when a file is replaced; None if it does not exist."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
