"""Search any number of images for the concepts of a bank."""

from sacv.index.queries import Like
from sacv.index.search import search
from sacv.index.search_result import SearchResult

__all__ = ["Like", "SearchResult", "search"]
