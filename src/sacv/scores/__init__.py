"""Scores of a class: how much concepts matter to it over many images, and whether that is significant."""

from sacv.scores.class_scores import ClassScores
from sacv.scores.images import score_images
from sacv.scores.score import score

__all__ = ["ClassScores", "score", "score_images"]
