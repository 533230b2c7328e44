"""What an engine does: turn shards of work into parts, in their order.

A *shard* is some pieces of work, such as batches of images; its *part* is what they give. The same shard always gives
the same part, and parts are joined in the order of the shards, so that the result does not depend on who did which
shard, nor on how often the work was interrupted. Shards are taken as they are needed, so that there may be any number.
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
    """Some pieces of work, one after the other; `number` is its place among the shards."""

    number: int
    pieces: tuple[Piece, ...]


class Reducer(Protocol[Piece, Loaded, Part]):
    """How a shard becomes a part, and parts become one."""

    def running(self) -> AbstractContextManager[None]:
        """Enter around all the work that one process does."""
        ...

    def key(self, shard: Shard[Piece]) -> str:
        """Return a SHA-256, in hexadecimal, of all that the part of a shard depends on."""
        ...

    def load(self, piece: Piece) -> Loaded:
        """Read what a piece needs. It is called ahead of `add`, in other threads."""
        ...

    def empty(self) -> Part:
        """Return the part of no pieces."""
        ...

    def add(self, part: Part, loaded: Loaded) -> Part:
        """Return the part with one more piece; the part given may be reused."""
        ...

    def merge(self, left: Part, right: Part) -> Part:
        """Return the part of the pieces of both, which may be reused."""
        ...

    def pack(self, part: Part) -> Mapping[str, Array]:
        """Return a part as named arrays."""
        ...

    def unpack(self, arrays: Mapping[str, Array], shard: Shard[Piece]) -> Part:
        """Undo `pack`, to the bit, of the part of this shard."""
        ...


class Engine(Protocol):
    """Does the shards of a reducer."""

    def parts(
        self,
        reducer: Reducer[Piece, Loaded, Part],
        shards: Iterable[Shard[Piece]],
        store: ShardStore | None = None,
        progress: Progress | None = None,
    ) -> Generator[Part, None, None]:
        """Return the part of each shard, in the order of the shards; it is closed where not all are taken.

        Parameters
        ----------
        reducer
            What is done.
        shards
            On what. They are taken one after the other, a bounded number ahead.
        store
            Where finished parts are written, and those that are there already are read from.
        progress
            Called as pieces are finished.
        """
        ...


def fold(parts: Iterator[Part], reducer: Reducer[Piece, Loaded, Part]) -> Part:
    """Merge parts one after the other."""
    total = reducer.empty()
    for part in parts:
        total = reducer.merge(total, part)
    return total
