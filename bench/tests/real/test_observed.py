import math

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from sacv_bench.agreement import spearman
from sacv_bench.metrics import auroc
from sacv_bench.real.observed import (
    ADVISED,
    IMAGE,
    LOCATIONS,
    ROWS,
    SIGN,
    SPEARMAN,
    areas,
    at,
    location_rows,
    names_of,
    pairs_auroc,
    rank_correlation,
    summarise,
)

FIELDS = {"network": "net", "experiment": "horses", "concept": "horse", "n": 2}


def test_pairs_of_one_stratum_are_what_roc_says():
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=40).round(1), (rng.uniform(size=40) < 0.3).astype(float)
    assert pairs_auroc(scores, labels, np.zeros(40)) == pytest.approx(roc_auc_score(labels, scores))


def test_strata_are_never_compared():
    # Right in each fold, though the second lies far below the first.
    scores, labels = np.array([5.0, 4, -5, -6]), np.array([1.0, 0, 1, 0])
    assert pairs_auroc(scores, labels, np.array([0.0, 0, 1, 1])) == 1
    assert pairs_auroc(scores, labels, np.zeros(4)) == 0.75
    assert math.isnan(pairs_auroc(scores, labels, np.arange(4.0)))


def test_maps_without_two_sides_are_left_out():
    inside = np.array([[1.0, 0], [0, 0]])
    maps = {"right": np.stack([inside, inside, inside]), "wrong": np.stack([-inside, inside, inside])}
    found = location_rows(maps, [inside, np.ones((2, 2)), np.full((2, 2), 0.2)], [7, 8, 9])
    assert [(one["method"], one["image"], one["value"]) for one in found] == [("right", 7, 1.0), ("wrong", 7, 0.0)]


def test_the_quick_figures_are_those_of_the_bench():
    rng = np.random.default_rng(1)
    values, shares = rng.normal(size=(5, 6, 7)).round(1), rng.uniform(size=(6, 7))
    assert areas(values, shares >= 0.5) == pytest.approx([auroc(one, shares) for one in values])
    for size in (2, 5, 30):
        found, truth = rng.normal(size=(2, size)).round(1)
        assert rank_correlation(found, truth) == pytest.approx(spearman(found, truth))
    assert math.isnan(rank_correlation(np.ones(3), np.arange(3.0)))


def test_a_summary_has_means_with_intervals_over_images():
    values = {0: [0.9, 0.8], 1: [0.7], 2: [0.6, 0.5]}
    given = [{"method": "ours", "metric": LOCATIONS, "image": i, "value": v} for i, vs in values.items() for v in vs]
    rows = summarise(at(given, names_of("a", "a"), **FIELDS), 0)
    assert tuple(rows.columns) == ROWS and rows["layer"].tolist() == ["a", ADVISED]
    assert rows["value"].tolist() == pytest.approx([0.7, 0.7]) and rows["images"].tolist() == [3, 3]
    assert (rows["low"] < 0.7).all() and (rows["high"] > 0.7).all() and rows["low"].min() >= 0.5
    assert names_of("a", "b") == ["a"] and summarise([], 0).empty


def test_streets_alone_have_all_concepts_together():
    given = [
        one
        for concept, value in (("car", 0.4), ("sky", 0.8))
        for one in at(
            [{"method": "ours", "metric": LOCATIONS, "image": image, "value": value} for image in range(3)],
            ["a"],
            **{**FIELDS, "experiment": "streets", "concept": concept},
        )
    ]
    rows = summarise(given, 0).set_index("concept")
    assert rows["value"].to_dict() == pytest.approx({"car": 0.4, "sky": 0.8, "all": 0.6})
    assert rows.loc["all", "images"] == 3
    horses = summarise([{**one, "experiment": "horses"} for one in given], 0)
    assert horses["concept"].tolist() == ["car", "sky"]


def test_other_statistics_are_of_columns():
    truth = [1.0, 2, 3, -4]
    given = [
        {"method": "ours", "metric": metric, "image": i, "value": v, "truth": t, "stratum": 0.0}
        for metric in (SPEARMAN, SIGN, IMAGE)
        for i, (v, t) in enumerate(zip([2.0, 3, 4, 1], truth, strict=True))
    ]
    rows = summarise(at(given, ["a"], **FIELDS), 0).set_index("metric")["value"]
    assert rows[SPEARMAN] == pytest.approx(1) and rows[SIGN] == 0.75 and rows[IMAGE] == 1
