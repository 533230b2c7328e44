"""Concepts that go with a column of their table, and fits within its strata."""

from dataclasses import replace

import numpy as np
import pytest

import sacv
from cav.planted import assert_same_cav, mean_of, noise, planted_model, unit
from sacv.cav.strata import Association, match_weights
from sacv.concepts import ImageSet, Labelled, image_set
from sacv.errors import ImageSetError, OptionError
from sacv.solvers import MeanDifference

COUNT = 40
MODEL = planted_model(3)
SHOWN = [*range(12), 20, 21, 22, 23]
SITES = ["left"] * 18 + ["right"] * 22
"""Of the first 18 images 12 show the concept, of the other 22 four do."""


def table(shown=SHOWN, columns=None):
    images = noise(COUNT, 3, 3, 0)
    columns = {"site": SITES} if columns is None else columns
    items = image_set("table", images).items
    for number, item in enumerate(items):
        item.strata = {column: values[number] for column, values in columns.items()}
    sides = [tuple(items[number] for number in range(COUNT) if (number in shown) is wanted) for wanted in (True, False)]
    return {"a": Labelled(*(ImageSet("a", side) for side in sides), 0)}


def fit(concepts, random=(), **options):
    options = {"runs": 3, "nulls": 9, "solver": MeanDifference(), "locations": 99, **options}
    return sacv.fit(MODEL, ["layer"], concepts, random, **options)


def cells(numbers):
    return noise(COUNT, 3, 3, 0).flatten(2).transpose(1, 2).numpy()[list(numbers)]


def test_the_card_says_how_a_concept_goes_with_a_column(tmp_path):
    bank = fit(table())
    (found,) = bank.cav("layer", "a").quality.strata
    assert [(one.value, one.images, one.others) for one in found.strata] == [("left", 12, 6), ("right", 4, 18)]
    assert 0.3 < found.cramers_v < 0.7 and found.interval[0] < found.cramers_v < found.interval[1]
    assert found.overlap == 10 and found.separable
    bank.save(tmp_path / "bank")
    assert sacv.ConceptBank.load(tmp_path / "bank").cav("layer", "a").quality == bank.cav("layer", "a").quality


def test_without_strata_nothing_is_said_and_nothing_changes(tmp_path):
    plain, told = fit(table(columns={})), fit(table())
    assert plain.cav("layer", "a").quality.strata == ()
    assert_same_cav(
        plain.cav("layer", "a"),
        replace(told.cav("layer", "a"), quality=replace(told.cav("layer", "a").quality, strata=())),
    )
    plain.save(tmp_path / "bank")
    assert '"strata"' not in (tmp_path / "bank" / "bank.json").read_text()


def test_an_empty_cell_is_a_stratum_by_itself():
    sites = ["" if number % 5 == 0 else site for number, site in enumerate(SITES)]
    (found,) = fit(table(columns={"site": sites})).cav("layer", "a").quality.strata
    assert [one.value for one in found.strata] == ["left", "no value", "right"]


def test_a_concept_that_is_the_column_is_not_separable():
    sites = ["m" if number in SHOWN else "n" for number in range(COUNT)]
    (found,) = fit(table(columns={"diagnosis": sites})).cav("layer", "a").quality.strata
    assert isinstance(found, Association) and not found.separable and "cannot be distinguished" in str(found)


def test_groups_of_images_that_differ_are_a_stratum_by_themselves():
    concepts = table()
    for side in (concepts["a"].images, concepts["a"].others):
        for number, item in enumerate(side):
            item.group = f"{side is concepts['a'].images}/{number // 5}"
    (found,) = fit(concepts).cav("layer", "a").quality.strata
    counts = {one.value: (one.images, one.others) for one in found.strata}
    assert counts == {"left": (2, 1), "right": (1, 3), "several values": (1, 1)}


def test_matched_the_direction_is_the_stratified_difference_of_means():
    bank = fit(table(), match=True)
    others = [number for number in range(COUNT) if number not in SHOWN]
    weights = match_weights([SITES[n] for n in SHOWN], [SITES[n] for n in others])
    sides = [
        np.average([cells([number])[0].mean(axis=0) for number in numbers], axis=0, weights=shares)
        for numbers, shares in zip((SHOWN, others), weights, strict=True)
    ]
    np.testing.assert_allclose(bank.cav("layer", "a").vector, unit(sides[0] - sides[1]), atol=1e-9)
    plain = unit(mean_of(cells(SHOWN)) - mean_of(cells(others)))
    assert abs(bank.cav("layer", "a").vector @ plain) < 0.9999
    assert bank.sets[0].unpaired == 0


def test_matched_images_whose_stratum_has_one_side_are_left_out_and_counted(tmp_path):
    sites = ["only" if number < 5 else site for number, site in enumerate(SITES)]
    bank = fit(table(columns={"site": sites}), match=True)
    assert (bank.sets[0].count, bank.sets[0].unpaired) == (len(SHOWN) - 5, 5)
    bank.save(tmp_path / "bank")
    assert sacv.ConceptBank.load(tmp_path / "bank").sets[0].unpaired == 5


def test_two_concepts_are_matched_each_with_its_own_others():
    one, other = table(), table(shown=[1, 2, 3, 30, 31, 32, 33])
    both = fit({"a": one["a"], "b": other["a"]}, match=True)
    np.testing.assert_allclose(both.cav("layer", "a").vector, fit(one, match=True).cav("layer", "a").vector, atol=1e-9)


@pytest.mark.parametrize(
    ("concepts", "random", "error", "text"),
    [
        (table(columns={}), (), OptionError, "none are given; name columns"),
        ({"a": noise(4, 3, 3, 1)}, noise(6, 3, 3, 2), OptionError, "random set of concept 'a' is not from a table"),
        (
            table(columns={"d": ["m" if number in SHOWN else "n" for number in range(COUNT)]}),
            (),
            ImageSetError,
            "0 of its 16 images and 0 of the 24 other images are in a stratum",
        ),
    ],
)
def test_what_cannot_be_matched(concepts, random, error, text):
    with pytest.raises(error, match=text):
        fit(concepts, random, match=True)
