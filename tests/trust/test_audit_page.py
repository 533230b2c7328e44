"""The page of an audit as plain data, and the provenance of an audit."""

import pytest

import sacv
from report.made_pages import MADE, audit
from sacv.report.page import Cell
from sacv.trust import Finding
from sacv.trust.page import headline, page_of


def findings(*passed):
    return tuple(Finding("looks", "layer", f"c{at}", how, "why") for at, how in enumerate(passed))


@pytest.mark.parametrize(
    ("passed", "wanted"),
    [
        ((True, True), "No check failed: 2 of 2 passed."),
        ((True, None), "No check failed: 1 of 2 passed; 1 could not be run."),
        ((None,), "None of the 1 checks could be run."),
        ((False, True, None), "1 of 3 checks failed; 1 could not be run."),
    ],
)
def test_the_headline(passed, wanted):
    assert "".join(headline(findings(*passed))) == wanted


def test_what_failed_comes_first_with_its_reason_and_short_names():
    page = page_of(audit())
    assert ["".join(point) for point in page.points] == ["looks: grass at late"]
    rows = page.sections[1].grids[0].rows
    assert [row[3].tone for row in rows] == ["bad", "soft", "good"]
    assert rows[0][4].text == "brightness of one.png tells the sets apart"
    assert rows[0][4].full == "brightness of /data/a/long/way/one.png tells the sets apart"
    counts = {row[0].text: [cell.value for cell in row[2:5]] for row in page.sections[0].grids[0].rows}
    assert counts == {"quality": [0, 1, 0], "looks": [1, 0, 0], "contribution varies": [0, 0, 1]}


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("see (a/b/1.png, c\\2.jpg): remove it", "see (1.png, 2.jpg): remove it"),
        ("ratio 1/2 and layer features.0", "ratio 1/2 and layer features.0"),
        ("no file at all", "no file at all"),
    ],
)
def test_files_stand_without_their_folders(text, short):
    cell = Cell.sentence(text)
    assert cell.text == short and (cell.full or cell.text) == text


def test_an_audit_has_its_provenance(small_model, small_bank, guidance, tmp_path):
    found = sacv.audit(small_model, small_bank, guidance[1], "cat", seed=4).with_command("sacv audit")
    made = found.provenance
    assert (
        made["model"]["fingerprint"] == small_model.fingerprint
        and made["bank"]["fingerprint"] == small_bank.fingerprint
    )
    assert (made["target"], made["images"], made["seed"], made["command"]) == ("cat", 7, 4, "sacv audit")
    found.save(tmp_path / "audit")
    again = sacv.Audit.load(tmp_path / "audit")
    assert again.provenance == made
    facts = page_of(again).provenance.facts
    assert facts["seeds"] == f"audit 4, bank {small_bank.seed}" and facts["command"] == "sacv audit"
    assert small_model.fingerprint in (tmp_path / "audit" / "index.html").read_text()


def test_an_audit_of_unknown_origin_has_a_page():
    assert page_of(sacv.Audit(findings(True))).provenance.facts == {"provenance": "unknown"}
    assert "LDA(shrinkage=0.1)" in page_of(audit()).provenance.facts["solver"] and MADE["nulls"] == 999
