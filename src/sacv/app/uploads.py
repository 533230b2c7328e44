"""Uploads of images: limited while they are received, decoded before they are stored."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

from PIL import Image

from sacv.app.http_errors import Refusal, TooLarge
from sacv.app.limits import Limits
from sacv.app.names import tidy, unused
from sacv.concepts.decoding import quiet, read_picture
from sacv.concepts.formats import format_of
from sacv.errors import UnreadableImageError


async def received(chunks: AsyncIterator[bytes], announced: str | None, most: int, folder: Path, name: str) -> Path:
    """Write at most `most` received bytes to a temporary file in the folder, with the suffix of its name.

    Raises
    ------
    TooLarge
        If more bytes are announced or received; the file is then deleted.
    """
    if announced is not None and announced.isdecimal() and int(announced) > most:
        raise TooLarge(f"the file has {int(announced):,} bytes; the app accepts {most:,}")
    with tempfile.NamedTemporaryFile(
        prefix=".coming-", suffix=Path(tidy(name)).suffix, dir=folder, delete=False
    ) as file:
        path = Path(file.name)
        try:
            count = 0
            async for chunk in chunks:
                count += len(chunk)
                if count > most:
                    raise TooLarge(f"the file has more than {most:,} bytes, the maximum of the app")
                file.write(chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
    return path


def taken(coming: Path, folder: Path, name: str, limits: Limits) -> Path:
    """Check a received image and store it under its name in a folder; a refused one is deleted."""
    try:
        require_room(folder, limits.files)
        check(coming, name, limits.pixels)
        path = unused(folder, name)
        coming.chmod(0o644)
        coming.rename(path)
        return path
    finally:
        coming.unlink(missing_ok=True)


def require_room(folder: Path, most: int) -> None:
    """Check that a folder has room for another entry."""
    if sum(not path.name.startswith(".") for path in folder.iterdir()) >= most:
        raise TooLarge(f"{folder.name} has {most} entries, the maximum of the app; remove some")


def check(path: Path, name: str, most: int) -> None:
    """Check that a file is a complete image of at most `most` pixels."""
    if format_of(path) is not None:
        raise Refusal(f"{name} has a medical format, which the app does not read; use the command line")
    try:
        with quiet(), Image.open(path) as picture:
            width, height = picture.size
    except Exception as error:  # Pillow's plugins raise many kinds on damaged heads
        raise Refusal(f"{name} is not a readable image") from error
    if width * height > most:
        raise TooLarge(f"{name} has {width} x {height} pixels; the app accepts {most:,}")
    try:
        read_picture(path)
    except UnreadableImageError as error:
        raise Refusal(f"{name} is a damaged or truncated image") from error
