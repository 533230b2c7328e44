"""Files of images: each format in a file of its own, and Pillow for what no other claims.

A format is a `Format` that stands in `FORMATS`; the first that claims a file reads it. It may lean on an optional
package, which is imported when a file is read.
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

from sacv.concepts.decoding import check_picture, read_picture
from sacv.concepts.formats.base import HEAD, Format, Loaded
from sacv.concepts.formats.dicom import DICOM
from sacv.concepts.formats.nifti import NIFTI
from sacv.concepts.formats.tiff import TIFF
from sacv.errors import MissingExtraError, UnreadableImageError
from sacv.model.window import Window

FORMATS: tuple[Format, ...] = (DICOM, NIFTI, TIFF)

Found = TypeVar("Found")


def format_of(path: Path) -> Format | None:
    """Give the format that claims a file; none where Pillow is to read it."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return None  # Pillow's reader says why
    return next((one for one in FORMATS if one.claims(path, head)), None)


def check_image(path: Path) -> None:
    """Check that a file begins as an image does and announces a safe size, without decoding it.

    Raises
    ------
    UnreadableImageError
        If it is no image, announces more than is safe, or holds several images where one is needed.
    MissingExtraError
        If the package that reads it is not installed.
    """
    chosen = format_of(path)
    if chosen is None:
        check_picture(path)
    else:
        _guarded(chosen, path, partial(chosen.check, path))


def read_image(path: Path, window: Window | None = None) -> Loaded:
    """Read an image: an upright RGB picture, or of a volume or a picture of other channels a tensor in [0, 1].

    Parameters
    ----------
    path
        The file.
    window
        Which values become black and white, for values deeper than 8 bits; by default what the file says, or else the
        rule of its format.

    Raises
    ------
    UnreadableImageError
        If it is no image, is damaged, announces more than is safe, or has values without a range.
    MissingExtraError
        If the package that reads it is not installed.
    """
    chosen = format_of(path)
    if chosen is None:
        return read_picture(path, window)
    return _guarded(chosen, path, partial(chosen.read, path, window))


def read_bytes(name: str, content: bytes, window: Window | None = None) -> Loaded:
    """Read an image from its bytes, which lie in something else under this name.

    What no package reads but from a file is written to one for a moment.

    Raises
    ------
    UnreadableImageError, MissingExtraError
        As `read_image`; the message has the name.
    """
    chosen = next((one for one in FORMATS if one.claims(Path(name), content[:HEAD])), None)
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


def gives_ras(name: str) -> bool:
    """Tell by its name whether a file gives volumes that run to superior, to anterior and to the right."""
    return any(one.ras and name.lower().endswith(one.endings) for one in FORMATS)


def _guarded(chosen: Format, path: Path, action: Callable[[], Found]) -> Found:
    """Turn whatever a reader raises into the one error, and keep what it says besides off the screen."""
    try:
        with _quiet(chosen.logger):
            return action()
    except UnreadableImageError:
        raise
    except MissingExtraError as error:
        raise MissingExtraError(f"{path} is a {chosen.name} file: {error}") from error
    except Exception as error:  # the readers raise many kinds on damaged files
        raise UnreadableImageError(
            f"{path} is a damaged {chosen.name} file, or of a kind that is not read ({str(error) or repr(error)}); "
            "remove it, or leave it out with --skip-unreadable (skip_unreadable=True)"
        ) from error


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Silence a package's warnings and its logger."""
    logger = logging.getLogger(name)
    before = logger.disabled
    logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.disabled = before


__all__ = ["FORMATS", "Format", "Loaded", "check_image", "format_of", "gives_ras", "read_bytes", "read_image"]
