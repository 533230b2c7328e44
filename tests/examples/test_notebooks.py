"""The notebooks of examples/ run from beginning to end, and hold no outputs."""

import os
from pathlib import Path

import pytest

nbformat = pytest.importorskip("nbformat")
nbclient = pytest.importorskip("nbclient")

DATA = Path(os.environ.get("SACV_REAL_DATA", Path(__file__).parents[3] / "shared" / "real")).absolute()
EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.ipynb"))


def test_there_are_examples():
    assert len(EXAMPLES) == 4


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_outputs_are_stripped(file):
    cells = nbformat.read(file, as_version=4).cells
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in cells)


@pytest.mark.slow
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_a_notebook_runs(file, tmp_path, monkeypatch):
    notebook = nbformat.read(file, as_version=4)
    if any("SACV_REAL_DATA" in cell.source for cell in notebook.cells):
        if not (DATA / "squeezenet.py").exists():
            pytest.skip(f"no real material at SACV_REAL_DATA={DATA}")
        monkeypatch.setenv("SACV_REAL_DATA", str(DATA))
    nbclient.NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
