"""What is to be done: each shard with its key, and whether its part is finished."""

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
    """A shard whose turn comes.

    Parameters
    ----------
    shard
        The shard.
    there
        Whether its part was finished when the shard was taken.
    store
        Where its part is, or is to be written.
    make_key
        Gives the key of a shard's part.
    """

    shard: Shard[Piece]
    there: bool
    store: ShardStore | None
    make_key: Callable[[Shard[Piece]], str]

    @cached_property
    def key(self) -> str:
        """Of the part."""
        return self.make_key(self.shard)

    def read(self) -> dict[str, Array] | None:
        """Return the finished part; none where it was not there, or has gone since."""
        return self.store.read(self.key) if self.store is not None and self.there else None

    def write(self, arrays: Mapping[str, Array]) -> None:
        """Write the part, if there is a store."""
        if self.store is not None:
            self.store.write(self.key, arrays)


def planned(
    reducer: Reducer[Piece, Loaded, Part], shards: Iterable[Shard[Piece]], store: ShardStore | None
) -> Iterator[Planned[Piece]]:
    """Go through the shards, none of which is taken before it is requested.

    Where nothing is finished keys are made after the work, so that images whose hash is made as they are loaded are
    read once.
    """
    going_on = store is not None and len(store) > 0
    for shard in shards:
        entry = Planned(shard, going_on, store, reducer.key)
        yield entry if entry.read() is not None else replace(entry, there=False)
