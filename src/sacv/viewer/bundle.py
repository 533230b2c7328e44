"""The sources of the viewer as one ES module, for a page, a notebook or a server.

Each file of `js/` is a module that imports others of them by name, a line each: `import { x } from "./y.js";` or
`import "./y.js";`. Put one after the other, each after those that it imports, with these lines and the word `export`
left out, they are one module: so no two may have the same name for what stands at their top.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

ELEMENT, PAGE, WIDGET = "element.js", "page.js", "widget.js"
"""The module that defines the element, and those that fill it: from the blocks of a page, from a notebook's widget."""

_IMPORT = re.compile(r'^import (?:\{[^}]*\} from )?"\./([\w-]+\.js)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=const|function|class|async)", re.MULTILINE)


@cache
def module(entry: str = ELEMENT) -> str:
    """Return the source of a module with all that it imports."""
    order: dict[str, str] = {}
    _visit(entry, order)
    return "\n".join(order.values())


def _visit(name: str, order: dict[str, str]) -> None:
    if name in order:
        return
    source = (files("sacv.viewer") / "js" / name).read_text(encoding="utf-8")
    for other in _IMPORT.findall(source):
        _visit(other, order)
    order[name] = f"// {name}\n" + _EXPORT.sub("", _IMPORT.sub("", source))
