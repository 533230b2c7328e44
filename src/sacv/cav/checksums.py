"""Checksums of the files of a bank, which detect damage that leaves every value legal.

The field `checksums` of `bank.json` holds the SHA-256 of each file of arrays, and that of `bank.json` itself without
this field, with sorted keys and without white space.
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
    """Return the labels with their own checksum and those of the files of arrays in a folder."""
    return {**labels, FIELD: {name: _found(name, labels, folder) for name in FILES}}


def require_whole(labels: Mapping[str, Any], folder: Path) -> None:
    """Check that no file has changed since it was written. Older banks without checksums pass."""
    recorded: Mapping[str, str] = labels.get(FIELD, {})
    for name in FILES if recorded else ():
        if recorded[name] != _found(name, labels, folder):
            raise CorruptFileError(
                f"{folder / name} belongs to a damaged bank: its checksum differs, so that its content has changed; "
                "restore the original file, or fit the bank again"
            )


def _found(name: str, labels: Mapping[str, Any], folder: Path) -> str:
    if name != LABELS:
        with (folder / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    content = {name: value for name, value in labels.items() if name != FIELD}
    return hashlib.sha256(json.dumps(content, sort_keys=True, allow_nan=False).encode()).hexdigest()
