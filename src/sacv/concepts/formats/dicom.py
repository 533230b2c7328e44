"""DICOM files of one image, read with pydicom.

Grey values are rescaled (slope and intercept, or modality LUT), then windowed to 8 bits: by the user's window; else by
the file's VOI LUT, or by its first window; else over the full range of its stored values. MONOCHROME1 is inverted after
that, so that white is bright in both. Colours are read as RGB. A file of several frames is an error.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sacv.concepts.formats.base import EXTRA, Format, require_pixels
from sacv.concepts.formats.voi import windowed
from sacv.errors import UnreadableImageError
from sacv.model.window import Window
from sacv.optional import require

SUFFIXES = (".dcm", ".dicom")
MAGIC = b"DICM"
GREY = ("MONOCHROME1", "MONOCHROME2")


def _claims(path: Path, head: bytes) -> bool:
    return head[128:132] == MAGIC or path.suffix.lower() in SUFFIXES


def _check(path: Path) -> None:
    _dataset(path, stop_before_pixels=True)


def _read(path: Path, window: Window | None) -> Image.Image:
    dataset = _dataset(path, stop_before_pixels=False)
    pixels = _pydicom("pydicom.pixels")
    stored = pixels.pixel_array(dataset)
    if dataset.PhotometricInterpretation in GREY:
        shares = _shares(path, dataset, pixels.apply_modality_lut(stored, dataset).astype(np.float64), window)
        inverted = dataset.PhotometricInterpretation == "MONOCHROME1"
        grey = np.rint((1 - shares if inverted else shares) * 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        stored = pixels.apply_color_lut(stored, dataset)
        bits = 8 * stored.dtype.itemsize
    else:
        bits = int(dataset.BitsStored)
    return Image.fromarray((stored >> max(bits - 8, 0)).astype(np.uint8)[..., :3])


DICOM = Format("DICOM", "pydicom", _claims, _check, _read, SUFFIXES)


def _pydicom(module: str) -> ModuleType:
    return require(module, extra=EXTRA)


def _dataset(path: Path, *, stop_before_pixels: bool) -> Any:
    """Read the data set of a file, and check that it holds one image of a safe size."""
    pydicom = _pydicom("pydicom")
    meta = pydicom.filereader.read_file_meta_info(path)
    if meta.get("TransferSyntaxUID") == pydicom.uid.DeflatedExplicitVRLittleEndian:
        raise UnreadableImageError(
            f"{path} is deflated as a whole, so that its size is unknown before it is read; write it with another "
            "transfer syntax"
        )
    dataset = pydicom.dcmread(path, stop_before_pixels=stop_before_pixels)
    frames = int(dataset.get("NumberOfFrames") or 1)
    if "Rows" not in dataset or "Columns" not in dataset:
        raise UnreadableImageError(f"{path} is a DICOM file without an image; remove it")
    if frames > 1:
        raise UnreadableImageError(
            f"{path} holds {frames} frames, but a file must hold one image: write each frame to its own file, or all "
            "to one NIfTI volume"
        )
    require_pixels(path, int(dataset.Columns), int(dataset.Rows))
    return dataset


def _shares(path: Path, dataset: Any, values: NDArray[np.float64], window: Window | None) -> NDArray[np.float64]:
    if not np.isfinite(values).all():
        raise UnreadableImageError(f"{path} holds values that are not finite; replace them by numbers")
    if window is not None:
        return window(values)
    if dataset.get("VOILUTSequence"):
        table = _pydicom("pydicom.pixels").apply_voi(values.astype(np.int64), dataset)
        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        return Window(0, 2**bits - 1)(table)
    centre, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
    if centre is not None and width is not None:
        return windowed(values, centre, width, str(dataset.get("VOILUTFunction") or "LINEAR").upper())
    low, high = _range(path, dataset)
    return Window(low, high)(values)


def _first(value: Any) -> float | None:
    """Return the value as a number, the first if there are several."""
    if value is None or value == "":
        return None
    return float(value if isinstance(value, int | float | str) else value[0])


def _range(path: Path, dataset: Any) -> tuple[float, float]:
    """Return the least and the greatest value that the file can store, after rescaling."""
    if "PixelData" not in dataset:
        raise UnreadableImageError(
            f"{path} holds floating-point values and no window, so that their range is unknown; give one with "
            "--window LOW:HIGH (window=)"
        )
    if dataset.get("ModalityLUTSequence"):
        return 0.0, 2.0 ** int(dataset.ModalityLUTSequence[0].LUTDescriptor[2]) - 1
    signed, bits = int(dataset.PixelRepresentation), int(dataset.BitsStored)
    ends = np.array([-(2.0 ** (bits - 1)), 2.0 ** (bits - 1) - 1] if signed else [0.0, 2.0**bits - 1])
    if "RescaleSlope" in dataset and "RescaleIntercept" in dataset:
        ends = ends * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept)
    return float(ends.min()), float(ends.max())
