"""Checksums of a bank's files, so that damage which leaves every value legal is found too.

`bank.json` holds under `checksums` the SHA-256 of each file of arrays, and its own: of its content without them, in
which the order of names and the white space do not count.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sacv.errors import CorruptFileError

FIELD = "checksums"

LABELS, CAVS, MOMENTS = "bank.json", "cavs.safetensors", "moments.safetensors"
FILES = (LABELS, CAVS, MOMENTS)
"""The files of a bank."""


def with_checksums(labels: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Give labels with the checksums of themselves and of the files of arrays in a folder."""
    return {**labels, FIELD: {name: _found(name, labels, folder) for name in FILES}}


def require_whole(labels: Mapping[str, Any], folder: Path) -> None:
    """Check that no file differs from what was written; a bank from before there were checksums passes.

    Raises
    ------
    CorruptFileError
        If one does.
    """
    recorded: Mapping[str, str] = labels.get(FIELD, {})
    for name in FILES if recorded else ():
        if recorded[name] != _found(name, labels, folder):
            raise CorruptFileError(
                f"{folder / name} is of a damaged bank: it is not what was written (its checksum differs); restore the "
                "file as it was, or fit the bank again"
            )


def _found(name: str, labels: Mapping[str, Any], folder: Path) -> str:
    if name != LABELS:
        with (folder / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    told = {name: value for name, value in labels.items() if name != FIELD}
    return hashlib.sha256(json.dumps(told, sort_keys=True, allow_nan=False).encode()).hexdigest()
