"""`ShardStore`: finished parts on disk, from which interrupted work resumes.

The name of a file is the SHA-256 of everything that its part depends on (`Reducer.key`). A file is written under a
temporary name and renamed. It contains the SHA-256 of its arrays, so that truncated or changed files are ignored.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from safetensors.numpy import load as parse_arrays

from sacv.errors import StorageError
from sacv.files import Array, digest_of, write_arrays

SUFFIX = ".part"
_OURS = re.compile(r"[0-9a-f]{64}\.part|\.[0-9a-f]{64}-.*")


class ShardStore:
    """A folder of finished parts.

    As a context manager, it removes the parts on exit, unless there was an error::

        with ShardStore("bank.shards") as shards:
            sacv.fit(..., shards=shards).save("bank")

    Parameters
    ----------
    folder
        Created when the first part is written. Other files in it are not touched.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def __len__(self) -> int:
        """Return the number of parts."""
        return sum(file.suffix == SUFFIX for file in self.folder.iterdir()) if self.folder.is_dir() else 0

    def read(self, key: str) -> dict[str, Array] | None:
        """Return the arrays of a part; None if it is missing or damaged."""
        try:
            content = (self.folder / f"{key}{SUFFIX}").read_bytes()
            labels = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])["__metadata__"]
            arrays = dict(parse_arrays(content))
            return arrays if labels == _labels(key, arrays) else None
        except Exception:  # a damaged file raises errors of many types; the shard is computed again
            return None

    def write(self, key: str, arrays: Mapping[str, Array]) -> None:
        """Write a part.

        Raises
        ------
        StorageError
            If the folder cannot be written to.
        """
        fresh = self.folder / f".{key}-{os.getpid()}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_arrays(fresh, arrays, _labels(key, arrays))
            fresh.replace(self.folder / f"{key}{SUFFIX}")
        except OSError as error:
            if self.folder.is_dir():
                fresh.unlink(missing_ok=True)
            raise StorageError(
                f"{self.folder} could not be written: {error.strerror or error}; finished parts stay, and the same "
                "command resumes from them"
            ) from error

    def clear(self) -> None:
        """Remove the parts, and the folder if it is empty then."""
        if not self.folder.is_dir():
            return
        for file in self.folder.iterdir():
            if _OURS.fullmatch(file.name):
                file.unlink(missing_ok=True)
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def __enter__(self) -> ShardStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.clear()


def _labels(key: str, arrays: Mapping[str, Array]) -> dict[str, str]:
    return {"key": key, "sha256": digest_of(arrays)}
