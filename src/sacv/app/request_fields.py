"""The fields of a request, checked one by one."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sacv.app.http_errors import Refusal, TooLarge

LONGEST = 1000
"""Maximum number of characters of a text."""


async def body(request: Request, most: int) -> bytes:
    """Read a body of at most `most` bytes.

    Raises
    ------
    TooLarge
        If the body has more.
    """
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > most:
            raise TooLarge(f"the request has more than {most:,} bytes, the maximum of the app")
    return bytes(found)


def number(text: str, default: int) -> int:
    """Return a whole number of at most 6 digits, or a default."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else default


@dataclass(frozen=True)
class RequestFields:
    """The fields of a request."""

    fields: dict[str, Any]

    @classmethod
    def read(cls, content: bytes) -> RequestFields:
        """Read fields from JSON."""
        try:
            fields = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise Refusal("the request is not JSON") from error
        if not isinstance(fields, dict):
            raise Refusal("the request is not a JSON object")
        return cls(fields)

    def text(self, name: str) -> str:
        """Return a field that is a text and not empty."""
        value = self.fields.get(name)
        if not isinstance(value, str) or not value or len(value) > LONGEST:
            raise Refusal(f"{name} must be a text of 1 to {LONGEST} characters")
        return value

    def texts(self, name: str, *, least: int = 0, most: int) -> list[str]:
        """Return a field that is a list of texts."""
        value = self.fields.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and len(one) <= LONGEST for one in value):
            raise Refusal(f"{name} must be a list of texts")
        if not least <= len(value) <= most:
            raise Refusal(f"{name} must have {least} to {most} entries, not {len(value)}")
        return list(dict.fromkeys(value))

    def blob(self, name: str) -> bytes:
        """Return the bytes of a field in base64."""
        value = self.fields.get(name)
        try:
            return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
        except (binascii.Error, ValueError) as error:
            raise Refusal(f"{name} must be bytes in base64") from error
