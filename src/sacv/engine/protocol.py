"""Protocols of an engine, which turns shards of work into parts, and of a reducer, which defines the work.

A *shard* is some pieces of work, such as batches of images; its *part* is their result. The same shard always gives the
same part, and parts are merged in the order of the shards, so that the result does not depend on the worker of a shard
or on interruptions. Shards are taken as they are needed, so that there may be any number.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from sacv.engine.store import ShardStore
from sacv.files import Array

Progress = Callable[[int], None]
"""Called with the number of pieces just finished."""

Piece = TypeVar("Piece")
"""Images that are run together: their numbers, as a range, or the images themselves."""

Loaded = TypeVar("Loaded")
Part = TypeVar("Part")


@dataclass(frozen=True)
class Shard(Generic[Piece]):
    """Some pieces of work, in order; `number` is the index of the shard."""

    number: int
    pieces: tuple[Piece, ...]


class Reducer(Protocol[Piece, Loaded, Part]):
    """Turns shards into parts, and merges parts."""

    def running(self) -> AbstractContextManager[None]:
        """Return a context for all the work of a process."""
        ...

    def key(self, shard: Shard[Piece]) -> str:
        """Return the SHA-256, in hexadecimal, of everything that the part of a shard depends on."""
        ...

    def load(self, piece: Piece) -> Loaded:
        """Read the data of a piece; called before `add`, in other threads."""
        ...

    def empty(self) -> Part:
        """Return the part without pieces."""
        ...

    def add(self, part: Part, loaded: Loaded) -> Part:
        """Add a piece to a part, which may be modified; return the result."""
        ...

    def merge(self, left: Part, right: Part) -> Part:
        """Merge two parts, which may be modified; return the result."""
        ...

    def pack(self, part: Part) -> Mapping[str, Array]:
        """Return a part as named arrays."""
        ...

    def unpack(self, arrays: Mapping[str, Array], shard: Shard[Piece]) -> Part:
        """Undo `pack` for the part of this shard, bit for bit."""
        ...


class Engine(Protocol):
    """Does the work of a reducer over shards."""

    def parts(
        self,
        reducer: Reducer[Piece, Loaded, Part],
        shards: Iterable[Shard[Piece]],
        store: ShardStore | None = None,
        progress: Progress | None = None,
    ) -> Generator[Part, None, None]:
        """Yield the part of each shard, in order. Close the generator if not all are taken.

        Parameters
        ----------
        reducer
            The reducer.
        shards
            The shards; a bounded number is taken ahead.
        store
            Finished parts are read from it, and new ones written to it.
        progress
            Called when pieces are finished.
        """
        ...


def fold(parts: Iterator[Part], reducer: Reducer[Piece, Loaded, Part]) -> Part:
    """Merge all parts, in order."""
    total = reducer.empty()
    for part in parts:
        total = reducer.merge(total, part)
    return total
