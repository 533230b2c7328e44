"""Units and folds: bounded in number, and for an image of a large set decided by its content alone."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sacv.cav import membership
from sacv.cav.membership import SetPlan, Units, all_units, set_units
from sacv.concepts import ImageItem


def digests(count, first=0):
    return [hashlib.sha256(str(number).encode()).hexdigest() for number in range(first, first + count)]


def set_plan(hashes, marked=False, **options):
    items = tuple(ImageItem(digest[:6], digest, lambda: None) for digest in hashes)
    return SetPlan(items, ({"layer": np.ones(1)} if marked else None,) * len(items), **options)


@given(st.integers(2, 1024), st.integers(2, 6))
def test_images_of_a_set_that_is_not_large_stand_alone(count, folds):
    units = set_units(digests(count), folds, 0, {})
    assert units.of_image.tolist() == list(range(count)) and units.sizes.tolist() == [1] * count
    counts = np.bincount(units.folds)
    assert np.ptp(counts) <= 1 and len(counts) == min(folds, count)


@pytest.mark.parametrize("count", [1025, 5000])
def test_units_of_a_large_set_are_bounded(count):
    units = set_units(digests(count), 5, 0, {})
    assert len(units.folds) <= 1024 and units.sizes.sum() == count
    assert (units.sizes == 1).sum() >= 512, "as many stand alone as random sets are drawn from"
    assert units.firsts.tolist() == [units.of_image.tolist().index(unit) for unit in range(len(units.folds))]
    images = np.bincount(units.folds[units.of_image])
    assert len(images) == 5 and images.min() > 0.8 * count / 5


def test_the_content_of_an_image_decides_where_it_belongs():
    """In whatever order, and beside whatever others, so that what is marked of a photo has the fold of its rest."""
    hashes = digests(3000)
    one, other = set_units(hashes, 5, 0, {}), set_units(hashes[1000:][::-1], 5, 7, {})
    fold = dict(zip(hashes, one.folds[one.of_image].tolist(), strict=True))
    again = dict(zip(hashes[1000:][::-1], other.folds[other.of_image].tolist(), strict=True))
    assert all(fold[digest] == again[digest] for digest in again)
    alone = {digest for digest, unit in zip(hashes, one.of_image, strict=True) if one.sizes[unit] == 1}
    assert set(sorted(hashes)[:512]) <= alone


def test_folds_that_are_given_are_had():
    hashes = digests(2000)
    known = {digest: number % 5 for number, digest in enumerate(hashes[:300])}
    units = set_units(hashes, 5, 0, known)
    fold = dict(zip(hashes, units.folds[units.of_image].tolist(), strict=True))
    assert all(fold[digest] == known[digest] for digest in known) and len(units.folds) <= 1024 + 300


@pytest.mark.parametrize("count", [40, 1500])
def test_what_is_marked_and_its_rest_have_the_same_folds(count):
    hashes = digests(count)
    sets = [set_plan(hashes, marked=True), set_plan(digests(60, 10_000)), set_plan(hashes[5:], follows=0)]
    sets.append(set_plan(digests(60, 10_000), marked=True, means_only=True, follows=1))
    units = all_units(sets, 5, 0)
    folds = [
        dict(zip((item.digest for item in entry.items), its.folds[its.of_image].tolist(), strict=True))
        for entry, its in zip(sets, units, strict=True)
    ]
    assert all(folds[0][digest] == fold for digest, fold in folds[2].items())
    assert units[3] is units[1], "a pool seen through masks is the pool"


def test_folds_of_a_plan_are_taken_as_they_are():
    hashes = digests(6)
    (units,) = all_units([set_plan(hashes, folds=(2, 0, 1, 1, 0, 2))], 3, 0)
    assert units.folds[units.of_image].tolist() == [2, 0, 1, 1, 0, 2]


def test_units_alone():
    assert Units.alone(3).sizes.tolist() == [1, 1, 1] and Units.alone(0).firsts.tolist() == []


def test_groups_are_of_about_one_size():
    units = set_units(digests(20_000), 5, 0, {})
    sizes = Counter(units.sizes.tolist())
    assert sizes[1] == membership.ALONE
    assert 15 < min(size for size in sizes if size > 1) and max(sizes) < 75
