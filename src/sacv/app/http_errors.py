"""Requests that are refused, each with the status of its answer and what to do."""

from __future__ import annotations

from sacv.errors import SacvError


class Refusal(SacvError):
    """A request that the app does not serve; `status` is that of HTTP."""

    status = 400


class Missing(Refusal):
    """What is named is not there."""

    status = 404


class TooLarge(Refusal):
    """More bytes, pixels or files than the app takes."""

    status = 413


class Busy(Refusal):
    """More work waits than the app holds."""

    status = 503
