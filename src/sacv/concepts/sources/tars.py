"""Tar files of images, such as the shards of WebDataset: a path or URL `shard.tar`; `shard.tar/cat.jpg` is one image.

Only members with the ending of an image file are read; others, such as labels and texts, are ignored. The headers are
read once, for names and offsets; then each image is one read at its offset. Compressed tars do not allow this.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from sacv.concepts.sources.base import Kind, Stored
from sacv.concepts.sources.paths import fetch, is_unnested, open_file, stamp
from sacv.concepts.sources.suffixes import has_image_ending
from sacv.errors import ImageSetError, UnreadableImageError

FORM = re.compile(r"(?P<tar>.+?\.tar)(?:/(?P<member>.+))?", re.IGNORECASE | re.DOTALL)
PACKED = re.compile(r".+\.(?:tar\.\w+|tgz|tbz2|txz)", re.IGNORECASE | re.DOTALL)

INDEXES = 16
"""Number of tars whose indexes are cached, for callers that count images before reading them."""

Entry = tuple[str, int, int]
"""Name of a member, its first byte (-1 if it is a link or sparse) and its number of bytes."""


class Member(Stored):
    """An image in a tar."""

    __slots__ = ("size", "start", "tar")

    def __init__(self, tar: str, entry: Entry) -> None:
        member, self.start, self.size = entry
        super().__init__(f"{tar}/{member}")
        self.tar = tar

    def check(self) -> None:
        """Check that the member is neither a link nor sparse."""
        if self.start < 0:
            raise UnreadableImageError(
                f"{self.name} is a link or sparse; write the tar with the options --dereference and "
                "--hard-dereference, and without --sparse"
            )

    def read(self) -> bytes:
        """Return the bytes of the image."""
        self.check()
        return fetch(self.tar, self.name, self.start, self.start + self.size)


def _images(source: str | Path, name: str) -> Iterator[Stored]:
    tar, member = _parts(source)
    index = _read_index(tar, stamp(tar))
    if member is None:
        yield from (Member(tar, entry) for entry in index)
        return
    found = [entry for entry in index if entry[0] == member]
    if not found:
        raise ImageSetError(f"{name}: the tar {tar} holds no image {member}")
    yield Member(tar, found[-1])  # the last of several members of one name, as when a tar is unpacked


def _count(source: str | Path) -> int:
    tar, member = _parts(source)
    return len(_read_index(tar, stamp(tar))) if member is None else 1


def _parts(source: str | Path) -> tuple[str, str | None]:
    found = FORM.fullmatch(str(source))
    return (str(source), None) if found is None else (found["tar"], found["member"])


@lru_cache(INDEXES)
def _read_index(tar: str, _stamp: str) -> tuple[Entry, ...]:
    """Return the entries of a tar's images, in its order."""
    if PACKED.fullmatch(tar):
        raise ImageSetError(f"{tar} is compressed, so single images cannot be read; unpack it to a plain .tar")
    others: set[str] = set()
    found: list[Entry] = []
    with open_file(tar, "tar") as file, tarfile.open(fileobj=file, mode="r:") as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # saves a kilobyte each
            if member.isdir():
                continue
            if has_image_ending(member.name):
                label = member.name.removeprefix("./")
                plain = member.isreg() and member.sparse is None
                found.append((label, member.offset_data, member.size) if plain else (label, -1, 0))
            else:
                others.add(Path(member.name).suffix or member.name)
        # tarfile treats damage after the first member as the end; a complete tar ends in blocks of zeros
        file.seek(archive.offset)
        end = file.read(tarfile.BLOCKSIZE)
    if len(end) < tarfile.BLOCKSIZE or any(end):
        raise ImageSetError(f"the tar {tar} is truncated or damaged after {len(found)} images; fetch or write it again")
    if not found:
        holds = f"; its members end in {', '.join(sorted(others)[:5])}" if others else ", and nothing else"
        raise ImageSetError(f"the tar {tar} holds no image{holds}")
    return tuple(found)


def _claims(source: Any) -> bool:
    if not is_unnested(source):
        return False
    text = str(source)
    return PACKED.fullmatch(text) is not None or (
        FORM.fullmatch(text) is not None and not Path(_parts(text)[0]).is_dir()
    )


TAR = Kind(_claims, _images, _count)
