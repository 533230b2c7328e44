"""Names of files that come from a browser, confined to one folder.

A name is never a path: separators of folders become `_`, and a file is opened by its name alone, in its own folder,
and never through a link that leads elsewhere.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path

from sacv.app.http_errors import Missing, Refusal

LONGEST = 120
"""Bytes of a name."""


def tidy(name: str) -> str:
    """Return a valid file name: without separators, control characters, or a leading dot."""
    plain = unicodedata.normalize("NFC", name)
    plain = "".join("_" if letter in "/\\:" or not letter.isprintable() else letter for letter in plain)
    plain = plain.strip().lstrip(".").strip()
    stem, dot, ending = plain.rpartition(".")
    stem, ending = (stem, dot + ending) if dot and len(ending) < 8 else (plain, "")
    room = LONGEST - len(ending.encode())
    plain = (stem.encode()[:room].decode(errors="ignore") + ending).strip()
    if not plain.strip("._ "):
        raise Refusal(f"{name[:LONGEST]!r} is not a valid name; give one with letters or digits")
    return plain


def within(folder: Path, name: str) -> Path:
    """Return the path of an existing entry of a folder."""
    path = folder / name
    plain = name not in ("", ".", "..") and path.name == name and "\\" not in name and "\0" not in name
    if not plain or name.startswith(".") or not path.exists() or path.resolve().parent != folder.resolve():
        raise Missing(f"there is no {name[:LONGEST]!r} in {folder.name}")
    return path


def unused(folder: Path, name: str) -> Path:
    """Return a path for a new file of this name, with a number if the name is taken."""
    plain = Path(tidy(name))
    path, number = folder / plain, 1
    while path.exists():
        number += 1
        path = folder / f"{plain.stem}-{number}{plain.suffix}"
    return path
