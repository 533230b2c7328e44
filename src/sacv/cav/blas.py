"""The libraries of linear algebra of numpy and scipy, whose idle threads slow torch (`sacv.cav.extraction`)."""

from __future__ import annotations

from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def blas() -> ThreadpoolController:
    """Find the libraries; the search goes through all loaded libraries, which takes several milliseconds."""
    return ThreadpoolController().select(user_api="blas")
