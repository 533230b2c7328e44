"""The sources of the viewer as one ES module, for a page, a notebook or a server.

Each file of `js/` is a module that imports others of them by name, one import per line: `import { x } from "./y.js";`
or `import "./y.js";`. The bundle concatenates them, each after its imports, without the import lines and the word
`export`. Two modules must therefore not define the same name at their top level.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

ELEMENT, PAGE, WIDGET = "element.js", "page.js", "widget.js"
"""The module that defines the element, and those that fill it: from a page, from a notebook's widget."""

_IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const|function|class|async)", re.MULTILINE)


@cache
def module(entry: str = ELEMENT) -> str:
    """Return the source of a module with all its imports."""
    order: dict[str, str] = {}
    _visit(entry, order)
    return "\n".join(order.values())


def _visit(name: str, order: dict[str, str]) -> None:
    if name in order:
        return
    source = (files("sacv.viewer") / "js" / name).read_text(encoding="utf-8")
    for imported in _IMPORT.findall(source):
        _visit(imported, order)
    order[name] = f"// {name}\n" + _EXPORT.sub("", _IMPORT.sub("", source))
