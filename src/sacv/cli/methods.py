"""From names on the command line to contribution methods: the names of `sacv.registry.METHODS`, and `default`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sacv.errors import OptionError
from sacv.registry import METHODS

if TYPE_CHECKING:
    from sacv.maps.methods import Method

LEGAL = f"default, {', '.join(entry.form for entry in METHODS)}"
"""The legal values, for messages."""


def parse_method(text: str) -> Method:
    """Parse a contribution method."""
    from sacv.maps.methods import DEFAULT

    if text == "default":
        return DEFAULT
    name, colon, value = text.partition(":")
    entry = next((entry for entry in METHODS if entry.name == name), None)
    legal = entry is not None and (not colon or (entry.takes_value and value.isdecimal()))
    if entry is None or not legal:
        raise OptionError(f"--method {text}: give one of {LEGAL}")
    method: Method = entry.load()(*((int(value),) if colon else ()))
    return method
