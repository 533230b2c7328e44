"""The engine that works in this process, shard after shard."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from sacv.engine.prefetch import ahead
from sacv.engine.protocol import Loaded, Part, Piece, Progress, Reducer, Shard
from sacv.engine.store import ShardStore
from sacv.errors import OptionError


@dataclass(frozen=True)
class LocalEngine:
    """Works in this process; images are read and transformed ahead, in threads.

    Parameters
    ----------
    readers
        Number of these threads; as many as there are processors, at most 8, by default.

    Raises
    ------
    OptionError
        If it is below 1.
    """

    readers: int | None = None

    def __post_init__(self) -> None:
        if self.readers is not None and self.readers < 1:
            raise OptionError(f"readers must be at least 1, not {self.readers}")

    def parts(
        self,
        reducer: Reducer[Loaded, Part],
        shards: Sequence[Shard],
        store: ShardStore | None = None,
        progress: Progress | None = None,
    ) -> Generator[Part, None, None]:
        """Give the part of each shard, in their order; see `Engine`."""
        keys = [None if store is None else reducer.key(shard) for shard in shards]
        done = [store is not None and key is not None and store.read(key) is not None for key in keys]

        def missing() -> Iterator[Piece]:
            for shard, there in zip(shards, done, strict=True):
                yield from () if there else shard.pieces

        readers = self.readers or min(os.cpu_count() or 1, 8)
        with reducer.running(), closing(ahead(reducer.load, missing(), readers)) as loaded:
            for shard, key, there in zip(shards, keys, done, strict=True):
                found = store.read(key) if store is not None and key is not None and there else None
                if found is not None:
                    if progress is not None:
                        progress(len(shard.pieces))
                    yield reducer.unpack(found)
                    continue
                part = reducer.empty()
                # What was there a moment ago may have gone since; its pieces were not read ahead.
                for one in map(reducer.load, shard.pieces) if there else (next(loaded) for _ in shard.pieces):
                    part = reducer.add(part, one)
                    if progress is not None:
                        progress(1)
                if store is not None and key is not None:
                    store.write(key, reducer.pack(part))
                yield part
