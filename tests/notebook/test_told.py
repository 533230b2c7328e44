"""What results print of themselves, and show as tables: a line or a few, every name as text."""

import re

import pytest
from conftest import make_pictures, make_small_model

import sacv
from sacv.report.display import counted, few
from sacv.trust import Finding

HARMFUL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def model():
    return make_small_model()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def bank(model, place):
    concepts = {
        name: make_pictures(place / str(number), 6, number, low=180) for number, name in enumerate(("a", HARMFUL))
    }
    return sacv.fit(model, ["features.0", "features.2"], concepts, [make_pictures(place / "other", 7, 9)])


@pytest.fixture(scope="module")
def results(bank, model, place):
    photos = place / "0"
    return {
        "ConceptBank": bank,
        "ClassScores": sacv.score(model, photos, bank, ["cat", "dog"], allow_weak=True),
        "Audit": sacv.audit(model, bank, photos),
        "Explanation": sacv.explain(model, photos, bank, "cat", allow_weak=True, checks=False),
    }


def test_reprs_are_short_and_name_what_is_there(results):
    for kind, one in results.items():
        text = repr(one)
        assert text.startswith(f"{kind}(") and len(text) < 300 and "array" not in text and "\n" not in text
    assert "concepts a, <img" in repr(results["ConceptBank"]) and "4 CAVs" in repr(results["ConceptBank"])
    assert repr(results["ClassScores"]).startswith("ClassScores(6 images, targets cat, dog; concepts a, ")
    passed, failed, other = map(int, re.findall(r"(\d+) (?:passed|failed|not run)", repr(results["Audit"])))
    findings = results["Audit"].findings
    assert passed == sum(one.passed is True for one in findings) and failed == sum(
        one.passed is False for one in findings
    )
    assert passed + failed + other == len(findings)


@pytest.mark.parametrize(("kind", "rows"), [("ConceptBank", 4), ("ClassScores", 40), ("Audit", None)])
def test_tables_have_a_row_each_and_no_markup_of_names(results, kind, rows):
    html = results[kind]._repr_html_()
    assert html.count("<tr") == 1 + (len(results[kind].findings) if rows is None else rows)
    assert "<img" not in html and "&lt;img src=x" in html


def test_the_table_of_a_bank_is_its_quality(bank):
    table = bank.quality()
    for row, cav in zip(table.to_dict("records"), bank.cavs, strict=True):
        assert (row["layer"], row["concept"], row["auroc"]) == (cav.layer, cav.concept, cav.quality.auroc)
        assert (row["low"], row["high"]) == cav.quality.auroc_interval and row["images"] == 6
        assert bool(row["weak"]) == bool(sacv.cav.weaknesses(cav)) and row["mask_of_presence"] is False


def test_an_audit_says_pass_fail_or_not_run_and_all_of_its_reasons():
    reason = "because " * 40
    found = sacv.Audit(tuple(Finding("one", "layer", None, how, reason) for how in (True, False, None)))
    html = found._repr_html_()
    assert html.count(reason.strip()) == 3
    assert [html.count(f"<td>{word}</td>") for word in ("pass", "FAIL", "not run")] == [1, 1, 1]


def test_many_names_are_cut_and_counted():
    assert few(list("abcdefg")) == "a, b, c, d, e, f, g"
    assert few(list("abcdefgh")) == "a, b, c, d, e, f and 2 more"
    assert (counted(1, "image"), counted(0, "image")) == ("1 image", "0 images")
