"""Let a file import the modules that lie beside it, as `python file.py` does, and leave the process as it was.

While it is open the file's folder is first on `sys.path`. What was imported from there is taken out of `sys.modules`
afterwards, so that the `helpers` of one folder never stand in for those of another; who imported them keeps them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import NamespaceLoader, PathFinder
from pathlib import Path
from types import ModuleType

INSTALLED = ("site-packages", "dist-packages")


@contextmanager
def importing_from(folder: Path) -> Iterator[None]:
    """Import from a folder first.

    Parameters
    ----------
    folder
        Absolute, without links.
    """
    path = list(sys.path)
    here = {entry.name.partition(".")[0] for entry in folder.iterdir()}
    away = {top for top in here & {_top(name) for name in sys.modules} if _is_in_the_way(top, folder)}
    hidden = {name: module for name, module in sys.modules.items() if _top(name) in away}
    for name in hidden:
        del sys.modules[name]
    there = {_top(name) for name in sys.modules}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in [name for name in sys.modules if _top(name) not in there and _lies_in(_top(name), folder)]:
            del sys.modules[name]
        sys.modules.update(hidden)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _is_in_the_way(top: str, folder: Path) -> bool:
    """Return whether a module of the user's from elsewhere has the name of one in the folder."""
    if top in sys.stdlib_module_names or top in ("__main__", _top(__name__)) or _lies_in(top, folder):
        return False
    if any(part in INSTALLED for place in _places(sys.modules.get(top)) for part in place.parts):
        return False
    spec = PathFinder.find_spec(top, [str(folder)])
    return spec is not None and spec.loader is not None and not isinstance(spec.loader, NamespaceLoader)


def _lies_in(top: str, folder: Path) -> bool:
    """Return whether a module was found in the folder by its name, unlike the file that is loaded under another."""
    places = _places(sys.modules.get(top))
    return any(place.parent == folder and place.name.partition(".")[0] == top for place in places)


def _places(module: ModuleType | None) -> list[Path]:
    """Return the file of a module, or the folders of a package."""
    spec = getattr(module, "__spec__", None)
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(place).resolve() for place in spec.submodule_search_locations]
    return [Path(spec.origin).resolve()] if spec.has_location and spec.origin else []
