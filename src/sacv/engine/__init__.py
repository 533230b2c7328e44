"""Fold a reducer over shards of work; knows nothing of statistics."""
