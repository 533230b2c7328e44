"""What scores say in words."""

import numpy as np
import pytest

from report.made_pages import EFFECTS, MADE, UNTESTED, score_table, scores
from sacv.scores.page import page_of
from sacv.scores.verdicts import sentence, unreachable, verdict, verdicts

ROW = {"score": "sacv", "value": 1.0, "low": 0.5, "high": 1.5, "run_mean": 0.9}


@pytest.mark.parametrize(
    ("row", "weak", "p", "wanted"),
    [
        ({}, False, 0.05, "for"),
        ({}, False, 0.051, "none"),
        ({}, False, np.nan, "untested"),
        ({}, True, 0.01, "weak"),
        ({"low": -0.1}, False, 0.01, "none"),
        ({"run_mean": -0.9}, False, 0.01, "none"),
        ({"value": -1.0, "low": -1.5, "high": -0.5, "run_mean": -1.0}, False, 0.01, "against"),
        ({"score": "tcav", "value": 0.9, "low": 0.6, "high": 1.0, "run_mean": 0.8}, False, 0.01, "for"),
        ({"score": "tcav", "value": 0.2, "low": 0.1, "high": 0.4, "run_mean": 0.3}, False, 0.01, "against"),
        ({"score": "tcav", "value": 0.6, "low": 0.4, "high": 0.8, "run_mean": 0.6}, False, 0.01, "none"),
    ],
)
def test_a_verdict_needs_significance_and_an_interval_that_excludes_no_effect(row, weak, p, wanted):
    assert verdict(ROW | row, weak=weak, p=p) == wanted


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({("l", "a"): "for"}, "a supports t."),
        ({("l", "a"): "for", ("l", "b"): "for", ("l", "c"): "for"}, "a, b and c support t."),
        (
            {("l", "a"): "against", ("l", "b"): "none"},
            "a opposes t; no significant effect of b on t.",
        ),
        ({("l", "a"): "none", ("l", "b"): "none"}, "No significant effect of a or b on t."),
        ({("l", "a"): "for", ("m", "a"): "none"}, "a (at l) supports t."),
        ({("l", "a"): "for", ("m", "a"): "against"}, "a supports t at l and opposes it at m."),
        ({("l", "a"): "untested"}, "Whether a matters to t is not tested."),
        ({("l", "a"): "weak", ("m", "a"): "none"}, "No significant effect of a on t."),
        ({("l", "a"): "weak", ("l", "b"): "weak"}, "a and b are too weak to be judged."),
        (
            {("l", "a"): "none", ("l", "b"): "untested", ("l", "c"): "weak"},
            "No significant effect of a on t; whether b matters to t is not tested; c is too weak to be judged.",
        ),
    ],
)
def test_the_sentence(given, wanted):
    assert "".join(sentence(given, "t")) == wanted


def test_verdicts_are_of_the_score_and_the_target():
    found = scores(targets=("zebra", "horse"))
    assert verdicts(found, "horse")["late", "grass"] == "against"
    assert len(verdicts(found, "zebra")) == 6


def test_too_few_null_directions_are_told():
    found = scores(made={**MADE, "nulls": 99})
    assert "With 99 null CAVs p is at least 0.010" in unreachable(found)
    assert unreachable(scores()) is None and unreachable(scores(made={**MADE, "nulls": 0})) is None
    assert page_of(found).warnings[0] == unreachable(found)


def test_without_a_null_nothing_is_drawn_of_chance():
    page = page_of(scores(score_table(UNTESTED), made={**MADE, "nulls": 0}))
    assert "".join(page.headline) == "Whether striped, grass or sky matters to zebra is not tested.".replace(
        "matters", "matter"
    )
    lanes = [lane for panel in page.sections[0].charts[0].panels for lane in panel.lanes]
    assert len(lanes) == 2 * len(EFFECTS) and all(lane.chance is None and lane.tested is None for lane in lanes)
    assert "random" not in page.title and "Short line" not in page.sections[0].charts[0].caption


def test_what_is_tested_and_the_band_of_chance_share_the_axis():
    panel = page_of(scores()).sections[0].charts[0].panels[0]
    for lane in panel.lanes:
        inside = lane.chance[0] <= lane.tested <= lane.chance[1]
        assert inside == (lane.tone == "none") and (lane.value > panel.centre) == (lane.label != "grass")


def test_several_targets_have_a_sentence_each():
    page = page_of(scores(targets=("zebra", "horse")))
    assert "".join(page.headline) == "4 of 6 pairs of concept and target have a significant effect."
    assert [("".join(point)).split(";")[0] for point in page.points] == [
        "striped supports zebra", "striped supports horse",
    ]  # fmt: skip
    assert [section.title for section in page.sections[:2]] == ["Effects on zebra", "Effects on horse"]


def test_weak_concepts_are_named_below_the_figures():
    note = "'sky' at 'late' is too weak to rely on: it is."
    page = page_of(scores(score_table(weak=("sky",)), notes=[note, "Beware."]))
    assert list(page.warnings) == ["Beware."]
    assert next(one for one in page.sections if one.title == "Too weak to be judged").words == [note]
    assert "".join(page.headline).endswith("sky is too weak to be judged.")
