"""Arrays that are written piece by piece are those that are written whole."""

import zlib
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import sacv
from sacv.files import Streamed, stream_arrays, write_arrays

KINDS = st.sampled_from([np.float64, np.float32, np.int64, np.bool_])
SHAPES = arrays.array_shapes(max_dims=3, max_side=4)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
NAMED = st.dictionaries(NAMES, KINDS.flatmap(lambda kind: arrays.arrays(kind, SHAPES)), min_size=1, max_size=4)


@given(NAMED, st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_streamed_arrays_are_written_as_the_library_does(tmp_path_factory, named, size):
    folder: Path = tmp_path_factory.mktemp("arrays")
    write_arrays(folder / "whole", named)

    def pieces(values):
        return lambda: (values[start : start + size] for start in range(0, len(values), size))

    stream_arrays(
        folder / "streamed", {name: Streamed(one.dtype, one.shape, pieces(one)) for name, one in named.items()}
    )
    assert (folder / "streamed").read_bytes() == (folder / "whole").read_bytes()


def test_every_test_file_has_a_name_of_its_own():
    roots = Path(__file__).parent, Path(__file__).parents[1] / "bench" / "tests"
    files = [file for root in roots for file in root.rglob("test_*.py") if "node_modules" not in file.parts]
    names = [file.name for file in files]
    assert sorted(set(names)) == sorted(names)


def test_the_wheel_stays_below_one_and_a_half_megabytes():
    files = [file for file in Path(sacv.__file__).parent.rglob("*") if file.is_file() and file.suffix != ".pyc"]
    assert 500_000 < sum(len(zlib.compress(file.read_bytes(), 6)) for file in files) < 1_400_000  # and its metadata
