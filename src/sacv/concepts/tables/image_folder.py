"""Find the images of the rows of a table: files in a folder, by the name in the key column."""

from __future__ import annotations

import os
from pathlib import Path

from sacv.concepts.sources.folder import files_below
from sacv.concepts.sources.suffixes import has_image_ending, without_image_ending
from sacv.errors import ImageSetError


class ImageFolder:
    """The files of a folder by name. The folder is listed once."""

    def __init__(self, folder: str | Path) -> None:
        root = str(Path(folder))
        if not os.path.isdir(root):
            raise ImageSetError(f"there is no folder {root} of images")
        self.folder = root
        self._paths: dict[str, list[str]] = {}
        self._bare_paths: dict[str, list[str]] = {}
        self._names: dict[str, list[str]] = {}
        self._bare_names: dict[str, list[str]] = {}
        start = len(os.path.join(root, ""))
        for file in files_below(root):
            path = file[start:]
            name = os.path.basename(path)
            self._paths.setdefault(path, []).append(file)
            self._names.setdefault(name, []).append(file)
            if has_image_ending(name):
                self._bare_paths.setdefault(without_image_ending(path), []).append(file)
                self._bare_names.setdefault(without_image_ending(name), []).append(file)

    def find(self, name: str) -> list[str]:
        """Return the files that match a name: none, one or, if it is ambiguous, several.

        The name is a path within the folder, or else the name of a file anywhere below it; its extension may be
        omitted.
        """
        path = os.path.normpath(name)
        bare = not has_image_ending(path)
        anywhere = os.path.basename(path) == path
        for wanted, known in (
            (True, self._paths),
            (bare, self._bare_paths),
            (anywhere, self._names),
            (bare and anywhere, self._bare_names),
        ):
            if wanted and path in known:
                return known[path]
        return []
