"""Patterns of paths and URLs: `shards/{0000..0003}.tar`, `{cats,dogs}/*.parquet`.

Braces stand for each of what they list, whether it is there or not; `*` for what is there.
"""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePath

from sacv.concepts.sources.paths import below, file_system, is_url
from sacv.errors import ImageSetError

BRACES = re.compile(r"\{(\d+)\.\.(\d+)\}|\{([^{}]*,[^{}]*)\}")


def is_pattern(source: str | Path) -> bool:
    """Tell whether a text has braces or a star, and is not itself the path of something."""
    text = str(source)
    return (BRACES.search(text) is not None or "*" in text) and (is_url(source) or not Path(text).exists())


def expand(pattern: str) -> list[str]:
    """Give the paths or URLs that a pattern stands for, in its order; those of a star sorted.

    Raises
    ------
    ImageSetError
        If a range runs backwards, or nothing is there that a star fits.
    """
    return [found for text in _listed(pattern) for found in (_there(text) if "*" in text else [text])]


def _listed(text: str) -> Iterator[str]:
    """Write out the first braces, then the others."""
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
            raise ImageSetError(f"{text} matches nothing: {braces[0]} runs backwards; write the lesser number first")
    for value in values:
        yield from _listed(text[: braces.start()] + value + text[braces.end() :])


def _there(text: str) -> list[str]:
    """Give what fits a text with stars; a column after it (`*.parquet:image`) stays with each."""
    column = re.search(r"(?<!:):[^:/*]+$", text)
    starred, after = (text[: column.start()], column[0]) if column and "*" in text[: column.start()] else (text, "")
    found = _fitting(starred) if is_url(starred) else _topmost(glob.glob(starred, recursive=True))
    if not found:
        raise ImageSetError(f"{text} matches nothing: there is no such file")
    return [f"{one}{after}" for one in found]


def _topmost(paths: Sequence[str]) -> list[str]:
    """Give the paths, sorted, but for those that lie in a folder which is one of them."""
    known = {PurePath(path) for path in paths}
    return [path for path in sorted(paths) if known.isdisjoint(PurePath(path).parents)]


def _fitting(url: str) -> list[str]:
    before, _, rest = url.partition("*")
    folder = before.rpartition("/")[0] + "/" + "".join(rest.partition("::")[1:])
    files, path = file_system(url)
    root = file_system(folder)[1]
    try:
        found = _topmost(files.glob(path))
    except Exception as error:  # each file system raises its own kinds
        raise ImageSetError(f"{url} cannot be listed ({error})") from error
    return [below(folder, one.removeprefix(root).lstrip("/")) for one in found]
