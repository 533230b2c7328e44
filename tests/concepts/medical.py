"""Medical files, written by the libraries themselves."""

from pathlib import Path

import nibabel
import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian


def write_dicom(path: Path, stored, **fields) -> Path:
    """Write grey values `(rows, columns)`, colours `(rows, columns, 3)`, or frames; a field of None is left out."""
    stored = np.asarray(stored)
    coloured = stored.ndim == 3 and "NumberOfFrames" not in fields
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid(entropy_srcs=["a"])
    dataset.Rows, dataset.Columns = stored.shape[:2] if coloured else stored.shape[-2:]
    dataset.SamplesPerPixel = 3 if coloured else 1
    dataset.PhotometricInterpretation = "RGB" if coloured else "MONOCHROME2"
    if coloured:
        dataset.PlanarConfiguration = 0
    bits = 8 * stored.dtype.itemsize
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    dataset.PixelData = stored.tobytes()
    for name, value in fields.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.save_as(path, enforce_file_format=True)
    return path


def lut(first, entries, bits):
    """An item of a LUT sequence."""
    item = Dataset()
    item.LUTDescriptor = [len(entries), first, bits]
    item.LUTData = np.asarray(entries, np.uint16).tobytes()
    item["LUTData"].VR = "OW"
    return item


def write_nifti(path: Path, voxels, affine=None) -> Path:
    """Write voxels `(x, y, z)`, by default with axes that run to the right, to anterior and to superior."""
    nibabel.save(nibabel.Nifti1Image(np.asarray(voxels), np.eye(4) if affine is None else affine), path)
    return path
