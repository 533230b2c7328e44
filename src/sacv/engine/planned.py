"""What is to be done: each shard with its key, and whether its part is finished."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
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
    key
        Of its part, and none without a store.
    store
        Where its part is, or is to be written.
    """

    shard: Shard[Piece]
    there: bool
    key: str | None
    store: ShardStore | None

    def read(self) -> dict[str, Array] | None:
        """Give the finished part; none where it was not there, or has gone since."""
        return None if self.store is None or self.key is None or not self.there else self.store.read(self.key)

    def write(self, arrays: Mapping[str, Array]) -> None:
        """Write the part, if there is a store."""
        if self.store is not None and self.key is not None:
            self.store.write(self.key, arrays)


def planned(
    reducer: Reducer[Piece, Loaded, Part], shards: Iterable[Shard[Piece]], store: ShardStore | None
) -> Iterator[Planned[Piece]]:
    """Go through the shards, none of which is taken before it is asked for."""
    for shard in shards:
        key = None if store is None else reducer.key(shard)
        yield Planned(shard, store is not None and key is not None and store.read(key) is not None, key, store)
