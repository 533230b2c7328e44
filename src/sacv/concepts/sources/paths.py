"""Paths and URLs, read alike through fsspec.

A URL is what fsspec takes: `s3://bucket/folder`, `https://host/cat.jpg`, `zip://cats::s3://bucket/photos.zip`. fsspec
keeps file systems for each process, and for each thread that needs its own; how to reach them (keys, regions) stands in
its configuration.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from fsspec.core import url_to_fs
from fsspec.registry import known_implementations

from sacv.errors import ImageSetError, MissingExtraError, SacvError, UnreadableImageError


def is_url(source: object) -> bool:
    """Tell whether something is a URL, such as `s3://bucket/folder`, or several in a chain."""
    return isinstance(source, str) and re.match(r"(\w[\w+.-]*::)*\w[\w+.-]*://", source) is not None


def is_place(source: object) -> bool:
    """Tell whether something is a path, or a URL of a file that is within no other, such as a zip file."""
    return isinstance(source, Path) or (isinstance(source, str) and "://" not in source.rpartition("::")[0])


def own_path(name: str) -> str:
    """Give the path of a URL, or name of an image; of a chain of URLs that of what it names, not of what that is in."""
    return next(link for link in name.split("::") if "://" in link) if is_url(name) else name


def below(url: str, path: str) -> str:
    """Give the URL of what lies at `path` in the folder of a URL; in that of the first file system of a chain."""
    links = url.split("::")
    first = links.index(own_path(url))
    scheme, _, folder = links[first].partition("://")
    links[first] = f"{scheme}://{folder.rstrip('/')}/{path}" if folder else f"{scheme}://{path}"
    return "::".join(links)


def file_system(place: str) -> tuple[Any, str]:
    """Give the file system of a path or URL, and the path on it.

    Raises
    ------
    ImageSetError
        If there is no such kind of URL.
    MissingExtraError
        If its package is not installed.
    """
    try:
        found: tuple[Any, str] = url_to_fs(place)
    except ImportError as error:
        raise MissingExtraError(f"{place} cannot be reached: {error} (install it with pip)") from error
    except Exception as error:  # of an unknown protocol, or of a file within which others lie
        known = ", ".join(f"{name}://" for name in ("s3", "gs", "https", "hf", "zip") if name in known_implementations)
        raise ImageSetError(
            f"{place} cannot be opened ({_reason(error)}); give a path, or a URL that fsspec takes, such as {known}"
        ) from error
    return found


def fetch(place: str, name: str, start: int | None = None, end: int | None = None) -> bytes:
    """Read a file, or its bytes from `start` to `end`.

    Parameters
    ----------
    place
        Its path or URL.
    name
        What is read, for errors.
    start, end
        In bytes; the whole file by default.

    Raises
    ------
    UnreadableImageError
        If they cannot be read, or are not as many.
    """
    try:
        files, path = file_system(place)
        found: bytes = files.cat_file(path, start=start, end=end)
    except SacvError:
        raise
    except Exception as error:  # each file system raises its own kinds
        raise UnreadableImageError(
            f"{name} cannot be read ({_reason(error)}); try again, or leave it out with --skip-unreadable "
            "(skip_unreadable=True)"
        ) from error
    if start is not None and end is not None and len(found) != end - start:
        raise UnreadableImageError(
            f"{name} cannot be read: {place} gives {len(found)} bytes in place of {end - start}. It has changed, or "
            "its server does not give parts of files; for that put simplecache:: before its URL"
        )
    return found


@contextmanager
def opened(place: str, what: str) -> Iterator[BinaryIO]:
    """Open a file that holds many images, at any place of which one may read.

    Raises
    ------
    ImageSetError
        If it cannot be opened, or its reader, within the context, raises what is no error of sacv.
    """
    files, path = file_system(place)
    try:
        with files.open(path, "rb") as file:
            yield file
    except SacvError:
        raise
    except FileNotFoundError as error:
        raise ImageSetError(f"there is no {what} {place}") from error
    except Exception as error:  # each file system, and each reader, raises its own kinds
        raise ImageSetError(f"{place} cannot be read as a {what} ({_reason(error)}); write it again") from error


def stamp(place: str) -> str:
    """Give a text that changes when a file changes; empty where there is none."""
    files, path = file_system(place)
    try:
        return str(files.ukey(path))
    except Exception:  # whoever opens the file next says why
        return ""


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
