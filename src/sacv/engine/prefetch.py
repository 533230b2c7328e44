"""Compute the results of a function ahead of their use, in threads."""

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
    """Yield `function` of each of `given`, in order; `threads` results are computed ahead.

    An error is raised in place of its result.
    """
    _openmp()  # before the threads, which would all search at once
    pool = ThreadPoolExecutor(threads, initializer=_single_threaded)
    waiting: deque[Future[Found]] = deque()
    try:
        for value in given:
            waiting.append(pool.submit(function, value))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _single_threaded() -> None:
    """Prevent the thread from starting others for its small tensors, on processors that the network needs."""
    torch.get_num_threads()  # sets the number for this thread, once
    _openmp().limit(limits=1)


@cache
def _openmp() -> ThreadpoolController:
    """Find the OpenMP libraries; the search goes through all loaded libraries, which takes tens of milliseconds."""
    return ThreadpoolController().select(user_api="openmp")
