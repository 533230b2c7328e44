"""Which picture a row of a table means: by the name in its key column, of a file in a folder."""

from __future__ import annotations

import os
from pathlib import Path

from sacv.concepts.sources.folder import files_below
from sacv.concepts.sources.suffixes import has_image_ending, without_image_ending
from sacv.errors import ImageSetError


class Pictures:
    """The files of a folder, by name; it is listed once.

    Parameters
    ----------
    folder
        The folder, searched to its depths.

    Raises
    ------
    ImageSetError
        If there is no such folder.
    """

    def __init__(self, folder: str | Path) -> None:
        root = str(Path(folder))
        if not os.path.isdir(root):
            raise ImageSetError(f"there is no folder {root} of pictures")
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
        """Give the files that a name may mean: none, one, or several where it is not clear.

        It is a path within the folder, with its ending or without; or else the name of a file anywhere below.
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
