import math

import pytest

from sacv_bench.localisation import OURS, UNSUPERVISED
from sacv_bench.planted import FINDERS
from sacv_bench.study import AREAS, bin_name
from sacv_bench.tables import row, table_of
from sacv_bench.targets import FROM_2, FROM_5, TARGETS, Fall, Lead, Target, check, ours


def table(*rows, name="T2"):
    return table_of(
        name, "What?", "So.", [row(condition, rival, metric, value, 3) for condition, rival, metric, value in rows]
    )


def judged(target, *rows):
    found = target.judge(table(*rows, name=target.table))
    assert found.target is target
    return found.value, found.where, found.met


AT_LEAST = Target("T2", "area .*", OURS, "AUROC", "", least=0.95)


def test_a_target_is_judged_where_it_does_worst():
    assert judged(AT_LEAST, ("area 1", OURS, "AUROC", 0.99), ("area 2", OURS, "AUROC", 0.96)) == (0.96, "area 2", True)
    assert judged(AT_LEAST, ("area 1", OURS, "AUROC", 0.94), ("area 2", OURS, "AUROC", 0.96)) == (0.94, "area 1", False)
    at_most = Target("T2", "area .*", OURS, "AUROC", "", most=0.05)
    assert judged(at_most, ("area 1", OURS, "AUROC", 0.01), ("area 2", OURS, "AUROC", 0.06)) == (0.06, "area 2", False)


def test_bounds_themselves_are_legal():
    assert judged(AT_LEAST, ("area 1", OURS, "AUROC", 0.95))[2]
    both = Target("T2", "area 1", OURS, "AUROC", "", least=-0.2, most=0.2)
    assert [judged(both, ("area 1", OURS, "AUROC", value))[2] for value in (-0.21, -0.2, 0.2, 0.21)] == [
        False,
        True,
        True,
        False,
    ]
    # Out of both bounds, the furthest is told.
    rows = ("area 1", OURS, "AUROC", 0.3), ("area 2", OURS, "AUROC", -0.5)
    assert judged(Target("T2", ".*", OURS, "AUROC", "", least=-0.2, most=0.2), *rows) == (-0.5, "area 2", False)


def test_others_conditions_rivals_and_metrics_do_not_count():
    rows = [
        ("area 1", OURS, "AUROC", 0.96),
        ("on area 1", OURS, "AUROC", 0.1),
        ("area 1", "random", "AUROC", 0.1),
        ("area 1", OURS, "pointing", 0.1),
    ]
    assert judged(AT_LEAST, *rows) == (0.96, "area 1", True)


def test_what_is_no_number_is_not_met():
    value, where, met = judged(AT_LEAST, ("area 1", OURS, "AUROC", math.nan), ("area 2", OURS, "AUROC", 0.99))
    assert math.isnan(value) and where == "area 1" and not met
    value, where, met = judged(AT_LEAST, ("on plain", OURS, "AUROC", 0.99))
    assert math.isnan(value) and where == "not measured" and not met


LEAD = Lead("T2", "area .*", "AUROC", ("edge strength", "random"), "")


def leading(one, two, ours_at_two=0.9):
    return [
        ("area 1", OURS, "AUROC", 0.9),
        ("area 2", OURS, "AUROC", ours_at_two),
        ("area 1", "edge strength", "AUROC", one),
        ("area 2", "edge strength", "AUROC", 0.5),
        ("area 1", "random", "AUROC", 0.5),
        ("area 2", "random", "AUROC", two),
        ("area 1", "Visual-TCAV", "AUROC", 1.0),
        ("on plain", "random", "AUROC", 1.0),
    ]


def test_a_lead_over_every_rival_in_every_condition():
    value, where, met = judged(LEAD, *leading(0.8, 0.85))
    assert value == pytest.approx(0.05) and where == "area 2, random" and met
    value, where, met = judged(LEAD, *leading(0.95, 0.85))
    assert value == pytest.approx(-0.05) and where == "area 1, edge strength" and not met
    assert not judged(LEAD, *leading(0.9, 0.5))[2]  # a tie is no lead


@pytest.mark.parametrize("rows", [leading(0.5, math.nan), leading(0.5, 0.5, math.nan), leading(0.5, 0.5)[:-3]])
def test_a_lead_that_was_not_measured_is_none(rows):
    value, where, met = judged(LEAD, *rows)
    assert math.isnan(value) and where.startswith("area 2") and not met


def test_a_lead_without_ours():
    assert judged(LEAD, ("area 1", "random", "AUROC", 0.5))[1:] == ("not measured", False)


def test_a_fall():
    fall = Fall("T4", "large", "small", "sign agreement", "", most=0.05)
    large, small = ("large", OURS, "sign agreement", 0.75), ("small", OURS, "sign agreement", 0.625)
    other = ("small", "TCAV, pooled", "sign agreement", 0.1)
    assert judged(fall, large, small, other) == (0.125, "large to small", False)
    assert judged(fall, large, (*small[:3], 0.71875)) == (0.03125, "large to small", True)
    assert judged(fall, large, (*small[:3], 0.875))[2]  # it rises
    for rows in ([large], [small], [large, (*small[:3], math.nan)]):
        value, where, met = judged(fall, *rows)
        assert math.isnan(value) and where == "not measured" and not met


def matching(pattern):
    target = Target("T2", pattern, OURS, "AUROC", "", least=1)
    names = [*map(bin_name, AREAS), "area 5-8 %", "all areas from 2 %", "on noise"]
    return [name for name in names if judged(target, (name, OURS, "AUROC", 0.0))[1] == name]


def test_which_areas_are_meant():
    large = ["area 5-10 %", "area 10-20 %", "area 20-40 %", "area 5-8 %"]
    assert matching(FROM_2) == ["area 2-5 %", *large] and matching(FROM_5) == large


def test_missing_tables_are_not_checked():
    assert check([]) == []
    assert {outcome.target.table for outcome in check([table(name="T5"), table(name="T2")])} == {"T2", "T5"}
    # A table that is there but lacks what is asked is no excuse.
    assert not any(outcome.met for outcome in check([table(name="T5"), table(name="T2")]))


# Table, condition, rival, metric; a value that is good enough, and one that is not.
GOOD = [
    *(
        line
        for strength in ("0.5", "1")
        for line in (
            ("T1", f"strength {strength}, 50 images", "UnitLength(MeanDifference)", "cosine", 0.96, 0.94),
            ("T1", f"strength {strength}, 50 images", "notebook as published", "cosine", -0.1, -0.3),
        )
    ),
    ("T2", "all areas from 2 %", OURS, "AUROC", 0.97, 0.94),
    *(("T2", bin_name(area), OURS, "pointing", 0.96, 0.94) for area in AREAS[2:]),
    *(("T2", bin_name(area), OURS, "average precision", 0.8, 0.6) for area in AREAS[1:]),
    *(("T2", bin_name(area), rival, "average precision", 0.7, 0.9) for area in AREAS[1:] for rival in UNSUPERVISED),
    ("T3", "all elements", OURS, "Spearman", 0.9, 0.7),
    ("T3", "all elements", OURS, "sign accuracy", 0.97, 0.94),
    ("T3", "unused concepts", OURS, "unused called contributing", 0.0, 0.06),
    ("T4", "area 20-40 %", OURS, "sign agreement", 0.9, 0.95),
    ("T4", "area 2-5 %", OURS, "sign agreement", 0.88, 0.84),
    ("T5", "50 images", OURS, "cosine between runs", 0.9, 0.7),
    ("T6", "permuted labels, relevance mask", OURS, "family-wise false positives", 0.03, 0.06),
    ("T6", "missing concept, relevance mask", OURS, "family-wise false positives", 0.04, 0.07),
]


def run_of(rows):
    names = dict.fromkeys(line[0] for line in rows)
    return [table(*(line[1:5] for line in rows if line[0] == name), name=name) for name in names]


def test_a_run_that_reaches_everything():
    outcomes = check(run_of(GOOD))
    assert [outcome.target for outcome in outcomes] == list(TARGETS)
    assert all(outcome.met for outcome in outcomes)


@pytest.mark.parametrize("line", GOOD)
@pytest.mark.parametrize("how", ["worse", "no number"])
def test_every_figure_counts(line, how):
    """Each figure of a good run alone makes one target fall short."""
    changed = (*line[:4], line[5] if how == "worse" else math.nan)
    assert sum(not outcome.met for outcome in check(run_of([changed if one is line else one for one in GOOD]))) == 1


def test_ours_is_a_rival():
    assert ours("T1") in FINDERS and ours("T2") == OURS
