"""One HTML file with the viewer and all its data, which opens from disk without a network.

The header is a block of JSON and each array a block of base64, in script elements of types that no browser runs. The
one script that runs is named by its hash in the page's content security policy, as is the style; images are made from
the blocks (`blob:`). No name is ever read as markup.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from sacv.errors import CorruptFileError
from sacv.viewer.bundle import PAGE, module
from sacv.viewer.data import ViewerData

STYLE = "html{color-scheme:light dark}body{margin:0}sacv-viewer{display:block;min-height:100vh}"

_HEADER = '<script type="application/json" id="sacv-header">'
_BLOCK = '<script type="application/octet-stream" data-name="'


def write_page(file: Path, data: ViewerData) -> None:
    """Write the page; an existing file survives any failure.

    Raises OSError if the file cannot be written.
    """
    fresh = file.with_name(f".{file.name}-fresh")
    try:
        with fresh.open("w", encoding="utf-8", newline="\n") as opened:
            opened.writelines(_parts(data))
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)


def page_text(data: ViewerData) -> str:
    """Return the page as text."""
    return "".join(_parts(data))


def _parts(data: ViewerData) -> Iterator[str]:
    script = module(PAGE)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(STYLE)}; img-src blob: data:; "
        "base-uri 'none'; form-action 'none'"
    )
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(data.header['title'])}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        "<sacv-viewer></sacv-viewer>\n<noscript>This page needs its own script to draw the images. Allow it, or read "
        "explanation.json and scores.parquet in the same folder.</noscript>\n"
    )
    yield f"{_HEADER}{json_text(data.header)}</script>\n"
    for name, array in data.arrays.items():
        yield f'{_BLOCK}{html.escape(name)}">'
        yield base64.b64encode(array.tobytes()).decode()
        yield "</script>\n"
    yield f'<script type="module">{script}</script>\n</body>\n</html>\n'


def json_text(header: Any) -> str:
    """Return JSON that cannot end the HTML element around it."""
    text = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def read_page(file: Path) -> ViewerData:
    """Read the data of a page."""
    text = file.read_text(encoding="utf-8")
    found = re.search(f"{_HEADER}(.*)</script>", text)
    if found is None:
        raise CorruptFileError(f"{file} is not a page of the viewer; run sacv explain again")
    header = json.loads(found[1])
    arrays = {}
    for name, content in re.findall(f'{_BLOCK}([^"]*)">([^<]*)</script>', text):
        label = header["arrays"][html.unescape(name)]
        values = np.frombuffer(base64.b64decode(content), dtype=np.dtype("<" + label["dtype"]))
        arrays[html.unescape(name)] = values.reshape(label["shape"])
    return ViewerData(header, arrays)
