"""Time work in turn, and take medians and ratios of what comes out."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

Work = Callable[[], object]


def seconds(work: Work) -> float:
    """Time one run; a GPU that is in use has finished before the clock is read."""
    _settle()
    start = time.perf_counter()
    work()
    _settle()
    return time.perf_counter() - start


def _settle() -> None:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()


@dataclass(frozen=True)
class Times:
    """Seconds of each thing in each round.

    Parameters
    ----------
    rounds
        For each round, seconds by name.
    """

    rounds: tuple[Mapping[str, float], ...]

    def __len__(self) -> int:
        """Count the rounds."""
        return len(self.rounds)

    def median(self, name: str) -> float:
        """Give the median of one thing."""
        return statistics.median(one[name] for one in self.rounds)

    def ratio(self, name: str, over: str) -> float:
        """Give the median of the rounds' ratios."""
        return statistics.median(one[name] / one[over] for one in self.rounds)

    def joined(self, name: str, join: Callable[[Mapping[str, float]], float]) -> Times:
        """Give the same with one more thing, which each round's others make."""
        return Times(tuple({**one, name: join(one)} for one in self.rounds))


def repeated(once: Callable[[], Mapping[str, float]], rounds: int) -> Times:
    """Do a round that times itself so many times."""
    return Times(tuple(once() for _ in range(rounds)))


def interleaved(work: Mapping[str, Work], rounds: int) -> Times:
    """Time each thing in turn, in so many rounds."""
    return repeated(lambda: {name: seconds(one) for name, one in work.items()}, rounds)


class Stopwatch:
    """Sums the time spent in a method."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def on(self, owner: Any, name: str) -> Iterator[None]:
        """Time every call of `owner.name` inside."""
        method = getattr(owner, name)

        def timed(*given: Any, **named: Any) -> Any:
            found: list[Any] = []
            self.seconds += seconds(lambda: found.append(method(*given, **named)))
            return found[0]

        setattr(owner, name, timed)
        try:
            yield
        finally:
            setattr(owner, name, method)
