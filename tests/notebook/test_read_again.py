"""Scores and audits that were saved are read back as they were, and have a page."""

import json
import shutil
import webbrowser

import pandas as pd
import pytest

import sacv
from sacv.cli.main import main
from sacv.errors import CorruptFileError, OptionError
from sacv.trust import Finding


@pytest.fixture
def scores(small_model, small_bank, guidance):
    (guidance[0] / "notes.txt").write_text("no image")
    return sacv.score(small_model, guidance[0], small_bank, ["cat", "dog"], allow_weak=True, skip_unreadable=True)


@pytest.fixture
def folder(scores, tmp_path):
    scores.save(tmp_path / "scores")
    return tmp_path / "scores"


AUDIT = sacv.Audit(
    (Finding("quality", "features.2", "bright", True, "good"), Finding("looks", "f", None, None, "not run"))
)


def files(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_scores_are_read_as_they_were_saved(scores, folder):
    again = sacv.ClassScores.load(folder)
    pd.testing.assert_frame_equal(again.table, scores.table, check_exact=True)
    pd.testing.assert_frame_equal(again.images, scores.images, check_exact=True)
    for name in ("notes", "skipped", "settings", "within"):
        assert getattr(again, name) == getattr(scores, name)
    assert again.bank is None and again.to_json() == json.loads(json.dumps(scores.to_json()))
    assert again.skipped and repr(again) == repr(scores) and again._repr_html_() == scores._repr_html_()


def test_scores_are_saved_again_as_they_are(folder, tmp_path):
    before = files(folder)
    again = sacv.ClassScores.load(folder)
    for place in (tmp_path / "copy", folder):
        again.save(place)
        assert files(place) == before


@pytest.mark.parametrize("file", ["scores.json", "scores.parquet", "images.parquet"])
def test_scores_that_lack_a_file_are_refused(folder, file):
    (folder / file).unlink()
    with pytest.raises(CorruptFileError, match=str(folder)):
        sacv.ClassScores.load(folder)


def test_damaged_scores_are_refused(folder):
    shutil.copy(folder / "scores.parquet", folder / "images.parquet")
    with pytest.raises(CorruptFileError, match=r"images\.parquet has the columns"):
        sacv.ClassScores.load(folder)
    labels = json.loads((folder / "scores.json").read_text())
    del labels["solver"]
    (folder / "scores.json").write_text(json.dumps(labels))
    with pytest.raises(CorruptFileError, match="damaged class scores"):
        sacv.ClassScores.load(folder)


def test_scores_without_bank_and_origin_say_so(folder):
    found = sacv.ClassScores.load(folder)
    bare = sacv.ClassScores(found.table, found.rows, (), None, (), found.settings)
    with pytest.raises(OptionError, match="origin"):
        bare.to_json()


def test_an_audit_is_read_as_it_was_saved(tmp_path):
    AUDIT.save(tmp_path / "audit")
    again = sacv.Audit.load(tmp_path / "audit")
    assert again.findings == AUDIT.findings and again.passed is AUDIT.passed
    again.save(tmp_path / "copy")
    assert files(tmp_path / "copy") == files(tmp_path / "audit")


@pytest.mark.parametrize("findings", [[{"check": "quality"}], 3, [3], None])
def test_a_damaged_audit_is_refused(tmp_path, findings):
    AUDIT.save(tmp_path)
    labels = json.loads((tmp_path / "audit.json").read_text())
    (tmp_path / "audit.json").write_text(json.dumps(labels | {"findings": findings}))
    with pytest.raises(CorruptFileError, match="damaged"):
        sacv.Audit.load(tmp_path)
    with pytest.raises(CorruptFileError, match="holds no"):
        sacv.Audit.load(tmp_path / "nothing")


def run(*arguments):
    with pytest.raises(SystemExit) as left:
        main(list(map(str, arguments)))
    return left.value.code


def test_sacv_view_opens_scores_and_audits(folder, tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    AUDIT.save(tmp_path / "audit")
    for place, text in ((folder, "Scores of cat, dog over 6 images"), (tmp_path / "audit", ">quality</th>")):
        assert run("view", place) == 0
        assert text in (place / "index.html").read_text()
    assert opened == [(place / "index.html").as_uri() for place in (folder, tmp_path / "audit")]
    sacv.ClassScores.load(folder).save(folder)  # the page is no stranger there


def test_sacv_audit_writes_what_is_read_again(small_bank, guidance, tmp_path, capsys, small_model, monkeypatch):
    monkeypatch.setattr("sacv.cli.audit.open_bank_model", lambda *given: small_model)
    small_bank.save(tmp_path / "bank")
    status = run("audit", "--bank", tmp_path / "bank", "--out", tmp_path / "audit", "--json", guidance[1])
    told = json.loads(capsys.readouterr().out)
    again = sacv.Audit.load(tmp_path / "audit")
    assert [vars(one) for one in again.findings] == told["findings"] and status == (0 if again.passed else 1)
