"""Search any number of images for the concepts of a bank."""

from sacv.index.found import Found
from sacv.index.queries import Like
from sacv.index.search import search

__all__ = ["Found", "Like", "search"]
