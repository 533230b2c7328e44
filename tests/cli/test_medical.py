"""Medical pictures and volumes from the command line."""

import json
import re

import numpy as np
import pytest

from concepts.medical import write_dicom, write_nifti
from sacv.cli import main
from viewer import shown

CODE = """
import torch
from torch import nn
def volumes():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv3d(1, 4, 3, padding=1), nn.ReLU(), nn.MaxPool3d(2),
                         nn.Conv3d(4, 6, 3, padding=1), nn.ReLU(), nn.Conv3d(6, 3, 3), nn.Softplus(),
                         nn.AdaptiveAvgPool3d(1), nn.Flatten())
def pictures():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.Softplus(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""
SHAPE = (8, 9, 10)
DRAWS = ("--runs", "2", "--nulls", "19")


@pytest.fixture
def run(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return call


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Volumes whose concept is a bright ball, and slices brighter than others, in folders."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(CODE)
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(*(np.arange(side) for side in SHAPE), indexing="ij"))
    for folder, shift, count in (("ball", 900, 5), ("other", 0, 6)):
        for kind in ("volumes", "slices"):
            (tmp_path / kind / folder).mkdir(parents=True)
        for index in range(count):
            centre = rng.integers(2, 6, (3, 1, 1, 1))
            ball = shift * (((grid - centre) ** 2).sum(axis=0) < 9)
            voxels = (rng.normal(0, 100, SHAPE) + ball).astype(np.int16)
            write_nifti(tmp_path / "volumes" / folder / f"{index}.nii.gz", voxels)
            stored = (rng.normal(1024 + shift, 100, (16, 16))).astype(np.uint16)
            write_dicom(tmp_path / "slices" / folder / f"{index}.dcm", stored, RescaleSlope=1, RescaleIntercept=-1024,
                        WindowCenter=500, WindowWidth=2000)  # fmt: skip
    return tmp_path


def fit(network, kind, *more):
    return ("fit", "--model", f"mine.py:{network}", "--layer", "2", "--concept", f"ball={kind}/ball", "--random",
            f"{kind}/other", "--out", "bank", *DRAWS, *more)  # fmt: skip


def explain(network, images, *more):
    return ("explain", "--bank", "bank", "--model", f"mine.py:{network}", "--target", "0", "--allow-weak", *more,
            "--out", "found", images)  # fmt: skip


def test_volumes_from_the_first_to_the_page(run, place):
    status, out, err = run(*fit("volumes", "volumes", "--window", "-300:1200"))
    assert (status, err) == (0, "") and "ball" in out
    labels = json.loads((place / "bank" / "bank.json").read_text())
    assert labels["model"]["window"] == {"low": -300, "high": 1200} and labels["layers"]["2"]["grid"] == [5, 4, 4]
    assert len(labels["sets"][0]["images"]) == 5
    status, out, err = run(*explain("volumes", "volumes/ball"))
    assert (status, err) == (0, "")
    images = shown.header(place / "found")["images"]
    assert [[plane["name"] for plane in image["planes"]] for image in images] == [["axial", "coronal", "sagittal"]] * 5
    assert shown.facts(place / "found")["window"] == "-300:1200"
    for command in (("score", "--target", "0", "--allow-weak", "--out", "scores"), ("audit",)):
        status, out, err = run(command[0], "--bank", "bank", "--model", "mine.py:volumes", *command[1:], "volumes/ball")
        assert (err, status in (0, 1)) == ("", True)
    status, out, err = run("layers", "--model", "mine.py:volumes", "--input", "1x10x9x8")
    assert (status, err) == (0, "") and "NCDHW" in out


@pytest.mark.slow
@pytest.mark.parametrize("command", ["explain", "score", "audit"])
def test_another_window_than_the_banks_is_refused(run, place, command):
    assert run(*fit("pictures", "slices", "--window", "-500:2500"))[0] == 0
    arguments = {
        "explain": ("--target", "0", "--allow-weak", "--out", "found"),
        "score": ("--target", "0", "--allow-weak", "--out", "found"),
        "audit": (),
    }[command]
    call = (command, "--bank", "bank", "--model", "mine.py:pictures", *arguments, "slices/ball")
    for window in ((), ("--window", "-500:2500")):
        status, _, err = run(*call, *window)
        assert (err, status in (0, 1)) == ("", True)
    status, _, err = run(*call, "--window", "-160:240")
    assert status == 2 and err.count("\n") == 1
    assert "the window -500:2500, the model has the window -160:240" in err


def test_a_window_where_the_bank_took_each_files_own_is_refused(run, place):
    assert run(*fit("pictures", "slices"))[0] == 0
    assert json.loads((place / "bank" / "bank.json").read_text())["model"]["window"] is None
    assert run(*explain("pictures", "slices/ball"))[0] == 0
    assert shown.facts(place / "found")["window"] == "each file's own"
    status, _, err = run(*explain("pictures", "slices/ball", "--window", "0:1"))
    assert status == 2 and "each file's own window, the model has the window 0:1" in err


def test_a_window_reaches_the_network(run, place):
    looks = {}
    for window in ("-500:2500", "0:3000"):
        assert run(*fit("pictures", "slices", "--window", window))[0] == 0
        looks[window] = [
            image["looks"] for entry in json.loads((place / "bank" / "bank.json").read_text())["sets"]
            for image in entry["images"]
        ]  # fmt: skip
    assert (np.array(looks["-500:2500"])[:, 0] > np.array(looks["0:3000"])[:, 0] + 0.1).all()


def test_a_bank_from_before_there_were_windows_has_each_files_own(run, place):
    assert run(*fit("pictures", "slices"))[0] == 0
    labels = json.loads((place / "bank" / "bank.json").read_text())
    del labels["model"]["window"], labels["checksums"]
    (place / "bank" / "bank.json").write_text(json.dumps(labels))
    assert run(*explain("pictures", "slices/ball"))[0] == 0


@pytest.mark.parametrize("window", ["40", "a:b", "3:1", "1:1", "nan:3", "0:inf", "1:2:3", ""])
def test_windows_that_are_none(run, place, window):
    status, _, err = run(*fit("pictures", "slices", "--window", window))
    assert status == 2 and err.count("\n") == 1 and "window" in err


def test_volumes_of_different_shapes_are_one_error(run, place):
    write_nifti(place / "volumes" / "ball" / "9.nii.gz", np.zeros((8, 9, 12), np.int16))
    status, _, err = run(*fit("volumes", "volumes"))
    assert status == 2 and err.count("\n") == 1 and "resample" in err


def test_damaged_volumes_are_left_out_where_the_user_says_so(run, place):
    bad = place / "volumes" / "other" / "3.nii.gz"
    bad.write_bytes(bad.read_bytes()[:200])
    status, _, err = run(*fit("volumes", "volumes"))
    assert status == 2 and err.count("\n") == 1 and "3.nii.gz" in err
    status, out, err = run(*fit("volumes", "volumes", "--skip-unreadable"))
    assert (status, err) == (0, "") and re.search(r"Left out, unreadable: \S*3\.nii\.gz", out)
