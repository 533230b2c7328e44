"""`sacv score`, `sacv audit` and `sacv bank` as a user runs them."""

import json
import re
import shutil

import pandas as pd
import pytest
from conftest import make_pictures

from concepts.stored import write_parquet, write_tar
from sacv.cli import main

NET = """
import torch
from torch import nn

def load():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
"""
FIT = ["fit", "--model", "net.py:load", "--resize", "12x12", "--layer", "2", "--random", "other", "--seed", "1"]


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "net.py").write_text(NET)
    make_pictures(tmp_path / "bright", 8, 1, low=180)
    make_pictures(tmp_path / "noise", 8, 5)
    make_pictures(tmp_path / "other", 12, 2)
    make_pictures(tmp_path / "photos", 5, 3)

    def command(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return ended.value.code, out, err

    assert command(*FIT, "--concept", "bright=bright", "--out", "bank")[0] == 0
    return command


def test_score(run, tmp_path):
    asked = ["score", "--bank", "bank", "--model", "net.py:load", "--target", "1", "--target", "3", "photos"]
    status, out, err = run(*asked, "--out", "scores")
    assert (status, err) == (0, "") and "sacv_density" in out.splitlines()[-3] and "2 tests of each score" in out
    table, images = (pd.read_parquet(tmp_path / "scores" / f"{name}.parquet") for name in ("scores", "images"))
    assert len(table) == 2 * 5 and len(images) == 2 * 5 and set(table["target"]) == {"1", "3"}
    status, out, _ = run(*asked, "--out", "scores", "--json")
    found = json.loads(out)
    assert status == 0 and len(found["scores"]) == 10 and found["runs"] == 20 and found["nulls"] == 199


@pytest.mark.slow
def test_images_in_tars_and_tables_go_through_every_command(run, tmp_path):
    for name in ("bright", "other", "photos"):
        pictures = {file.name: file.read_bytes() for file in sorted((tmp_path / name).iterdir())}
        write_tar(tmp_path / f"{name}-0.tar", pictures)
        write_parquet(tmp_path / f"{name}.parquet", pictures)
        shutil.rmtree(tmp_path / name)
    fit = [word.replace("other", "other-{0..0}.tar") for word in FIT]
    status, _, err = run(*fit, "--concept", "bright=bright.parquet:image", "--out", "stored")
    assert (status, err) == (0, "")
    on = ["--bank", "stored", "--model", "net.py:load"]
    for images in ("photos-*.tar", "photos.parquet", f"file://{tmp_path}/photos-0.tar", "photos-0.tar/1.png"):
        for command in (["score", "--target", "1"], ["explain", "--target", "1"], ["search"]):
            status, _, err = run(*command, *on, images, "--out", command[0])
            assert (status, err) == (0, "")
        found = pd.read_parquet(tmp_path / "search" / "images.parquet")
        assert len(found) == (1 if "1.png" in images else 5)
    # by the names that the bank holds, where they are here
    before = run("audit", *on)[1]
    (tmp_path / "other-0.tar").unlink()
    assert run("audit", *on)[1] != before


def test_weak_concepts_are_refused_and_marked(run):
    assert run(*FIT, "--concept", "nothing=noise", "--out", "weak")[0] == 0
    for command in ("score", "explain"):
        asked = [command, "--bank", "weak", "--model", "net.py:load", "--target", "1", "photos", "--out", command]
        status, _, err = run(*asked)
        assert status == 2 and "held-out AUROC is" in err and "--allow-weak" in err and err.count("\n") == 1
        status, out, _ = run(*asked, "--allow-weak")
        assert status == 0 and "weak" in out


def test_audit_fails_with_status_1(run):
    asked = ["audit", "--bank", "bank", "--model", "net.py:load"]
    status, out, _ = run(*asked)
    assert status == 1 and "FAIL" in out and re.match(r"\d of \d+ checks failed", out)
    assert "\nFailed: looks, bright at 2: brightness alone" in out
    status, out, _ = run(*asked, "--json", "photos")
    found = json.loads(out)
    assert status == 1 and found["passed"] is False
    assert {finding["passed"] for finding in found["findings"]} == {True, False}


def test_banks_are_shown_merged_and_fitted_anew(run):
    assert run(*FIT, "--concept", "nothing=noise", "--out", "second")[0] == 0
    status, out, _ = run("bank", "merge", "bank", "second", "--out", "both", "--json")
    assert status == 0 and [cav["concept"] for cav in json.loads(out)["cavs"]] == ["bright", "nothing"]
    status, _, err = run("bank", "refit", "both", "--solver", "lda:0.3", "--out", "x")
    assert status == 2 and err.count("\n") == 1
    assert "the bank holds activations divided by their norm, averaged over neighbours (sd 1 locations)" in err
    assert "needs them without preprocessing; fit the bank again from the images" in err
    asked = ["bank", "refit", "both", "--solver", "smooth/lda:0.3", "--random-concept", "nothing", "--out", "lda"]
    status, out, _ = run(*asked)
    assert status == 0 and "bright" in out and "nothing" not in out
    status, out, _ = run("bank", "refit", "lda", "--random-from", "bank", "--nulls", "9", "--out", "again")
    assert status == 0
    assert json.loads(run("bank", "show", "again", "--json")[1])["cavs"][0]["quality"]["random_images"] == 12
    status, _, err = run("bank", "refit", "both", "--random-from", "bank", "--random-concept", "nothing", "--out", "x")
    assert status == 2 and "not both" in err
    status, _, err = run("bank", "merge", "bank", "--out", "x")
    assert status == 2 and "at least two banks" in err
