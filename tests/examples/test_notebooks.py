"""The notebooks of examples/ run from beginning to end, and hold no outputs."""

import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))


def test_there_are_examples():
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_outputs_are_stripped(file):
    cells = nbformat.read(file, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@pytest.mark.slow
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_a_notebook_runs(file, tmp_path):
    notebook = nbformat.read(file, as_version=4)
    if any("SACV_REAL_DATA" in cell.source for cell in notebook.cells) and "SACV_REAL_DATA" not in os.environ:
        pytest.skip("SACV_REAL_DATA is not set")
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
