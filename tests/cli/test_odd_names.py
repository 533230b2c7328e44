"""Names of files and concepts that are no plain text."""

import os

import pytest
from conftest import make_pictures

from sacv.cli import main

CODE = """
import torch
from torch import nn
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Softplus(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""
FIT = ("fit", "--model", "mine.py:net", "--resize", "16x16", "--layer", "1", "--random", "other", "--runs", "2",
       "--nulls", "9", "--out", "bank")  # fmt: skip


@pytest.fixture
def run(capfd, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    make_pictures(tmp_path / "bright", 4, 1, low=180)
    make_pictures(tmp_path / "other", 5, 2)

    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capfd.readouterr()
        return left.value.code, out, err

    return call


@pytest.mark.parametrize("name", [b"\xff\xfe.png", b"a\nb.png", b"\x1b[31m.png", "\N{SNOWMAN}<b>&.png".encode()])
def test_any_name_of_a_file_goes_from_the_first_to_the_page(run, tmp_path, name):
    for folder in (b"bright", b"other"):
        os.rename(os.path.join(folder, b"0.png"), os.path.join(folder, name))
    assert run(*FIT, "--concept", "bright=bright")[::2] == (0, "")
    asked = ("--bank", "bank", "--model", "mine.py:net", "--target", "0", "--allow-weak", "bright")
    assert run("explain", *asked, "--no-checks", "--out", "found")[::2] == (0, "")
    assert run("explain", *asked, "--no-checks", "--out", "found", "--json")[::2] == (0, "")
    assert run("score", *asked, "--out", "scores")[::2] == (0, "")
    before = (tmp_path / "found" / "index.html").read_text(encoding="utf-8").split('<script type="module">')[0]
    assert "<b>" not in before
    assert run("view", "found", "--no-open")[::2] == (0, "")


@pytest.mark.parametrize("name", ["\udcff", "a\nb", "\x1b[31m", "a/b", "random"])
def test_concepts_that_cannot_be_named_so(run, name):
    status, _, err = run(*FIT, "--concept", f"{name}=bright")
    assert status == 2 and err.count("\n") == 1 and "cannot be named" in err
