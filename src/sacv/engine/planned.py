"""Shards with the keys of their parts, and whether these are finished."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Generic

from sacv.engine.protocol import Loaded, Part, Piece, Reducer, Shard
from sacv.engine.store import ShardStore
from sacv.files import Array


@dataclass(frozen=True, eq=False)
class Planned(Generic[Piece]):
    """A shard to do, or one whose part is finished.

    Parameters
    ----------
    shard
        The shard.
    finished
        Whether its part was finished when the shard was taken.
    store
        The store of the part.
    make_key
        Function from a shard to the key of its part.
    """

    shard: Shard[Piece]
    finished: bool
    store: ShardStore | None
    make_key: Callable[[Shard[Piece]], str]

    @cached_property
    def key(self) -> str:
        """Key of the part."""
        return self.make_key(self.shard)

    def read(self) -> dict[str, Array] | None:
        """Return the finished part; None if there is none, or it has been removed since."""
        return self.store.read(self.key) if self.store is not None and self.finished else None

    def write(self, arrays: Mapping[str, Array]) -> None:
        """Write the part, if there is a store."""
        if self.store is not None:
            self.store.write(self.key, arrays)


def planned(
    reducer: Reducer[Piece, Loaded, Part], shards: Iterable[Shard[Piece]], store: ShardStore | None
) -> Iterator[Planned[Piece]]:
    """Yield the shards, each taken when it is requested.

    If nothing is finished, keys are computed after the work, so that images that are hashed as they are loaded are read
    once.
    """
    resumed = store is not None and len(store) > 0
    for shard in shards:
        entry = Planned(shard, resumed, store, reducer.key)
        yield entry if entry.read() is not None else replace(entry, finished=False)
