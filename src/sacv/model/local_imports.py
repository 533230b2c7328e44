"""Let a file import modules from its own folder, as `python file.py` does, and restore the process afterwards.

Inside the context the folder is first on `sys.path`. On exit its modules are removed from `sys.modules`, so that the
`helpers` of one folder are never used for another; existing references to them stay valid.
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
    """Search modules in a folder first.

    The path of the folder is absolute and without links.
    """
    path = list(sys.path)
    names = {entry.name.partition(".")[0] for entry in folder.iterdir()}
    shadowing = {top for top in names & {_top(name) for name in sys.modules} if _shadows(top, folder)}
    hidden = {name: module for name, module in sys.modules.items() if _top(name) in shadowing}
    for name in hidden:
        del sys.modules[name]
    before = {_top(name) for name in sys.modules}
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path[:] = path
        for name in [name for name in sys.modules if _top(name) not in before and _is_from(_top(name), folder)]:
            del sys.modules[name]
        sys.modules.update(hidden)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _shadows(top: str, folder: Path) -> bool:
    """Return whether an imported module, not installed and not from the folder, has the name of one in the folder."""
    if top in sys.stdlib_module_names or top in ("__main__", _top(__name__)) or _is_from(top, folder):
        return False
    if any(part in INSTALLED for path in _paths(sys.modules.get(top)) for part in path.parts):
        return False
    spec = PathFinder.find_spec(top, [str(folder)])
    return spec is not None and spec.loader is not None and not isinstance(spec.loader, NamespaceLoader)


def _is_from(top: str, folder: Path) -> bool:
    """Return whether a module was imported from the folder by its name."""
    return any(path.parent == folder and path.name.partition(".")[0] == top for path in _paths(sys.modules.get(top)))


def _paths(module: ModuleType | None) -> list[Path]:
    spec = getattr(module, "__spec__", None)
    if spec is None:
        return []
    if spec.submodule_search_locations is not None:
        return [Path(folder).resolve() for folder in spec.submodule_search_locations]
    return [Path(spec.origin).resolve()] if spec.has_location and spec.origin else []
