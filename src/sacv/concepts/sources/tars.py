"""Tar files of images, such as the shards of WebDataset: `shard.tar`, here or by URL; `shard.tar/cat.jpg` is one image.

The members whose names end as images do are taken; labels, texts and masks as arrays lie beside them in such files. The
headers are read once, for names and places; then each image is one read at its place. Compressed tars allow none.
"""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from sacv.concepts.sources.base import Kind, Stored
from sacv.concepts.sources.paths import fetch, is_place, opened, stamp
from sacv.concepts.sources.suffixes import has_image_ending
from sacv.errors import ImageSetError, UnreadableImageError

FORM = re.compile(r"(?P<tar>.+?\.tar)(?:/(?P<member>.+))?", re.IGNORECASE | re.DOTALL)
PACKED = re.compile(r".+\.(?:tar\.\w+|tgz|tbz2|txz)", re.IGNORECASE | re.DOTALL)

INDEXES = 16
"""Tars whose indexes are in memory, for who counts images before reading them."""

Place = tuple[str, int, int]
"""Name of a member, its first byte and its number of bytes; -1 of a link, which has none."""


class Member(Stored):
    """An image in a tar."""

    __slots__ = ("size", "start", "tar")

    def __init__(self, tar: str, place: Place) -> None:
        member, self.start, self.size = place
        super().__init__(f"{tar}/{member}")
        self.tar = tar

    def check(self) -> None:
        """Check that it has bytes of its own."""
        if self.start < 0:
            raise UnreadableImageError(
                f"{self.name} is a link or has holes; write the tar with the options --dereference and "
                "--hard-dereference, and without --sparse"
            )

    def read(self) -> bytes:
        """Give its bytes."""
        self.check()
        return fetch(self.tar, self.name, self.start, self.start + self.size)


def _images(source: str | Path, name: str) -> Iterator[Stored]:
    tar, member = _parts(source)
    index = _read_index(tar, stamp(tar))
    if member is None:
        yield from (Member(tar, place) for place in index)
        return
    found = [place for place in index if place[0] == member]
    if not found:
        raise ImageSetError(f"{name}: the tar {tar} holds no image {member}")
    yield Member(tar, found[-1])  # of members with one name the last counts, as where a tar is unpacked


def _count(source: str | Path) -> int:
    tar, member = _parts(source)
    return len(_read_index(tar, stamp(tar))) if member is None else 1


def _parts(source: str | Path) -> tuple[str, str | None]:
    found = FORM.fullmatch(str(source))
    return (str(source), None) if found is None else (found["tar"], found["member"])


@lru_cache(INDEXES)
def _read_index(tar: str, _stamp: str) -> tuple[Place, ...]:
    """Give the places of a tar's images, in its order."""
    if PACKED.fullmatch(tar):
        raise ImageSetError(f"{tar} is compressed, so that no image can be read on its own; unpack it to a plain .tar")
    others: set[str] = set()
    found: list[Place] = []
    with opened(tar, "tar") as file, tarfile.open(fileobj=file, mode="r:") as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # each is a kilobyte that nobody needs
            if member.isdir():
                continue
            if has_image_ending(member.name):
                label = member.name.removeprefix("./")
                plain = member.isreg() and member.sparse is None
                found.append((label, member.offset_data, member.size) if plain else (label, -1, 0))
            else:
                others.add(Path(member.name).suffix or member.name)
        # tarfile takes damage after the first member for the end; a whole tar ends in blocks of zeros
        file.seek(archive.offset)
        end = file.read(tarfile.BLOCKSIZE)
    if len(end) < tarfile.BLOCKSIZE or any(end):
        raise ImageSetError(f"the tar {tar} is truncated or damaged after {len(found)} images; fetch or write it again")
    if not found:
        holds = f"; its members end in {', '.join(sorted(others)[:5])}" if others else ", and nothing else"
        raise ImageSetError(f"the tar {tar} holds no image{holds}")
    return tuple(found)


def _claims(source: Any) -> bool:
    if not is_place(source):
        return False
    text = str(source)
    return PACKED.fullmatch(text) is not None or (
        FORM.fullmatch(text) is not None and not Path(_parts(text)[0]).is_dir()
    )


TAR = Kind(_claims, _images, _count)
