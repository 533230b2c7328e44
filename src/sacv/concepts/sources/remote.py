"""Remote folders and files, by any URL that fsspec opens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sacv.concepts.sources.base import Kind, Stored
from sacv.concepts.sources.paths import fetch, file_system, image_path, is_url, join_url
from sacv.concepts.sources.suffixes import has_image_ending
from sacv.errors import ImageSetError, SacvError


class RemoteFile(Stored):
    """A file by its URL."""

    __slots__ = ()

    def read(self) -> bytes:
        """Return the content of the file."""
        return fetch(self.name, self.name)


def _images(url: str, name: str) -> Iterator[Stored]:
    if has_image_ending(image_path(url)):
        yield RemoteFile(url)
        return
    files, root = file_system(url)
    try:
        if not url.endswith("/") and files.info(root)["type"] != "directory":
            yield RemoteFile(url)
            return
        empty = True
        for path in _files(files, root):
            empty = False
            yield RemoteFile(join_url(url, path.removeprefix(root).lstrip("/")))
    except SacvError:
        raise
    except FileNotFoundError as error:
        raise ImageSetError(f"{name}: there is no file or folder {url}") from error
    except Exception as error:  # each file system raises its own types
        raise ImageSetError(f"{name}: {url} cannot be listed ({error})") from error
    if empty:
        raise ImageSetError(f"{name}: the folder {url} is empty")


def _files(files: Any, folder: str) -> Iterator[str]:
    entries = [(entry["name"], entry["type"]) for entry in files.ls(folder, detail=True)]
    for path, kind in sorted(entries):
        if path.strip("/") == folder.strip("/"):  # object stores also list the folder itself
            continue
        if kind == "directory":
            yield from _files(files, path)
        else:
            yield path


REMOTE = Kind(is_url, _images, lambda url: sum(1 for _ in _images(url, "images")))
