"""`ShardStore`: finished parts on disk, so that interrupted work goes on where it stopped.

The name of a file is the SHA-256 of all that its part depends on (`Reducer.key`): a part is recognised by what it was
made from, never by a time or a place. A file is written beside and then renamed, and holds the SHA-256 of its arrays,
so that one that is cut short or changed is not taken for a part.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from safetensors.numpy import load as parse_arrays
from safetensors.numpy import save as format_arrays

from sacv.errors import StorageError
from sacv.files import Array

SUFFIX = ".part"
_OURS = re.compile(r"[0-9a-f]{64}\.part|\.[0-9a-f]{64}-.*")


class ShardStore:
    """A folder of finished parts.

    As a context manager it is cleared at the end, unless there was an error::

        with ShardStore("bank.shards") as shards:
            sacv.fit(..., shards=shards).save("bank")

    Parameters
    ----------
    folder
        It is made when the first part is written. Files of other kinds in it are left alone.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def __len__(self) -> int:
        """Count the parts."""
        return sum(file.suffix == SUFFIX for file in self.folder.iterdir()) if self.folder.is_dir() else 0

    def read(self, key: str) -> dict[str, Array] | None:
        """Give the arrays of a part; None where there is none, or a damaged one."""
        try:
            content = (self.folder / f"{key}{SUFFIX}").read_bytes()
            length = int.from_bytes(content[:8], "little")
            labels = json.loads(content[8 : 8 + length])["__metadata__"]
            if labels["sha256"] != hashlib.sha256(content[8 + length :]).hexdigest() or labels["key"] != key:
                return None
            return dict(parse_arrays(content))
        except Exception:  # of a damaged file anything may be raised, and the shard is done again
            return None

    def write(self, key: str, arrays: Mapping[str, Array]) -> None:
        """Write a part.

        Raises
        ------
        StorageError
            If the folder cannot be written to.
        """
        named = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        plain = format_arrays(named)
        body = plain[8 + int.from_bytes(plain[:8], "little") :]
        labels = {"key": key, "sha256": hashlib.sha256(body).hexdigest()}
        fresh: str | None = None
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            handle, fresh = tempfile.mkstemp(prefix=f".{key}-", dir=self.folder)
            with os.fdopen(handle, "wb") as file:
                file.write(format_arrays(named, metadata=labels))
            Path(fresh).replace(self.folder / f"{key}{SUFFIX}")
        except OSError as error:
            if fresh is not None:
                Path(fresh).unlink(missing_ok=True)
            raise StorageError(
                f"{self.folder} could not be written: {error.strerror or error}; what is finished stays, and the same "
                "command goes on from there"
            ) from error

    def clear(self) -> None:
        """Remove the parts, and the folder if nothing else is in it."""
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
