"""Checks in plain words: one sentence for each, its figure beside it."""

from dataclasses import replace

import pytest

from maps.test_reliability import GOOD
from sacv.maps.check_sentences import DOUBTS, SENTENCES, WELL, words_of
from sacv.maps.reliability import Checks

CASES = {
    "weak evidence": {"evidence": 3.0},
    "evidence beyond": {"beyond": True},
    "unmoved": {"moved": False},
    "opposite sign": {"ablation": 0.5},
    "other order": {"rank_agreement": 0.1},
    "other locations": {"neighbours": 0.0},
}


def kinds(line):
    return [one.kind for one in words_of(line, "the logit")]


def test_every_check_that_is_well_is_said():
    assert kinds(GOOD) == list(WELL)
    assert kinds(replace(GOOD, neighbours=None)) == ["evidence", "moves"]


@pytest.mark.parametrize("kind", DOUBTS)
def test_a_doubt_takes_the_place_of_what_it_contradicts(kind):
    found = words_of(replace(GOOD, **CASES[kind]), "the logit")
    assert [one.kind for one in found if one.warning] == [kind] and len(found) == len(WELL)
    assert [one.figure for one in found if one.warning] == replace(GOOD, **CASES[kind]).warnings


def test_figures_name_what_is_explained():
    figures = [one.figure for one in words_of(GOOD, "the difference cat - ant")]
    assert "changes the difference cat - ant by -1 (by the gradient -1.1); both agree in sign for 100%" in figures[1]
    assert "percentile 60" in figures[0] and "by 0.80" in figures[2]


def test_without_checks_that_is_said():
    assert kinds(None) == ["unchecked"]
    assert kinds(Checks(1.0, True, 1.0, -1.0, 0.1, None, 0.0))[:2] == ["weak evidence", "evidence beyond"]


def test_sentences_end_with_a_full_stop_and_have_no_jargon():
    for text in SENTENCES.values():
        assert text.endswith(".")
        for word in ("logit", "gradient", "percentile", "Spearman", "evidence", "ablation", "CAV"):
            assert word not in text
