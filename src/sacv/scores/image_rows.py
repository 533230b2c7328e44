"""`ImageRows`: a row for each image, layer, concept and target, in a Parquet file that is written row by row."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from sacv.errors import StorageError

SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("image", "layer", "concept", "target")]
    + [(name, pa.float64()) for name in ("derivative", "smooth", "sacv_score", "sacv_positive", "sacv_negative")]
    + [("weak", pa.bool_())]
)


class ImageRows:
    """Rows on disk, so that they take no memory; the file lives as long as this object."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="sacv-scores-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self.path = Path(folder) / "images.parquet"
        self._writer = pq.ParquetWriter(self.path, SCHEMA)

    @classmethod
    def read(cls, path: Path) -> ImageRows:
        """Return the rows of a saved file, which is not copied.

        Raises ValueError if it holds other columns, and OSError if it cannot be read.
        """
        found = pq.read_schema(path)
        if not found.equals(SCHEMA):
            raise ValueError(f"{path.name} has the columns {', '.join(found.names)}, not {', '.join(SCHEMA.names)}")
        rows = cls.__new__(cls)
        rows.path = path
        return rows

    def write(self, columns: Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]) -> None:
        """Append rows, given by column; a single str or bool is repeated for all of them."""
        count = len(columns["image"])
        full = {name: [value] * count if isinstance(value, str | bool) else value for name, value in columns.items()}
        try:
            self._writer.write_table(pa.table(full, schema=SCHEMA))
        except OSError as error:
            raise StorageError(
                f"the rows of the images could not be written to {self.path.parent}: {error.strerror or error}; "
                "name a folder with more room in the environment variable TMPDIR"
            ) from error

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    def frame(self) -> pd.DataFrame:
        """Read all rows."""
        return pd.read_parquet(self.path)

    def copy_to(self, path: Path) -> None:
        """Copy the file."""
        shutil.copyfile(self.path, path)
