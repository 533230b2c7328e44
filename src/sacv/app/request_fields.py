"""What a request says, checked field by field."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from sacv.app.http_errors import Refusal, TooLarge

LONGEST = 1000
"""Characters of a text."""


async def body(request: Request, most: int) -> bytes:
    """Read a body of at most so many bytes.

    Raises
    ------
    TooLarge
        If it has more.
    """
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > most:
            raise TooLarge(f"the request has more than {most:,} bytes, which is what the app takes")
    return bytes(found)


def number(text: str, otherwise: int) -> int:
    """Read a whole number of few digits, or take another."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else otherwise


@dataclass(frozen=True)
class Asked:
    """The fields of a request."""

    fields: dict[str, Any]

    @classmethod
    def read(cls, content: bytes) -> Asked:
        """Read them from JSON.

        Raises
        ------
        Refusal
            If they are none.
        """
        try:
            fields = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise Refusal("the request is no JSON") from error
        if not isinstance(fields, dict):
            raise Refusal("the request is no table of fields")
        return cls(fields)

    def text(self, name: str) -> str:
        """Return a text that is not empty.

        Raises
        ------
        Refusal
            If it is none.
        """
        value = self.fields.get(name)
        if not isinstance(value, str) or not value or len(value) > LONGEST:
            raise Refusal(f"{name} must be a text of 1 to {LONGEST} characters")
        return value

    def texts(self, name: str, *, least: int = 0, most: int) -> list[str]:
        """Return a list of texts.

        Raises
        ------
        Refusal
            If it is none, or too short or too long.
        """
        value = self.fields.get(name, [])
        if not isinstance(value, list) or not all(isinstance(one, str) and len(one) <= LONGEST for one in value):
            raise Refusal(f"{name} must be a list of texts")
        if not least <= len(value) <= most:
            raise Refusal(f"{name} must have {least} to {most} entries, not {len(value)}")
        return list(dict.fromkeys(value))

    def blob(self, name: str) -> bytes:
        """Return bytes that are written in base64.

        Raises
        ------
        Refusal
            If they are not.
        """
        value = self.fields.get(name)
        try:
            return base64.b64decode(value if isinstance(value, str) else "?", validate=True)
        except (binascii.Error, ValueError) as error:
            raise Refusal(f"{name} must be bytes in base64") from error
