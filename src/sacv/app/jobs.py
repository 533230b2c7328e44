"""Work for the model: one piece at a time, in the order in which it came, with as much waiting as is set.

A browser keeps its jobs by polling them. A job that is not polled for a while is dropped, so that
a client that goes away frees its work. Work that runs stops when it next tells of its progress.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from sacv.app.http_errors import Busy, Missing
from sacv.app.limits import Limits
from sacv.errors import SacvError

Progress = Callable[[int, int], None]
Work = Callable[[Progress], dict[str, Any]]
"""Does something, telling how much of it is done, and gives what the browser gets, as JSON takes it."""

REMEMBERED = 200
"""Finished pieces of work whose results can be had."""


class Stopped(Exception):
    """Work that is not wanted any more."""


@dataclass
class Job:
    """A piece of work.

    Parameters
    ----------
    number
        A name that cannot be guessed.
    tab
        The browser tab that requested it.
    title
        For people.
    work
        None once it is over.
    """

    number: str
    tab: str
    title: str
    work: Work | None
    state: str = "waiting"
    done: int = 0
    total: int = 0
    error: str = ""
    result: dict[str, Any] | None = None
    inquired: float = field(default_factory=time.monotonic)
    started: float = 0.0

    def status(self, before: int) -> dict[str, Any]:
        """Return the status as JSON data; `before` jobs come first."""
        remaining = None
        if self.state == "running" and 0 < self.done < self.total:
            remaining = round((time.monotonic() - self.started) / self.done * (self.total - self.done), 1)
        return {
            "number": self.number, "tab": self.tab, "title": self.title, "state": self.state, "before": before,
            "done": self.done, "total": self.total, "remaining": remaining, "error": self.error, "result": self.result,
        }  # fmt: skip


class Jobs:
    """The queue and the thread that works through it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="sacv-app-worker", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def close(self) -> None:
        """Stop what runs, drop what waits, and wait for the thread."""
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                self._drop(job)
            self._changed.notify_all()
        self._thread.join()

    def add(self, tab: str, title: str, work: Work) -> dict[str, Any]:
        """Take on a piece of work.

        Raises
        ------
        Busy
            If too much waits.
        """
        with self._changed:
            self._drop_left()
            waiting = self._waiting()
            if len(waiting) >= self.limits.waiting:
                raise Busy(f"{len(waiting)} requests are waiting, which is what the app holds; try again later")
            job = Job(token_hex(8), tab, title, work)
            self._jobs[job.number] = job
            over = [number for number, one in self._jobs.items() if one.work is None]
            for number in over[: max(len(over) - REMEMBERED, 0)]:
                del self._jobs[number]
            self._changed.notify_all()
            return job.status(len(waiting))

    def status(self, number: str) -> dict[str, Any]:
        """Return the status of a job, and keep the job.

        Raises
        ------
        Missing
            If there is none of that number.
        """
        with self._changed:
            job = self._job(number)
            job.inquired = time.monotonic()
            return job.status(self._before(job))

    def of_tab(self, tab: str) -> list[dict[str, Any]]:
        """Return the status of all jobs of a tab, and keep them."""
        with self._changed:
            mine = [job for job in self._jobs.values() if job.tab == tab]
            for job in mine:
                job.inquired = time.monotonic()
            return [job.status(self._before(job)) for job in mine]

    def cancel(self, number: str) -> dict[str, Any]:
        """Drop a piece of work, or stop it when it next tells of its progress."""
        with self._changed:
            job = self._job(number)
            self._drop(job)
            return job.status(0)

    def _job(self, number: str) -> Job:
        if number not in self._jobs:
            raise Missing(f"there is no work {number[:40]!r}; the app was started anew, or it is long over")
        return self._jobs[number]

    def _waiting(self) -> list[Job]:
        return [job for job in self._jobs.values() if job.state == "waiting"]

    def _before(self, job: Job) -> int:
        return self._waiting().index(job) if job.state == "waiting" else 0

    def _drop(self, job: Job) -> None:
        if job.state == "waiting":
            job.state, job.work = "cancelled", None
        elif job.state == "running":
            job.state = "stopping"

    def _drop_left(self) -> None:
        """Drop the work of clients that have gone."""
        for job in self._jobs.values():
            if time.monotonic() - job.inquired > self.limits.lease:
                self._drop(job)

    def _next(self) -> Job | None:
        with self._changed:
            while not self._closed:
                self._drop_left()
                waiting = self._waiting()
                if waiting:
                    waiting[0].state, waiting[0].started = "running", time.monotonic()
                    return waiting[0]
                self._changed.wait()
            return None

    def _run(self) -> None:
        while (job := self._next()) is not None:
            self._do(job)

    def _do(self, job: Job) -> None:
        def advance(done: int, total: int) -> None:
            with self._changed:
                self._drop_left()
                job.done, job.total = done, total
                if job.state == "stopping":
                    raise Stopped

        work = job.work
        state, error, result = "done", "", None
        try:
            result = None if work is None else work(advance)
        except Stopped:
            state = "cancelled"
        except SacvError as problem:
            state, error = "failed", " ".join(str(problem).split())
        except Exception as problem:  # one request must not end the thread that serves all
            traceback.print_exc()
            state, error = "failed", f"{type(problem).__name__}: {problem}"
        with self._changed:
            job.state, job.error, job.result, job.work = state, error, result, None
