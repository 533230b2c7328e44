"""docs/exchange.md: its code and its commands run in order, and it names all that is public."""

import shlex
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import pytest

import sacv
from cli.test_cli import run  # noqa: F401
from exchange.guide import TEXT, blocks, commands, headings
from sacv.synthetic.scenes import write_textures

CAPTUM = "From captum"


class Run(nullcontext):
    """Takes the place of a run of Weights & Biases."""

    def __enter__(self):
        return self

    def log(self, data, step=None):
        assert data


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder with the images of the guide, a local hub, and a stand-in of wandb."""
    pytest.importorskip("huggingface_hub")
    from exchange.hub import LocalHub

    monkeypatch.chdir(tmp_path)
    for folder, texture, count in (("guidance/striped", "striped", 8), ("guidance/other", "dotted", 8),
                                   ("photos", "striped", 2)):  # fmt: skip
        write_textures(tmp_path / folder, texture, count, seed=count)
    wandb = SimpleNamespace(
        init=lambda project, mode: Run(), Table=lambda dataframe: dataframe, Image=lambda pixels, caption: caption
    )
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    LocalHub(tmp_path / "hub").install(monkeypatch)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_the_guide_runs(place, run, capsys):  # noqa: F811
    names = {}
    for heading in headings():
        if heading == CAPTUM or (heading == "To TensorBoard" and not _has("tensorboard")):
            continue
        for code in blocks(heading):
            exec(code, names)
    assert names["again"].fingerprint == names["bank"].fingerprint
    assert "## Limits" in capsys.readouterr().out
    names["bank"].save("bank")
    results = [(words, run(*shlex.split(words))) for words in commands()]
    assert [(words.split()[1], status) for words, (status, _, _) in results] == (
        [("export", 0), ("push", 0), ("pull", 0)]
    )


def _has(package):
    try:
        __import__(package)
    except ImportError:
        return False
    return True


def test_everything_public_is_in_the_guide():
    assert blocks(CAPTUM)
    for name in set(sacv.exchange.__all__) - {"ImportedMaps"}:
        assert name in TEXT, name
