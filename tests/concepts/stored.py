"""The same images in every kind of source."""

from __future__ import annotations

import io
import tarfile
import types
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

Pictures = Mapping[str, bytes]
"""Contents of image files, by their names."""


def write_folder(folder: Path, pictures: Pictures) -> Path:
    for name, content in pictures.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def tar_bytes(pictures: Pictures, *, form: int = tarfile.PAX_FORMAT) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=form) as tar:
        for name, content in pictures.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return held.getvalue()


def write_tar(path: Path, pictures: Pictures, **how: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(tar_bytes(pictures, **how))
    return path


def table(pictures: Pictures, *, struct: bool = True, column: str = "image") -> pa.Table:
    values = [{"bytes": one, "path": name} if struct else one for name, one in pictures.items()]
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()}) if struct else pa.binary()
    return pa.table({column: pa.array(values, kind), "label": pa.array(range(len(values)), pa.int64())})


def write_parquet(path: Path, pictures: Pictures, *, rows: int = 2, **how) -> Path:
    pq.write_table(table(pictures, **how), path, row_group_size=rows)
    return path


def stand_in() -> types.ModuleType:
    """A stand-in for the package `datasets`, with the part of its interface that is used."""

    class Image:
        def __init__(self, decode=True):
            self.decode = decode

    class Features(dict):
        def __init__(self, kinds, schema):
            super().__init__(kinds)
            self.arrow_schema = schema

    class Dataset:
        def __init__(self, held, kinds, form=None):
            self.held, self.kinds, self.form = held, kinds, form
            self.features = Features(kinds, held.schema)

        def __len__(self):
            return self.held.num_rows

        def with_format(self, form):
            return type(self)(self.held, self.kinds, form)

        def select_columns(self, names):
            return type(self)(self.held.select(names), {name: self.kinds[name] for name in names}, self.form)

        def cast_column(self, name, kind):
            return type(self)(self.held, {**self.kinds, name: kind}, self.form)

        def __getitem__(self, row):
            if self.form is not None or any(getattr(kind, "decode", False) for kind in self.kinds.values()):
                raise AssertionError("only the bytes should be read")
            if isinstance(row, slice):
                return {name: self.held[name].to_pylist()[row] for name in self.kinds}
            return {name: self.held[name][row].as_py() for name in self.kinds}

    module = types.ModuleType("datasets")
    module.Image, module.Dataset = Image, Dataset
    for name in ("IterableDataset", "DatasetDict", "IterableDatasetDict"):
        setattr(module, name, type(name, (dict,), {}))
    return module
