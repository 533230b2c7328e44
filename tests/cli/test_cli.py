"""The commands as a user runs them; errors give status 2 and one line."""

import json

import numpy as np
import pytest
from PIL import Image

from conftest import make_pictures
from sacv.cli import main

CODE = """
import torch
from torch import nn
def net():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Conv2d(4, 4, 3), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
"""


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    (tmp_path / "names.txt").write_text("ant\nbee\ncat\n")
    make_pictures(tmp_path / "bright", 5, 1, low=180)
    make_pictures(tmp_path / "other", 6, 2)
    return tmp_path


FIT = ("fit", "--model", "mine.py:net", "--resize", "16x16", "--layer", "2", "--concept", "bright=bright",
       "--random", "other", "--class-names", "names.txt", "--out", "bank")  # fmt: skip


def test_fit_and_explain(run, place):
    status, out, err = run(*FIT)
    assert (status, err) == (0, "") and "bright" in out and "The bank is in bank" in out
    status, out, err = run("explain", "--bank", "bank", "--model", "mine.py:net", "--target", "bee", "bright",
                           "--out", "found", "--json")  # fmt: skip
    assert (status, err) == (0, "")
    found = json.loads(out)
    assert found["images"][0]["target_name"] == "bee" and len(found["scores"]) == 5
    assert (place / "found" / "index.html").exists()


def test_json_of_fit(run, place):
    status, out, _ = run(*FIT, "--json", "--solver", "logistic", "--seed", "3")
    found = json.loads(out)
    assert status == 0 and found["cavs"][0]["quality"]["images"] == 5
    assert json.loads((place / "bank" / "bank.json").read_text())["solver"]["name"] == "Logistic"


def test_layers(run, place):
    status, out, _ = run("layers", "--model", "mine.py:net", "--resize", "16x16")
    assert status == 0 and "5 x 5 px" in out and "14 x 14" in out and "cannot be asked about" in out
    rows = json.loads(run("layers", "--model", "mine.py:net", "--resize", "16x16", "--json", "--all")[1])["layers"]
    assert {row["name"]: bool(row["warning"]) for row in rows}["5"] is True


def test_skipped_files_are_told(run, place):
    (place / "bright" / "notes.txt").write_text("no image")
    status, out, err = run(*FIT)
    assert status == 2 and "notes.txt" in err and "--skip-unreadable" in err
    status, out, _ = run(*FIT, "--skip-unreadable")
    assert status == 0 and "Left out, unreadable: " in out and "notes.txt" in out


def changed(option, value):
    arguments = list(FIT)
    arguments[arguments.index(option) + 1] = value
    return arguments


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (changed("--layer", "22"), "no layer '22'"),
        (changed("--concept", "bright"), "give NAME=DIR"),
        (changed("--concept", "bright=gone"), "no file or folder gone"),
        (changed("--random", "bright"), "share 5 images"),
        (changed("--model", "mine.py:nett"), "no function 'nett'"),
        (changed("--resize", "16by16"), "give HEIGHTxWIDTH"),
        (changed("--class-names", "gone.txt"), "cannot be read"),
        (changed("--out", "bright"), "will not be overwritten"),
        ((*FIT, "--device", "cuda"), "--device cuda: there is none here"),
        ((*FIT, "--batch-size", "0"), "--batch-size"),
        ((*FIT, "--solver", "magic"), "--solver"),
        (FIT[:-2], "--out"),
        (("explain", "--bank", "gone", "--target", "0", "x.png", "--out", "o"), "is not a sacv concept bank"),
        (("no-such-command",), "no-such-command"),
    ],
)
def test_errors_are_one_line_and_status_2(run, place, arguments, words):
    status, out, err = run(*arguments)
    assert status == 2 and out == ""
    assert err.startswith("sacv: error: ") and err.count("\n") == 1 and words in err


def test_a_bank_runs_no_code(run, place):
    run(*FIT)
    status, _, err = run("explain", "--bank", "bank", "--target", "0", "bright", "--out", "found")
    assert status == 2 and "name the model with --model" in err


def test_other_weights_are_refused(run, place):
    run(*FIT)
    (place / "mine.py").write_text(CODE.replace("manual_seed(0)", "manual_seed(1)"))
    status, _, err = run("explain", "--bank", "bank", "--model", "mine.py:net", "--target", "0", "bright",
                         "--out", "found")  # fmt: skip
    assert status == 2 and "other weights" in err


def test_help_and_version(run):
    assert run("--help")[0] == 0
    status, out, _ = run("--version")
    assert status == 0 and "sacv" in out


def test_demo_finds_the_concept(run, tmp_path):
    status, out, err = run("demo", "--out", tmp_path / "demo", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert np.mean(found["auroc"]) > 0.9 and min(found["auroc"]) > 0.75
    scores = [row["sacv_score"] for row in found["explanation"]["scores"]]
    assert min(scores) > 0
    page = (tmp_path / "demo" / "explanation" / "index.html").read_text()
    assert page.count('alt="relevance of striped') == 8
    with Image.open(next((tmp_path / "demo" / "masks").iterdir())) as mask:
        assert mask.size == (128, 128)
