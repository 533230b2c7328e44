"""Patterns of paths and URLs: `shards/{0000..0003}.tar`, `{cats,dogs}/*.parquet`.

Braces expand to each of their values, whether the file exists or not; `*` matches files that exist.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from sacv.concepts.sources.paths import file_system, is_url, join_url
from sacv.errors import ImageSetError

BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}|\{([^{}]*,[^{}]*)\}")


def is_pattern(source: str | Path) -> bool:
    """Return whether a text has braces or a star, and is not itself an existing path."""
    text = str(source)
    return (BRACES.search(text) is not None or "*" in text) and (is_url(source) or not Path(text).exists())


def expand(pattern: str) -> list[str]:
    """Return the paths or URLs of a pattern: braces in their order, matches of a star sorted.

    Raises ImageSetError if a range is descending, or a star matches nothing.
    """
    return [found for text in _expand_braces(pattern) for found in (_matches(text) if "*" in text else [text])]


def _expand_braces(text: str) -> Iterator[str]:
    braces = BRACES.search(text)
    if braces is None:
        yield text
        return
    first, last, listed = braces.groups()
    if listed is not None:
        values = listed.split(",")
    else:
        values = [f"{number:0{len(first)}d}" for number in range(int(first), int(last) + 1)]
        if not values:
            raise ImageSetError(f"{text} matches nothing: {braces[0]} is descending; write the lesser number first")
    for value in values:
        yield from _expand_braces(text[: braces.start()] + value + text[braces.end() :])


def _matches(text: str) -> list[str]:
    """Return the matches of a text with stars; a column after it (`*.parquet:photo`) is appended to each."""
    column = re.search(r"(?<!:):[^:/*]+$", text)
    starred, after = (text[: column.start()], column[0]) if column and "*" in text[: column.start()] else (text, "")
    found = _url_matches(starred) if is_url(starred) else _topmost(glob.glob(starred, recursive=True))
    if not found:
        raise ImageSetError(f"{text} matches nothing: there is no such file")
    return [f"{path}{after}" for path in found]


def _topmost(paths: Sequence[str]) -> list[str]:
    """Return the sorted paths without those inside a folder that is itself one of the paths."""
    known = {PurePath(path) for path in paths}
    return [path for path in sorted(paths) if known.isdisjoint(PurePath(path).parents)]


def _url_matches(url: str) -> list[str]:
    before, _, rest = url.partition("*")
    folder = before.rpartition("/")[0] + "/" + "".join(rest.partition("::")[1:])
    files, path = file_system(url)
    root = file_system(folder)[1]
    try:
        found = _topmost(files.glob(path))
    except Exception as error:  # each file system raises its own types
        raise ImageSetError(f"{url} cannot be listed ({error})") from error
    return [join_url(folder, match.removeprefix(root).lstrip("/")) for match in found]
