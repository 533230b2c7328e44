"""Image file formats: one module for each, and Pillow for all others.

The first `Format` in `FORMATS` that claims a file reads it. Its package may be optional and is imported when a file is
read.
"""

from __future__ import annotations

import io
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from sacv.concepts.decoding import check_header, read_picture
from sacv.concepts.formats.base import HEAD, Format, Loaded
from sacv.concepts.formats.dicom import DICOM
from sacv.concepts.formats.nifti import NIFTI
from sacv.concepts.formats.tiff import TIFF
from sacv.errors import MissingExtraError, UnreadableImageError
from sacv.model.window import Window

FORMATS: tuple[Format, ...] = (DICOM, NIFTI, TIFF)

Found = TypeVar("Found")


def format_of(path: Path) -> Format | None:
    """Return the format that claims a file; None if Pillow reads it."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return None  # Pillow's reader raises the error
    return next((kind for kind in FORMATS if kind.claims(path, head)), None)


def check_image(path: Path) -> None:
    """Check that a file has the header of an image of a safe size, without decoding it.

    Raises UnreadableImageError if it is not an image, its header announces more pixels than are safe, or it holds
    several images, and MissingExtraError if the package that reads it is not installed.
    """
    chosen = format_of(path)
    if chosen is None:
        check_header(path)
    else:
        _guarded(chosen, path, partial(chosen.check, path))


def read_image(path: Path, window: Window | None = None) -> Loaded:
    """Read an image: upright RGB, or a tensor in [0, 1] for a volume or an image of other channels.

    Parameters
    ----------
    path
        The file.
    window
        Which values become black and white, for values deeper than 8 bits. By default the window in the file, or else
        the rule of its format.

    Raises
    ------
    UnreadableImageError
        If it is not an image, is damaged, announces more pixels than are safe, or has values of unknown range.
    MissingExtraError
        If the package that reads it is not installed.
    """
    chosen = format_of(path)
    if chosen is None:
        return read_picture(path, window)
    return _guarded(chosen, path, partial(chosen.read, path, window))


def read_bytes(name: str, content: bytes, window: Window | None = None) -> Loaded:
    """Read an image from its bytes, with a name for messages.

    Formats other than Pillow's are read through a temporary file.
    """
    chosen = next((kind for kind in FORMATS if kind.claims(Path(name), content[:HEAD])), None)
    if chosen is None:
        return read_picture(name, window, io.BytesIO(content))
    ending = next((ending for ending in chosen.endings if name.lower().endswith(ending)), Path(name).suffix)
    with tempfile.TemporaryDirectory(prefix="sacv-") as folder:
        file = Path(folder) / f"image{ending}"
        file.write_bytes(content)
        try:
            return read_image(file, window)
        except (UnreadableImageError, MissingExtraError) as error:
            raise type(error)(str(error).replace(str(file), name)) from error


def is_ras(name: str) -> bool:
    """Return whether a file of this name holds a volume in RAS orientation (see `Format.ras`)."""
    return any(kind.ras and name.lower().endswith(kind.endings) for kind in FORMATS)


def _guarded(chosen: Format, path: Path, action: Callable[[], Found]) -> Found:
    """Run a reader, silence its messages, and turn any exception into one of the documented errors."""
    try:
        with _quiet(chosen.logger):
            return action()
    except UnreadableImageError:
        raise
    except MissingExtraError as error:
        raise MissingExtraError(f"{path} is a {chosen.name} file: {error}") from error
    except Exception as error:  # the readers raise errors of many types for damaged files
        raise UnreadableImageError(
            f"{path} is a damaged or unsupported {chosen.name} file ({str(error) or repr(error)}); "
            "remove it, or leave it out with --skip-unreadable (skip_unreadable=True)"
        ) from error


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    logger = logging.getLogger(name)
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


__all__ = ["FORMATS", "Format", "Loaded", "check_image", "format_of", "is_ras", "read_bytes", "read_image"]
