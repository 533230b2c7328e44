"""The viewer in a notebook: the element as a widget that sends its selection back, and static HTML without one.

The widget needs the extra `notebook` (https://anywidget.dev). Its arrays are sent as one buffer, in the order of the
header's `arrays`.
"""

from __future__ import annotations

import base64
import html
import os
import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

from sacv.optional import require
from sacv.viewer.bundle import WIDGET, module
from sacv.viewer.data import ViewerData
from sacv.viewer.page import json_text, page_text

LONGEST = 1_500_000
"""Maximum length of a page within a notebook, in characters; a longer one is left out."""

HINT = (
    "To select a location in the image and use it in Python (<code>found.selection</code>): "
    "<code>pip install 'sacv[notebook]'</code>"
)


def widget_of(data: ViewerData) -> Any:
    """Return the widget that draws the data; its `selection` is that of the element, or None.

    Raises MissingExtraError if anywidget is not installed.
    """
    content = b"".join(array.tobytes() for array in data.arrays.values())
    ordered = {**data.header, "arrays": {name: data.header["arrays"][name] for name in data.arrays}}
    return _widget()(header=json_text(ordered), content=content)


@cache
def _widget() -> Any:
    base, traitlets = require("anywidget", extra="notebook").AnyWidget, require("traitlets", extra="notebook")
    parts = {
        "_esm": module(WIDGET),
        "header": traitlets.Unicode().tag(sync=True),
        "content": traitlets.Bytes().tag(sync=True),
        "selection": traitlets.Dict(default_value=None, allow_none=True).tag(sync=True),
    }
    return type("ViewerWidget", (base,), parts)


def has_widgets() -> bool:
    """Whether the extra is installed."""
    return find_spec("anywidget") is not None


def front_end() -> bool:
    """Whether a front end that draws widgets has started this kernel: Jupyter, VS Code or Colab.

    Without one, as in `nbconvert --execute`, a widget would replace the image.
    """
    shell = _shell()
    if shell is None:
        return False
    return "JPY_SESSION_NAME" in os.environ or "google.colab" in sys.modules or "__vsc_ipynb_file__" in shell.user_ns


def text_alone() -> bool:
    """Whether this is IPython in a terminal, which shows only text."""
    shell = _shell()
    return shell is not None and "text/html" not in shell.display_formatter.active_types


def _shell() -> Any:
    ipython = sys.modules.get("IPython")
    return None if ipython is None else ipython.get_ipython()


def static_html(words: str, pictures: Sequence[bytes], data: ViewerData) -> str:
    """Return HTML that needs no widget: images, and the page in a folded frame, unless it is large.

    `words` are a line of text above the images, and `pictures` PNG files.
    """
    images = "".join(
        f'<img alt="{html.escape(words)}" style="max-width:100%;background:#fff" '
        f'src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
        for picture in pictures
    )
    page, hint = html.escape(page_text(data)), "" if has_widgets() else f"<p><small>{HINT}</small></p>"
    frame = (
        "<details><summary>Look closer: every map, values under the pointer</summary>"
        '<iframe title="viewer" sandbox="allow-scripts allow-forms allow-downloads" '
        f'style="width:100%;height:48rem;border:0" srcdoc="{page}"></iframe></details>'
    )
    return f"<div><p>{html.escape(words)}</p>{images}{frame if len(page) <= LONGEST else ''}{hint}</div>"
