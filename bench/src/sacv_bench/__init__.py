"""Scenes with ground truth, metrics and baselines."""
