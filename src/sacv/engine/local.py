"""The engine that works in this process, shard after shard."""

from collections.abc import Iterable
from dataclasses import dataclass

from sacv.engine.protocol import Progress, Reducer, Shard, State


@dataclass(frozen=True)
class LocalEngine:
    """Folds in this process, in the order of the shards."""

    def fold(self, reducer: Reducer[Shard, State], shards: Iterable[Shard], progress: Progress | None = None) -> State:
        """Give the state of all shards, added one by one."""
        state = reducer.empty()
        for shard in shards:
            state = reducer.add(state, shard)
            if progress is not None:
                progress(1)
        return state
