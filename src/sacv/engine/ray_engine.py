"""The engine that distributes shards to Ray workers, on this machine or on a cluster.

Each worker has one copy of the reducer and its network, and returns the part of a shard, never activations. Parts are
yielded in the order of the shards, and a worker computes with as many threads as this process. So the result is byte
for byte the same as that of the local engine, on machines of the same kind.
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

from sacv.engine.planned import planned
from sacv.engine.prefetch import ahead
from sacv.engine.protocol import Loaded, Part, Piece, Progress, Reducer, Shard
from sacv.engine.ray_team import Spread, Team
from sacv.engine.store import ShardStore
from sacv.errors import EngineError, OptionError
from sacv.files import Array
from sacv.optional import require

REACH = 10.0
"""Timeout for the connection to a cluster, in seconds."""


@dataclass(frozen=True)
class RayEngine:
    """An engine that distributes shards to Ray actors.

    Parameters
    ----------
    address
        Address of a running cluster, such as `auto` or `ray://head:10001`; by default workers are started on this
        machine, until this process ends.
    workers
        Number of workers, which each need memory for the network; by default one for every `torch.get_num_threads()`
        processors of the cluster.

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
        reducer: Reducer[Piece, Loaded, Part],
        shards: Iterable[Shard[Piece]],
        store: ShardStore | None = None,
        progress: Progress | None = None,
    ) -> Generator[Part, None, None]:
        """Return the part of each shard, in order; see `Engine`.

        Raises
        ------
        MissingExtraError
            If Ray is not installed.
        EngineError
            If there is no such cluster, no worker gets a processor, or workers are lost repeatedly.
        """
        ray = require("ray", extra="ray")
        spread = Spread(planned(reducer, shards, store), partial(self._team, ray, reducer))
        try:
            for entry in spread:
                arrays: Mapping[str, Array] | None = entry.read()
                if arrays is None:  # a finished part that has been removed since was given to no worker
                    arrays = packed_part(reducer, entry.shard) if entry.finished else spread.result(entry)
                    entry.write(arrays)
                if progress is not None:
                    progress(len(entry.shard.pieces))
                yield reducer.unpack(arrays, entry.shard)
        finally:
            spread.close()

    def _team(self, ray: Any, reducer: Reducer[Any, Any, Any]) -> Team:
        """Return a team whose workers get the reducer; none is started yet."""
        self._connect(ray)
        threads = torch.get_num_threads()
        count = self.workers or max(int(ray.cluster_resources().get("CPU", 1)) // threads, 1)
        _send_code(ray, reducer)
        actor = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Worker)
        held = [ray.put(reducer)]  # in a list, so that the worker dereferences it after its start
        return Team(ray, partial(actor.remote, held, threads), count)

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
    """A process that computes the parts of shards with its copy of a reducer."""

    def __init__(self, held: Sequence[Any], threads: int) -> None:
        torch.set_num_threads(threads)
        self.reducer: Reducer[Any, Any, Any] = require("ray", extra="ray").get(held[0])

    def ready(self) -> None:
        """Answer, which a worker that has not started cannot."""

    def part(self, shard: Shard[Any]) -> dict[str, Array]:
        """Return the part of a shard, packed."""
        return packed_part(self.reducer, shard)


def packed_part(reducer: Reducer[Any, Any, Any], shard: Shard[Any]) -> dict[str, Array]:
    """Compute the part of a shard in this process, and pack it."""
    with reducer.running():
        part = reducer.empty()
        for loaded in ahead(reducer.load, shard.pieces, 2):
            part = reducer.add(part, loaded)
        return dict(reducer.pack(part))


def _reach(address: str | None) -> None:
    """Check that `host:port` or `ray://host:port` accepts connections; raise OSError if not."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH).close()


def _send_code(ray: Any, reducer: Reducer[Any, Any, Any]) -> None:
    """Pickle the code of networks, targets and methods by value if workers cannot import it."""
    model = getattr(reducer, "model", None)
    net, transform = getattr(model, "net", None), getattr(model, "transform", None)
    given = [getattr(reducer, name, None) for name in ("target", "targets", "method")]
    used = [*(net.modules() if isinstance(net, torch.nn.Module) else ()), transform, *_inside(given)]
    for name in {name for one in used for name in (type(one).__module__, getattr(one, "__module__", None))}:
        module = sys.modules.get(str(name))
        if module is not None and not _importable(module):
            ray.cloudpickle.register_pickle_by_value(module)


def _inside(value: object) -> Iterator[object]:
    """Yield a value and the values inside it: a target may contain other targets, and functions."""
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


def _importable(module: ModuleType) -> bool:
    """Return whether a module belongs to Python, sacv or an installed package, so that workers can import it."""
    file = getattr(module, "__file__", None)
    if file is None or module.__name__.partition(".")[0] in (*sys.stdlib_module_names, __name__.partition(".")[0]):
        return True
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)
