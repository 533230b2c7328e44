"""Checks of the fields of a JSON file. An error names the field, its value and what is legal.

A check is called with a value and the name of its field, such as `cavs[0].threshold`, and raises ValueError. Checks of
lists, tables and records are composed from checks of single values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import inf
from typing import Any, NoReturn, TypeAlias

Check: TypeAlias = Callable[[Any, str], None]

ROUNDING = 1e-9
"""Tolerance at the ends of a range, for computed figures."""

LONGEST = 60
"""Maximum number of characters of a value in an error."""


def refuse(value: object, where: str, legal: str) -> NoReturn:
    """Raise ValueError for a field whose value is not legal."""
    shown = repr(value)
    raise ValueError(f"{where} is {shown if len(shown) <= LONGEST else shown[:LONGEST] + '...'}, not {legal}")


def number(least: float = -inf, most: float = inf, *, above: float = -inf) -> Check:
    """Check a finite number in a range, with a tolerance at its closed ends."""
    ends = ((least, f" of at least {least:g}"), (above, f" above {above:g}"), (most, f" of at most {most:g}"))
    legal = "a finite number" + " and".join(text for end, text in ends if abs(end) < inf)

    def check(value: Any, where: str) -> None:
        real = isinstance(value, int | float) and not isinstance(value, bool)
        if not (real and abs(value) < 1e300 and least - ROUNDING <= value <= most + ROUNDING and value > above):
            refuse(value, where, legal)

    return check


def whole(least: int = 0) -> Check:
    """Check a whole number."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < least:
            refuse(value, where, f"a whole number of at least {least}")

    return check


def kind(wanted: type, legal: str) -> Check:
    """Check the type of a value."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, wanted):
            refuse(value, where, legal)

    return check


text = kind(str, "text")
truth = kind(bool, "true or false")


def optional(inner: Check) -> Check:
    """Check a value that may be null."""
    return lambda value, where: None if value is None else inner(value, where)


def each(inner: Check, count: int | None = None, *, least: int = 0) -> Check:
    """Check a list, of `count` entries if that is given."""
    legal = f"a list of {count}" if count is not None else f"a list of {least} or more" if least else "a list"

    def check(value: Any, where: str) -> None:
        if not isinstance(value, list) or len(value) < least or (count is not None and len(value) != count):
            refuse(value, where, legal)
        for index, entry in enumerate(value):
            inner(entry, f"{where}[{index}]")

    return check


def table(inner: Check, *, least: int = 0) -> Check:
    """Check a table with any keys."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict) or len(value) < least:
            refuse(value, where, f"a table of {least} or more" if least else "a table")
        for name, entry in value.items():
            inner(entry, inside(where, name))

    return check


def record(fields: Mapping[str, Check], later: Mapping[str, Check] | None = None) -> Check:
    """Check a table with known keys. Keys of `later` are optional; other keys are ignored."""

    def check(value: Any, where: str) -> None:
        if not isinstance(value, dict):
            refuse(value, where, "a table")
        for name, inner in fields.items():
            if name not in value:
                raise ValueError(f"{inside(where, name)} is missing")
            inner(value[name], inside(where, name))
        for name, inner in (later or {}).items():
            if name in value:
                inner(value[name], inside(where, name))

    return check


def inside(where: str, name: str) -> str:
    """Return the name of a field of a table."""
    return f"{where}.{name}" if where else name
