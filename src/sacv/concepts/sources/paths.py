"""Paths and URLs, read through fsspec.

A URL is any that fsspec opens: `s3://bucket/folder`, `https://host/cat.jpg`, `zip://cats::s3://bucket/photos.zip`.
fsspec caches file systems for each process and thread; credentials and regions belong to its configuration.
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
    """Return whether an object is a URL, such as `s3://bucket/folder`, or a chain of URLs."""
    return isinstance(source, str) and re.match(r"(\w[\w+.-]*::)*\w[\w+.-]*://", source) is not None


def is_unnested(source: object) -> bool:
    """Return whether an object is a path, or the URL of a file that is not inside another file, such as a zip."""
    return isinstance(source, Path) or (isinstance(source, str) and "://" not in source.rpartition("::")[0])


def image_path(name: str) -> str:
    """Return the part of an image's name that is its path: of a chain of URLs, the first with a scheme."""
    return next(link for link in name.split("::") if "://" in link) if is_url(name) else name


def join_url(url: str, path: str) -> str:
    """Return the URL of `path` in the folder of a URL; of a chain, in the folder of its first file system."""
    links = url.split("::")
    first = links.index(image_path(url))
    scheme, _, folder = links[first].partition("://")
    links[first] = f"{scheme}://{folder.rstrip('/')}/{path}" if folder else f"{scheme}://{path}"
    return "::".join(links)


def file_system(location: str) -> tuple[Any, str]:
    """Return the file system of a path or URL, and the path on it."""
    try:
        found: tuple[Any, str] = url_to_fs(location)
    except ImportError as error:
        raise MissingExtraError(f"{location} cannot be opened: {error} (install it with pip)") from error
    except Exception as error:  # an unknown protocol, or an error of an outer file such as a zip
        known = ", ".join(f"{name}://" for name in ("s3", "gs", "https", "hf", "zip") if name in known_implementations)
        raise ImageSetError(
            f"{location} cannot be opened ({_reason(error)}); give a path, or a URL that fsspec opens, such as {known}"
        ) from error
    return found


def fetch(location: str, name: str, start: int | None = None, end: int | None = None) -> bytes:
    """Read a file, or its bytes from `start` to `end`.

    `name` is that of the image, for messages.
    """
    try:
        files, path = file_system(location)
        found: bytes = files.cat_file(path, start=start, end=end)
    except SacvError:
        raise
    except Exception as error:  # each file system raises its own types
        raise UnreadableImageError(
            f"{name} cannot be read ({_reason(error)}); try again, or skip it with --skip-unreadable "
            "(skip_unreadable=True)"
        ) from error
    if start is not None and end is not None and len(found) != end - start:
        raise UnreadableImageError(
            f"{name} cannot be read: {location} returns {len(found)} bytes instead of {end - start}. It has changed, "
            "or its server does not serve parts of files; in that case put simplecache:: before its URL"
        )
    return found


@contextmanager
def open_file(location: str, what: str) -> Iterator[BinaryIO]:
    """Open a file of many images for random access."""
    files, path = file_system(location)
    try:
        with files.open(path, "rb") as file:
            yield file
    except SacvError:
        raise
    except FileNotFoundError as error:
        raise ImageSetError(f"there is no {what} {location}") from error
    except Exception as error:  # each file system, and each reader, raises its own types
        raise ImageSetError(f"{location} cannot be read as a {what} ({_reason(error)}); write it again") from error


def stamp(location: str) -> str:
    """Return a text that changes when a file changes; empty if the file system provides none."""
    files, path = file_system(location)
    try:
        return str(files.ukey(path))
    except Exception:  # opening the file raises the error
        return ""


def _reason(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
