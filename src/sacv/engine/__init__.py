"""Fold a reducer over shards of work; knows nothing of statistics."""

from sacv.engine.local import LocalEngine
from sacv.engine.protocol import Engine, Progress, Reducer

__all__ = ["Engine", "LocalEngine", "Progress", "Reducer"]
