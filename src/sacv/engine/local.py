"""The engine that works in this process, one shard after another."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

from sacv.engine.planned import Planned, planned
from sacv.engine.prefetch import ahead
from sacv.engine.protocol import Loaded, Part, Piece, Progress, Reducer, Shard
from sacv.engine.store import ShardStore
from sacv.errors import OptionError


@dataclass(frozen=True)
class LocalEngine:
    """An engine that works in this process; threads read and transform images ahead.

    Parameters
    ----------
    readers
        Number of these threads; by default one for each processor, at most 8.

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
        reducer: Reducer[Piece, Loaded, Part],
        shards: Iterable[Shard[Piece]],
        store: ShardStore | None = None,
        progress: Progress | None = None,
    ) -> Generator[Part, None, None]:
        """Return the part of each shard, in order; see `Engine`."""

        def steps() -> Iterator[tuple[Planned[Piece], tuple[Piece, ...]]]:
            for entry in planned(reducer, shards, store):
                yield from ((entry, (piece,)) for piece in entry.shard.pieces) if not entry.finished else [(entry, ())]

        def read(step: tuple[Planned[Piece], tuple[Piece, ...]]) -> tuple[Planned[Piece], list[Loaded]]:
            entry, pieces = step
            return entry, [reducer.load(piece) for piece in pieces]

        def advance(pieces: int) -> None:
            if progress is not None:
                progress(pieces)

        readers = self.readers or min(os.cpu_count() or 1, 8)
        with reducer.running(), closing(ahead(read, steps(), readers)) as loaded:
            for entry, steps_read in groupby(loaded, itemgetter(0)):
                found = entry.read()
                if found is not None:
                    advance(len(entry.shard.pieces))
                    yield reducer.unpack(found, entry.shard)
                    continue
                part = reducer.empty()
                pieces: Iterator[Loaded] = (piece for _, some in steps_read for piece in some)
                if entry.finished:  # its file has been removed since, so that its pieces were not read ahead
                    pieces = map(reducer.load, entry.shard.pieces)
                for piece in pieces:
                    part = reducer.add(part, piece)
                    advance(1)
                if store is not None:
                    entry.write(reducer.pack(part))
                yield part
