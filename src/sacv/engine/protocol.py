"""What an engine does: fold a reducer over shards.

A reducer makes an empty state, adds one shard to it, and merges two states. Merging must not depend on the order
beyond rounding, so that an engine may spread shards over workers.
"""

from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

Shard = TypeVar("Shard")
State = TypeVar("State")
ShardIn = TypeVar("ShardIn", contravariant=True)

Progress = Callable[[int], None]
"""Called with the number of shards just finished."""


class Reducer(Protocol[ShardIn, State]):
    """How shards become one state."""

    def empty(self) -> State:
        """Give the state of no shards."""
        ...

    def add(self, state: State, shard: ShardIn) -> State:
        """Give the state with one more shard; the state given may be reused."""
        ...

    def merge(self, left: State, right: State) -> State:
        """Give the state of the shards of both."""
        ...


class Engine(Protocol):
    """Folds a reducer over shards."""

    def fold(self, reducer: Reducer[Shard, State], shards: Iterable[Shard], progress: Progress | None = None) -> State:
        """Give the state of all shards."""
        ...
