"""Errors of refused requests, each with the status of its response."""

from __future__ import annotations

from sacv.errors import SacvError


class Refusal(SacvError):
    """A request that the app does not serve; `status` is the HTTP status."""

    status = 400


class Missing(Refusal):
    """A resource that does not exist."""

    status = 404


class TooLarge(Refusal):
    """More bytes, pixels or files than the app accepts."""

    status = 413


class Busy(Refusal):
    """More waiting jobs than the app holds."""

    status = 503
