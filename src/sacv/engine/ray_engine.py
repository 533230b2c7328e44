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

from sacv.engine.planned import planned
from sacv.engine.prefetch import ahead
from sacv.engine.protocol import Loaded, Part, Piece, Progress, Reducer, Shard
from sacv.engine.ray_team import Spread, Team
from sacv.engine.store import ShardStore
from sacv.errors import EngineError, OptionError
from sacv.files import Array
from sacv.optional import require

REACH = 10.0
"""Seconds in which a cluster must answer."""


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
        reducer: Reducer[Piece, Loaded, Part],
        shards: Iterable[Shard[Piece]],
        store: ShardStore | None = None,
        progress: Progress | None = None,
    ) -> Generator[Part, None, None]:
        """Return the part of each shard, in their order; see `Engine`.

        Raises
        ------
        MissingExtraError
            If Ray is not installed.
        EngineError
            If there is no such cluster, no worker finds a processor in it, or workers are lost again and again.
        """
        ray = require("ray", extra="ray")
        spread = Spread(planned(reducer, shards, store), partial(self._team, ray, reducer))
        try:
            for entry in spread:
                found = entry.read()
                made: Mapping[str, Array]
                if found is not None:
                    made = found
                else:  # what was there a moment ago may have gone since, and was given to no worker
                    made = packed_part(reducer, entry.shard) if entry.there else spread.result(entry)
                    entry.write(made)
                if progress is not None:
                    progress(len(entry.shard.pieces))
                yield reducer.unpack(made, entry.shard)
        finally:
            spread.close()

    def _team(self, ray: Any, reducer: Reducer[Any, Any, Any]) -> Team:
        """Return workers that hold the reducer; none is started yet."""
        self._connect(ray)
        threads = torch.get_num_threads()
        count = self.workers or max(int(ray.cluster_resources().get("CPU", 1)) // threads, 1)
        _carry(ray, reducer)
        actor = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(Worker)
        held = [ray.put(reducer)]  # within a list, so that it is a worker that takes it, when it has started
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
    """Holds a reducer and makes parts; runs in a process of its own."""

    def __init__(self, held: Sequence[Any], threads: int) -> None:
        torch.set_num_threads(threads)
        self.reducer: Reducer[Any, Any, Any] = require("ray", extra="ray").get(held[0])

    def ready(self) -> None:
        """Answer, which a worker that has not started cannot."""

    def part(self, shard: Shard[Any]) -> dict[str, Array]:
        """Return the part of a shard, packed."""
        return packed_part(self.reducer, shard)


def packed_part(reducer: Reducer[Any, Any, Any], shard: Shard[Any]) -> dict[str, Array]:
    """Make the part of a shard in this process, and pack it."""
    with reducer.running():
        part = reducer.empty()
        for loaded in ahead(reducer.load, shard.pieces, 2):
            part = reducer.add(part, loaded)
        return dict(reducer.pack(part))


def _reach(address: str | None) -> None:
    """Check that something answers at `host:port` or `ray://host:port`; OSError if not."""
    host, colon, port = (address or "").removeprefix("ray://").rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=REACH).close()


def _carry(ray: Any, reducer: Reducer[Any, Any, Any]) -> None:
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
    """Return whether a module can be imported wherever sacv is installed too."""
    file = getattr(module, "__file__", None)
    if file is None or module.__name__.partition(".")[0] in (*sys.stdlib_module_names, __name__.partition(".")[0]):
        return True
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)
