"""Groups of images that are not independent, such as the images of one patient.

The group of an image is derived from its name. A regular expression gives its first capture group, or the whole match
if it has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from sacv.concepts.item import ImageItem, listed
from sacv.errors import ImageSetError, OptionError

Groups: TypeAlias = str | re.Pattern[str] | Mapping[str, str] | Callable[[str], str | None]
"""A regular expression, or the group of each name as a mapping or a function."""

Rule: TypeAlias = Callable[[str], object]
"""Function from the name of an image to its group; None if it has none."""


def group_rule(groups: Groups) -> Rule:
    """Return the function that maps names to groups."""
    if isinstance(groups, str):
        try:
            groups = re.compile(groups)
        except re.error as error:
            raise OptionError(
                f"groups {groups!r} is not a regular expression ({error}); give one whose first capture group is the "
                r"group, such as '(patient\d+)'"
            ) from error
    if isinstance(groups, re.Pattern):
        pattern = groups
        return lambda name: _matched(pattern, name)
    if isinstance(groups, Mapping):
        return groups.get
    if callable(groups):
        return groups
    raise OptionError(
        f"groups must be a regular expression, a mapping from names to groups or a function of the name, not {groups!r}"
    )


def _matched(pattern: re.Pattern[str], name: str) -> str | None:
    found = pattern.search(name)
    return None if found is None else found[1 if pattern.groups else 0]


def with_groups(items: Sequence[ImageItem], rule: Rule) -> tuple[ImageItem, ...]:
    """Return the images with groups; images that already have a group are unchanged."""
    groups = {item.name: rule(item.name) for item in items if item.group is None}
    if missing := [name for name, group in groups.items() if group is None]:
        raise ImageSetError(
            f"no group is found for {listed(missing)}; every image needs one: correct the regular expression or the "
            "mapping (to make each other image its own group, add '|.+' to an expression without parentheses)"
        )
    if empty := [name for name, group in groups.items() if isinstance(group, str) and not group.strip()]:
        raise ImageSetError(f"the group is empty for {listed(empty)}; give each image the name of its group")
    for name, group in groups.items():
        if not isinstance(group, str):
            raise ImageSetError(f"the group of {name} is {group!r}; give a string")
    return tuple(item if item.group is not None else item.of_group(str(groups[item.name])) for item in items)


def with_shared_groups(sets: Sequence[Sequence[ImageItem]]) -> list[tuple[ImageItem, ...]]:
    """Return the images of sets such that images of the same content have the same group."""
    known: dict[str, ImageItem] = {}
    grouped = [item for items in sets for item in items if item.group is not None]
    for item in grouped:
        other = known.setdefault(item.digest, item)
        if other.group != item.group:
            raise ImageSetError(
                f"{item.name} has the group {item.group!r}, and is the same image as {other.name}, which has the group "
                f"{other.group!r}; correct one of the two"
            )
    if not grouped:
        return [tuple(items) for items in sets]
    return [
        tuple(
            item if item.group is not None or item.digest not in known else item.of_group(str(known[item.digest].group))
            for item in items
        )
        for items in sets
    ]


def count_units(items: Iterable[ImageItem]) -> int:
    """Count the independent units: groups, and images without a group."""
    return len({("image", item.digest) if item.group is None else ("group", item.group) for item in items})
