"""Which images belong together, such as those of one patient: images of one group are not independent.

The group of an image is found by its name. A regular expression gives its first group of parentheses, or the whole
match where it has none.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeAlias

from sacv.concepts.item import ImageItem
from sacv.errors import ImageSetError, OptionError

Groups: TypeAlias = str | re.Pattern[str] | Mapping[str, str] | Callable[[str], str | None]
"""A regular expression, or the group of each name as a mapping or a function."""

Rule: TypeAlias = Callable[[str], object]
"""From the name of an image to its group; None where it has none."""

NAMED = 10
"""Images that an error names at most."""


def group_rule(groups: Groups) -> Rule:
    """Give the rule that finds groups.

    Raises
    ------
    OptionError
        If it is neither a regular expression nor a mapping nor a function.
    """
    if isinstance(groups, str):
        try:
            groups = re.compile(groups)
        except re.error as error:
            raise OptionError(
                f"groups {groups!r} is no regular expression ({error}); give one whose first parentheses hold the "
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
    """Give the images, each with its group; those that have one keep it.

    Raises
    ------
    ImageSetError
        If an image has no group, or one without a name.
    """
    told = {item.name: rule(item.name) for item in items if item.group is None}
    if missing := [name for name, group in told.items() if group is None]:
        raise ImageSetError(
            f"no group is found for {_listed(missing)}; every image needs one: correct the regular expression or the "
            "mapping (to let others stand alone, add '|.+' to an expression without parentheses)"
        )
    if empty := [name for name, group in told.items() if isinstance(group, str) and not group.strip()]:
        raise ImageSetError(f"the group is empty for {_listed(empty)}; give each image the name of its group")
    for name, group in told.items():
        if not isinstance(group, str):
            raise ImageSetError(f"the group of {name} is {group!r}; give a text")
    return tuple(item if item.group is not None else item.of_group(str(told[item.name])) for item in items)


def agreeing(sets: Sequence[Sequence[ImageItem]]) -> list[tuple[ImageItem, ...]]:
    """Give the images of sets, those of the same content with the same group.

    Raises
    ------
    ImageSetError
        If an image has two groups.
    """
    known: dict[str, ImageItem] = {}
    grouped = [item for items in sets for item in items if item.group is not None]
    for item in grouped:
        other = known.setdefault(item.digest, item)
        if other.group != item.group:
            raise ImageSetError(
                f"{item.name} is of group {item.group!r}, and the same image as {other.name}, which is of group "
                f"{other.group!r}; an image has one group: correct one of the two"
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


def independent(items: Iterable[ImageItem]) -> int:
    """Count what is independent: groups, and images without one."""
    return len({("image", item.digest) if item.group is None else ("group", item.group) for item in items})


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}"
