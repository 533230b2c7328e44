"""A damaged bank from the command line: status 2, one line that names the file and the way out."""

import json
import shutil
import warnings

import numpy as np
import pytest

from cav.test_bank import rich_fit
from sacv import ConceptBank
from sacv.cli import main
from sacv.files import read_arrays, write_arrays

NAME = "0/a"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("banks") / "bank"
    rich_fit().save(folder)
    return folder


@pytest.fixture
def bank(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "bank")
    return tmp_path / "bank"


def call(capsys, *arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(SystemExit) as left:
            main(arguments)
    out, err = capsys.readouterr()
    return left.value.code, out, err


def put(threshold):
    def edit(bank):
        labels = json.loads((bank / "bank.json").read_text())
        labels["cavs"][0]["threshold"] = "HERE"
        (bank / "bank.json").write_text(json.dumps(labels).replace('"HERE"', threshold))

    return edit


def labelled(path, value):
    def edit(bank):
        labels = json.loads((bank / "bank.json").read_text())
        *above, last = path
        place = labels
        for name in above:
            place = place[name]
        place[last] = value
        (bank / "bank.json").write_text(json.dumps(labels))

    return edit


def array(change):
    def edit(bank):
        arrays = read_arrays(bank / "cavs.safetensors")
        change(arrays)
        write_arrays(bank / "cavs.safetensors", arrays)

    return edit


DAMAGES = {
    "NaN": (put("NaN"), "bank.json", "cavs[0].threshold is NaN"),
    "infinity": (put("-Infinity"), "bank.json", "cavs[0].threshold is -Infinity"),
    "a number beyond range": (put("1e999"), "bank.json", "cavs[0].threshold is 1e999"),
    "text for a number": (put('"high"'), "bank.json", "cavs[0].threshold is 'high'"),
    "wrong version": (labelled(("format_version",), 99), "bank.json", "format_version 99"),
    "other channels": (labelled(("layers", "0", "channels"), 5), "cavs.safetensors", "of shape"),
    "cut array": (array(lambda found: found.update({NAME: found[NAME][:-1]})), "cavs.safetensors", NAME),
    "missing array": (array(lambda found: found.pop(NAME)), "cavs.safetensors", f"{NAME} is missing"),
    "array not finite": (array(lambda found: found.update({NAME: found[NAME] * np.inf})), "cavs.safetensors", NAME),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_bank_is_one_line(bank, capsys, damage):
    edit, file, words = DAMAGES[damage]
    edit(bank)
    status, out, err = call(capsys, "bank", "show", str(bank))
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("sacv: error: ") and str(bank / file) in err and words in err
    assert "again" in err


COMMANDS = {
    "show": ("bank", "show", "BANK"),
    "merge": ("bank", "merge", "BANK", "WHOLE", "--out", "OUT"),
    "refit": ("bank", "refit", "BANK", "--solver", "lda", "--out", "OUT"),
    "explain": ("explain", "--bank", "BANK", "--target", "0", "--out", "OUT", "picture.png"),
    "score": ("score", "--bank", "BANK", "--target", "0", "--out", "OUT", "picture.png"),
    "audit": ("audit", "--bank", "BANK"),
    "layers": ("layers", "--bank", "BANK"),
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_reads_a_bank_says_so(whole, bank, tmp_path, capsys, command):
    DAMAGES["cut array"][0](bank)
    named = {"BANK": str(bank), "WHOLE": str(whole), "OUT": str(tmp_path / "out")}
    status, out, err = call(capsys, *(named.get(word, word) for word in COMMANDS[command]))
    assert (status, out, err.count("\n")) == (2, "", 1) and "belongs to a damaged bank" in err
    assert not (tmp_path / "out").exists()


def test_the_bank_that_is_damaged_is_whole(bank, capsys):
    assert call(capsys, "bank", "show", str(bank))[0] == 0 and ConceptBank.load(bank).concepts
