"""Jobs for the model: one at a time, in the order of the requests, with a limit on waiting ones.

A browser polls its jobs. A job that is not polled for a while is dropped, so that the work of a closed tab ends. A
running job stops when it next reports its progress.
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
"""A function that reports its progress and returns the JSON data for the browser."""

REMEMBERED = 200
"""Number of finished jobs whose results are stored."""


class Stopped(Exception):
    """Raised within a job that was cancelled."""


@dataclass
class Job:
    """A job."""

    number: str
    """A random identifier."""
    tab: str
    """The browser tab that requested it."""
    title: str
    """Title on the page."""
    work: Work | None
    """None once it has ended."""
    state: str = "waiting"
    done: int = 0
    total: int = 0
    error: str = ""
    result: dict[str, Any] | None = None
    polled: float = field(default_factory=time.monotonic)
    started: float = 0.0

    def status(self, before: int) -> dict[str, Any]:
        """Return the status as JSON data; `before` is the number of jobs ahead of it."""
        remaining = None
        if self.state == "running" and 0 < self.done < self.total:
            remaining = round((time.monotonic() - self.started) / self.done * (self.total - self.done), 1)
        return {
            "number": self.number, "tab": self.tab, "title": self.title, "state": self.state, "before": before,
            "done": self.done, "total": self.total, "remaining": remaining, "error": self.error, "result": self.result,
        }  # fmt: skip


class Jobs:
    """The queue of jobs and the thread that runs them."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="sacv-app-worker", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop the running job, drop waiting ones, and wait for the thread."""
        with self._changed:
            self._closed = True
            for job in self._jobs.values():
                self._drop(job)
            self._changed.notify_all()
        self._thread.join()

    def add(self, tab: str, title: str, work: Work) -> dict[str, Any]:
        """Add a job."""
        with self._changed:
            self._drop_unpolled()
            waiting = self._waiting()
            if len(waiting) >= self.limits.waiting:
                raise Busy(f"{len(waiting)} jobs are waiting, the maximum of the app; try again later")
            job = Job(token_hex(8), tab, title, work)
            self._jobs[job.number] = job
            ended = [number for number, job in self._jobs.items() if job.work is None]
            for number in ended[: max(len(ended) - REMEMBERED, 0)]:
                del self._jobs[number]
            self._changed.notify_all()
            return job.status(len(waiting))

    def status(self, number: str) -> dict[str, Any]:
        """Return the status of a job, so that the jobs of its tab stay alive.

        Raises `Missing` if there is no such job.
        """
        with self._changed:
            job = self._job(number)
            job.polled = time.monotonic()
            return job.status(self._before(job))

    def of_tab(self, tab: str) -> list[dict[str, Any]]:
        """Return the status of all jobs of a tab, so that they stay alive."""
        with self._changed:
            mine = [job for job in self._jobs.values() if job.tab == tab]
            for job in mine:
                job.polled = time.monotonic()
            return [job.status(self._before(job)) for job in mine]

    def cancel(self, number: str) -> dict[str, Any]:
        """Drop a waiting job, or stop a running one when it next reports its progress."""
        with self._changed:
            job = self._job(number)
            self._drop(job)
            return job.status(0)

    def _job(self, number: str) -> Job:
        if number not in self._jobs:
            raise Missing(
                f"there is no job {number[:40]!r}: it ended long ago, or the app was restarted; start it again"
            )
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

    def _drop_unpolled(self) -> None:
        """Drop the jobs of tabs that no longer poll, all jobs of a tab at once."""
        polled: dict[str, float] = {}
        for job in self._jobs.values():
            polled[job.tab] = max(polled.get(job.tab, 0.0), job.polled)
        for job in self._jobs.values():
            if time.monotonic() - polled[job.tab] > self.limits.lease:
                self._drop(job)

    def _next(self) -> Job | None:
        with self._changed:
            while not self._closed:
                self._drop_unpolled()
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
                self._drop_unpolled()
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
        except Exception as problem:  # the thread must survive an error of one job
            traceback.print_exc()
            state, error = "failed", f"{type(problem).__name__}: {problem}"
        with self._changed:
            job.state, job.error, job.result, job.work = state, error, result, None
