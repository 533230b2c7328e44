"""`Steps`: which results of a study are finished, recognised by their inputs, never by a time.

`steps.json` holds, for each result, the SHA-256 of its inputs and of each of its files. A result is computed again if
its inputs have changed, or one of its files has changed or is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sacv.errors import StorageError
from sacv.files import read_json, write_json
from sacv.maps.figure import plain_names

KIND = "study in steps"
FORMAT_VERSION = 1
MARKER = "steps.json"


class Steps:
    """The finished results of a study's folder.

    With `fresh` they are discarded. Raises StorageError if the folder holds something else, or its list of results is
    damaged.
    """

    def __init__(self, out: Path, fresh: bool) -> None:
        self.out = out
        listed = out / MARKER
        if out.exists() and not out.is_dir():
            raise StorageError(f"{out} is a file; name a folder to write to")
        if out.is_dir() and any(out.iterdir()) and not listed.exists():
            raise StorageError(f"{out} is not empty and holds no {MARKER}, so it will not be written to; name another")
        self._done: dict[str, Any] = {}
        if listed.exists() and not fresh:
            self._done = read_json(listed, kind=KIND, format_version=FORMAT_VERSION)["results"]

    def make_once(self, name: str, inputs: Mapping[str, Any], make: Callable[[], None]) -> bool:
        """Make a result unless it is finished, and return whether it was made.

        `name` is that of the folder or file, `inputs` are all inputs as JSON values, and `make` writes the result.
        """
        key = hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()
        if self._done.get(name) == {"key": key, "files": _digests(self.out / name)}:
            return False
        self._record({other: entry for other, entry in self._done.items() if other != name})
        make()
        self._record(self._done | {name: {"key": key, "files": _digests(self.out / name)}})
        return True

    def _record(self, done: dict[str, Any]) -> None:
        self._done = done
        fresh = self.out / f".{MARKER}-{os.getpid()}"
        try:
            self.out.mkdir(parents=True, exist_ok=True)
            write_json(fresh, {"kind": KIND, "format_version": FORMAT_VERSION, "results": dict(sorted(done.items()))})
            fresh.replace(self.out / MARKER)
        except OSError as error:
            raise StorageError(f"{self.out} could not be written: {error.strerror or error}") from error


def _digests(path: Path) -> dict[str, str]:
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    return {file.relative_to(path).as_posix(): file_digest(file) for file in files if file.is_file()}


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_names(names: list[str]) -> dict[str, str]:
    """Return a folder for each name: the name without illegal characters, with a number if two would be equal."""
    return dict(zip(names, plain_names(names, "class"), strict=True))
