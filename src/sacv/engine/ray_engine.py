"""The engine that spreads shards over workers by Ray, on this machine or on a cluster.

Each worker holds the reducer, and with it the network, once; what comes back of a shard is its part, never activations.
Parts are given in the order of the shards, and a worker computes with as many threads as this process, so that the
result is that of the local engine, byte for byte, on machines of the same kind.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from sacv.engine.prefetch import ahead
from sacv.engine.protocol import Loaded, Part, Progress, Reducer, Shard
from sacv.engine.store import ShardStore
from sacv.errors import EngineError, OptionError, SacvError
from sacv.files import Array
from sacv.optional import require

RETRIES = 10
"""How often a worker that was lost is started again."""

REACH = 10.0
"""Seconds in which a cluster must answer."""

AHEAD = 2
"""Shards that each worker is given at a time, so that it need not wait."""


@dataclass(frozen=True)
class RayEngine:
    """Spreads shards over Ray actors.

    Parameters
    ----------
    address
        Of a running cluster, such as `auto` or `ray://head:10001`; by default workers are started on this machine, for
        as long as this process lives.
    workers
        Their number; one for every `torch.get_num_threads()` processors of the cluster by default. Each needs memory
        for the network.

    Raises
    ------
    OptionError
        If the number of workers is below 1.
    """

    address: str | None = None
    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise OptionError(f"workers must be at least 1, not {self.workers}")

    def parts(
        self,
        reducer: Reducer[Loaded, Part],
        shards: Sequence[Shard],
        store: ShardStore | None = None,
        progress: Progress | None = None,
    ) -> Generator[Part, None, None]:
        """Give the part of each shard, in their order; see `Engine`.

        Raises
        ------
        MissingExtraError
            If Ray is not installed.
        EngineError
            If there is no such cluster, or a worker is lost again and again.
        """
        ray = require("ray", extra="ray")
        keys = [None if store is None else reducer.key(shard) for shard in shards]
        done = [store is not None and key is not None and store.read(key) is not None for key in keys]
        waiting = [shard for shard, there in zip(shards, done, strict=True) if not there]
        held, workers = self._workers(ray, reducer, waiting)
        spread = _Spread(ray, held, workers, waiting)
        try:
            for shard, key, there in zip(shards, keys, done, strict=True):
                found = store.read(key) if store is not None and key is not None and there else None
                if found is not None:
                    made: Mapping[str, Array] = found
                else:  # what was there a moment ago may have gone since, and was given to no worker
                    made = packed_part(reducer, shard) if there else spread.result(shard)
                if found is None and store is not None and key is not None:
                    store.write(key, made)
                if progress is not None:
                    progress(len(shard.pieces))
                yield reducer.unpack(made)
        finally:
            spread.close()

    def _workers(self, ray: Any, reducer: Reducer[Any, Any], shards: Sequence[Shard]) -> tuple[list[Any], list[Any]]:
        """Give the reducer, held by Ray, and workers that hold it."""
        if not shards:
            return [], []
        self._connect(ray)
        threads = torch.get_num_threads()
        count = self.workers or max(int(ray.cluster_resources().get("CPU", 1)) // threads, 1)
        _carry(ray, reducer)
        held = [ray.put(reducer)]  # within a list, for an actor that starts again takes its arguments once more
        actor = ray.remote(num_cpus=1, max_restarts=RETRIES, max_task_retries=RETRIES)(Worker)
        return held, [actor.remote(held, threads) for _ in range(min(count, len(shards)))]

    def _connect(self, ray: Any) -> None:
        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        local: dict[str, Any] = {}
        if self.address is None:
            local = {"include_dashboard": False, "num_cpus": max(self.workers or 1, os.cpu_count() or 1)}
        try:
            _reach(self.address)  # Ray itself would try for minutes
            ray.init(address=self.address, log_to_driver=False, logging_level="error", configure_logging=True, **local)
        except (OSError, ValueError, RuntimeError) as error:
            raise EngineError(
                f"there is no Ray cluster at {self.address or 'this machine'} ({error}); start one with 'ray start "
                "--head', or leave the address out to work on this machine"
            ) from error


class Worker:
    """Holds a reducer and makes parts; runs in a process of its own."""

    def __init__(self, held: Sequence[Any], threads: int) -> None:
        torch.set_num_threads(threads)
        self.reducer: Reducer[Any, Any] = require("ray", extra="ray").get(held[0])

    def part(self, shard: Shard) -> dict[str, Array]:
        """Give the part of a shard, packed."""
        return packed_part(self.reducer, shard)


def packed_part(reducer: Reducer[Any, Any], shard: Shard) -> dict[str, Array]:
    """Make the part of a shard in this process, and pack it."""
    with reducer.running():
        part = reducer.empty()
        for loaded in ahead(reducer.load, shard.pieces, 2):
            part = reducer.add(part, loaded)
        return dict(reducer.pack(part))


class _Spread:
    """Shards under way: a bounded number, and their results until they are asked for."""

    def __init__(self, ray: Any, held: Sequence[Any], workers: Sequence[Any], shards: Sequence[Shard]) -> None:
        self._ray = ray
        self._held = held  # Ray lets go of what nobody here holds, and a worker that starts again takes it once more
        self._workers = list(workers)
        self._shards = list(shards)[::-1]
        self._under_way: dict[Any, tuple[Shard, Any]] = {}
        self._results: dict[int, Mapping[str, Array]] = {}
        for worker in self._workers * AHEAD:
            self._give(worker)

    def _give(self, worker: Any) -> None:
        # What is finished and not asked for counts, so that one slow shard does not fill the memory with others.
        if self._shards and len(self._under_way) + len(self._results) < AHEAD * len(self._workers):
            shard = self._shards.pop()
            self._under_way[worker.part.remote(shard)] = shard, worker

    def result(self, shard: Shard) -> Mapping[str, Array]:
        """Wait for the part of a shard."""
        key = id(shard)
        while key not in self._results:
            (ready,), _ = self._ray.wait(list(self._under_way), num_returns=1)
            done, worker = self._under_way.pop(ready)
            self._results[id(done)] = self._get(ready)
            self._give(worker)
        found = self._results.pop(key)
        for worker in self._workers:
            self._give(worker)
        return found

    def _get(self, ready: Any) -> Mapping[str, Array]:
        try:
            found: Mapping[str, Array] = self._ray.get(ready)
        except self._ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, SacvError):
                raise error.cause from None
            raise
        except self._ray.exceptions.RayActorError as error:
            why = str(error).strip().splitlines()[-1]
            raise EngineError(
                f"a worker of Ray could not start, or was lost {RETRIES + 1} times ({why}); see that sacv and the "
                "network's code can be imported there, give it more memory, or take fewer --workers"
            ) from error
        return found

    def close(self) -> None:
        """Let the workers go."""
        for worker in self._workers:
            self._ray.kill(worker)


def _reach(address: str | None) -> None:
    """Check that something answers at `host:port` or `ray://host:port`; OSError if not."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH).close()


def _carry(ray: Any, reducer: Reducer[Any, Any]) -> None:
    """Send the code of networks, targets and methods that workers cannot import, such as that of a file, along."""
    model = getattr(reducer, "model", None)
    net, transform = getattr(model, "net", None), getattr(model, "transform", None)
    given = [getattr(reducer, name, None) for name in ("target", "targets", "method")]
    used = [*(net.modules() if isinstance(net, torch.nn.Module) else ()), transform, *_inside(given)]
    for name in {name for one in used for name in (type(one).__module__, getattr(one, "__module__", None))}:
        module = sys.modules.get(str(name))
        if module is not None and not _everywhere(module):
            ray.cloudpickle.register_pickle_by_value(module)


def _inside(value: object) -> Iterator[object]:
    """Go through a value and what it holds: a target may be made of others, and those of functions."""
    yield value
    held: Iterable[object] = ()
    if isinstance(value, Mapping):
        held = value.values()
    elif isinstance(value, list | tuple):
        held = value
    elif isinstance(value, partial):
        held = value.func, *value.args, *value.keywords.values()
    elif is_dataclass(value) and not isinstance(value, type):
        held = [getattr(value, field.name) for field in fields(value)]
    for one in held:
        yield from _inside(one)


def _everywhere(module: ModuleType) -> bool:
    """Tell whether a module can be imported wherever sacv is installed too."""
    file = getattr(module, "__file__", None)
    if file is None or module.__name__.partition(".")[0] in (*sys.stdlib_module_names, __name__.partition(".")[0]):
        return True
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)
