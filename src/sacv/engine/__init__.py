"""Engines, which do the work of a reducer over shards."""

from sacv.engine.local import LocalEngine
from sacv.engine.protocol import Engine, Progress, Reducer, Shard, fold
from sacv.engine.ray_engine import RayEngine
from sacv.engine.shards import cut
from sacv.engine.store import ShardStore

__all__ = ["Engine", "LocalEngine", "Progress", "RayEngine", "Reducer", "Shard", "ShardStore", "cut", "fold"]
