"""Mergeable statistics of activations at locations, grouped by image."""
