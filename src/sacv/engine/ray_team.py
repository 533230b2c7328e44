"""Ray workers, and the shards that they are given.

A shard is given to a worker that has started. A lost worker is replaced, and its shards are given to the other workers,
so that a replacement without a free processor does not stop the work. Without any worker, the start of one is waited
for, at most `START` seconds.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from sacv.engine.planned import Planned
from sacv.errors import EngineError, SacvError
from sacv.files import Array

RETRIES = 10
"""Maximum number of workers lost in a row, without a part finished in between."""

START = 300.0
"""Timeout for the start of the first worker, in seconds; a cluster that grows takes minutes."""

AHEAD = 2
"""Number of shards that each worker has at a time, so that it does not wait."""


class Team:
    """Running and starting workers, and their shards.

    Parameters
    ----------
    ray
        The package.
    hire
        Function that starts a worker.
    size
        Maximum number of workers.
    """

    def __init__(self, ray: Any, hire: Callable[[], Any], size: int) -> None:
        self.size = size
        self._ray = ray
        self._hire = hire
        self._starting: dict[Any, Any] = {}
        self._ready: list[Any] = []
        self._under_way: dict[Any, tuple[Planned[Any], Any]] = {}
        self._losses = 0

    def grow(self, waiting: int) -> None:
        """Start workers, also in place of lost ones, at most one for each shard that is running or waiting."""
        shards = len(self._under_way) + waiting
        for _ in range(min(self.size, shards) - len(self._starting) - len(self._ready)):
            worker = self._hire()
            self._starting[worker.ready.remote()] = worker

    def take(self, waiting: deque[Planned[Any]]) -> None:
        """Send shards to workers with fewer than `AHEAD`, those with the fewest first."""
        load = {worker: 0 for worker in self._ready}
        for _, worker in self._under_way.values():
            load[worker] += 1
        while waiting and load and min(load.values()) < AHEAD:
            worker, entry = min(load, key=load.__getitem__), waiting.popleft()
            self._under_way[worker.part.remote(entry.shard)] = entry, worker
            load[worker] += 1

    def wait(self, waiting: deque[Planned[Any]]) -> tuple[Planned[Any], Mapping[str, Array]] | None:
        """Wait until a part is finished, or a worker has started or is lost.

        Parameters
        ----------
        waiting
            Shards without a worker; those of a lost worker are put in front.

        Returns
        -------
        The shard and its part, if one is finished.

        Raises
        ------
        EngineError
            If no worker starts in time, or workers are lost repeatedly.
        SacvError
            The error of a shard.
        """
        limit = None if self._ready else START
        ready, _ = self._ray.wait([*self._under_way, *self._starting], num_returns=1, timeout=limit)
        if not ready:
            self._none_started()
        (done,) = ready
        worker = self._starting[done] if done in self._starting else self._under_way[done][1]
        try:
            found = self._ray.get(done)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, SacvError):
                raise error.cause from None
            raise
        except self._ray.exceptions.RayError as error:
            self._lose(worker, waiting, error)
            return None
        if done in self._starting:
            self._ready.append(self._starting.pop(done))
            return None
        self._losses = 0
        return self._under_way.pop(done)[0], found

    def _lose(self, worker: Any, waiting: deque[Planned[Any]], error: Exception) -> None:
        """Remove a worker, and put its shards back."""
        lost = [ref for ref, (_, other) in self._under_way.items() if other is worker]
        waiting.extendleft(reversed([self._under_way.pop(ref)[0] for ref in lost]))
        self._starting = {ref: other for ref, other in self._starting.items() if other is not worker}
        self._ready = [other for other in self._ready if other is not worker]
        self._ray.kill(worker)
        self._losses += 1
        broken = isinstance(error, self._ray.exceptions.RayActorError) and error.actor_init_failed
        if broken or self._losses > RETRIES:
            why = str(error).strip().splitlines()[-1]
            raise EngineError(
                f"a worker of Ray could not start ({why}); check that sacv and the network's code can be imported there"
                if broken
                else f"workers of Ray were lost {self._losses} times in a row ({why}); give them more memory, or take "
                "fewer --workers"
            ) from error

    def _none_started(self) -> NoReturn:
        free, whole = (
            found.get("CPU", 0) for found in (self._ray.available_resources(), self._ray.cluster_resources())
        )
        raise EngineError(
            f"no worker of Ray has started in {START:g} seconds; {free:g} of the cluster's {whole:g} processors are "
            "free, and each worker needs one: free processors or add a machine, and run the same command again"
        )

    def close(self) -> None:
        """End the workers."""
        for worker in [*self._ready, *self._starting.values()]:
            self._ray.kill(worker)


class Spread:
    """Shards in order, with a bounded number given to workers ahead.

    Parameters
    ----------
    entries
        The shards.
    team
        Function that returns the team; called when there is a shard to do.
    """

    def __init__(self, entries: Iterator[Planned[Any]], team: Callable[[], Team]) -> None:
        self._entries = entries
        self._make_team = team
        self._team: Team | None = None
        self._next: deque[Planned[Any]] = deque()
        self._waiting: deque[Planned[Any]] = deque()
        self._results: dict[Planned[Any], Mapping[str, Array]] = {}

    def __iter__(self) -> Iterator[Planned[Any]]:
        """Yield the shards, finished ones too."""
        self._look_ahead()
        while self._next:
            yield self._next.popleft()
            self._look_ahead()

    def _look_ahead(self) -> None:
        """Take shards. Finished ones that were not requested count, so that a slow shard does not fill the memory."""
        while len(self._next) < (AHEAD if self._team is None else AHEAD * self._team.size):
            entry = next(self._entries, None)
            if entry is None:
                break
            self._next.append(entry)
            if not entry.finished:
                self._the_team()
                self._waiting.append(entry)
        if self._team is not None:
            self._team.grow(len(self._waiting))
            self._team.take(self._waiting)

    def _the_team(self) -> Team:
        if self._team is None:
            self._team = self._make_team()
        return self._team

    def result(self, entry: Planned[Any]) -> Mapping[str, Array]:
        """Wait for the part of a shard that was not finished.

        Raises
        ------
        EngineError, SacvError
            See `Team.wait`.
        """
        team = self._the_team()
        while entry not in self._results:
            if finished := team.wait(self._waiting):
                self._results[finished[0]] = finished[1]
            team.grow(len(self._waiting))
            team.take(self._waiting)
        return self._results.pop(entry)

    def close(self) -> None:
        """End the workers."""
        if self._team is not None:
            self._team.close()
