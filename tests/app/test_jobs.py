"""Work is done in the order in which it came, and what is not wanted is dropped."""

import threading
import time
from dataclasses import replace

import pytest

from sacv.app.http_errors import Busy, Missing
from sacv.app.jobs import Jobs
from sacv.app.limits import Limits
from sacv.errors import OptionError


@pytest.fixture
def jobs_of():
    made = []

    def jobs(**limits):
        made.append(Jobs(replace(Limits(), **limits)))
        made[-1].start()
        return made[-1]

    yield jobs
    for one in made:
        one.close()


def ended(jobs, job):
    until = time.monotonic() + 20
    while (status := jobs.status(job["number"]))["state"] in ("waiting", "running", "stopping"):
        assert time.monotonic() < until
        time.sleep(0.005)
    return status


def gate():
    """Work that goes on, telling of its progress, until it is let go."""
    started, go = threading.Event(), threading.Event()

    def work(progress):
        started.set()
        while not go.wait(0.005):
            progress(1, 4)
        return {"made": 1}

    return work, started, go


def test_order_and_what_comes_before(jobs_of):
    jobs, order = jobs_of(), []
    work, started, go = gate()
    first = jobs.add("a", "first", work)
    started.wait(10)
    others = [jobs.add("b", str(n), lambda progress, n=n: order.append(n) or {"n": n}) for n in range(5)]
    assert [jobs.status(job["number"])["before"] for job in others] == [0, 1, 2, 3, 4]
    go.set()
    assert [ended(jobs, job)["result"] for job in others] == [{"n": n} for n in range(5)]
    assert order == list(range(5)) and ended(jobs, first)["result"] == {"made": 1}
    assert [job["title"] for job in jobs.of_tab("b")] == ["0", "1", "2", "3", "4"]


def test_remaining_time_is_told(jobs_of):
    jobs = jobs_of()
    work, started, go = gate()
    job = jobs.add("a", "first", work)
    started.wait(10)
    time.sleep(0.2)
    status = jobs.status(job["number"])
    assert (status["done"], status["total"]) == (1, 4) and 0.3 < status["remaining"] < 10
    go.set()


def test_cancelled_work_stops_and_that_which_waits_never_begins(jobs_of):
    jobs, ran = jobs_of(), []
    work, started, _ = gate()
    running, waiting = jobs.add("a", "running", work), jobs.add("a", "waiting", lambda progress: ran.append(1) or {})
    started.wait(10)
    jobs.cancel(waiting["number"])
    jobs.cancel(running["number"])
    assert ended(jobs, running)["state"] == ended(jobs, waiting)["state"] == "cancelled"
    assert ended(jobs, jobs.add("a", "next", lambda progress: {}))["state"] == "done" and not ran


def test_work_of_a_client_that_went_away_is_dropped(jobs_of):
    jobs, ran = jobs_of(lease=0.3), []
    work, started, _ = gate()
    left = jobs.add("gone", "running", work)
    jobs.add("gone", "waiting", lambda progress: ran.append(1) or {})
    started.wait(10)
    mine = jobs.add("here", "mine", lambda progress: {"mine": 1})
    assert ended(jobs, mine)["state"] == "done"  # inquired after, while the others are not
    assert not ran and jobs.status(left["number"])["state"] == "cancelled"


def test_no_more_waits_than_is_set(jobs_of):
    jobs = jobs_of(waiting=3)
    work, started, go = gate()
    jobs.add("a", "running", work)
    started.wait(10)
    for _ in range(3):
        jobs.add("a", "waiting", lambda progress: {})
    with pytest.raises(Busy, match="try again later"):
        jobs.add("a", "too much", lambda progress: {})
    go.set()


def test_a_failure_is_told_and_ends_nothing_else(jobs_of):
    jobs = jobs_of()

    def fails(progress):
        raise OptionError("give  another\nvalue")

    status = ended(jobs, jobs.add("a", "fails", fails))
    assert (status["state"], status["error"]) == ("failed", "give another value")
    status = ended(jobs, jobs.add("a", "breaks", lambda progress: {"never": 1 / 0}))
    assert status["state"] == "failed" and "ZeroDivisionError" in status["error"]
    assert ended(jobs, jobs.add("a", "next", lambda progress: {}))["state"] == "done"
    with pytest.raises(Missing):
        jobs.status("nothing")
