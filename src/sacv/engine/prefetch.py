"""Do a function ahead of who needs its results, in threads."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

import torch
from threadpoolctl import ThreadpoolController

Given = TypeVar("Given")
Found = TypeVar("Found")


def ahead(function: Callable[[Given], Found], given: Iterable[Given], threads: int) -> Generator[Found, None, None]:
    """Return `function` of each of `given`, in their order; as many as there are threads are done ahead.

    An error is raised where its result would stand.
    """
    _openmp()  # before the threads, which would all search at once
    pool = ThreadPoolExecutor(threads, initializer=_alone)
    waiting: deque[Future[Found]] = deque()
    try:
        for one in given:
            waiting.append(pool.submit(function, one))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _alone() -> None:
    """Let no thread start further ones for its small tensors; they would hold the processors the network needs."""
    torch.get_num_threads()  # sets the number for this thread, once
    _openmp().limit(limits=1)


@cache
def _openmp() -> ThreadpoolController:
    """Find the OpenMP libraries; the search goes through all loaded libraries, which takes tens of milliseconds."""
    return ThreadpoolController().select(user_api="openmp")
