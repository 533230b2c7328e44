"""Units and folds: bounded in number, and for an image of a large set decided by its content alone."""

import hashlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sacv.cav import membership
from sacv.cav.membership import SetPlan, Units, all_units, set_units
from sacv.concepts import ImageItem
from sacv.errors import ImageSetError


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
def test_what_is_annotated_and_its_rest_have_the_same_folds(count):
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


# Groups


def of_groups(hashes, groups, marked=False, **options):
    items = tuple(
        ImageItem(digest[:6], digest, lambda: None, group=group) for digest, group in zip(hashes, groups, strict=True)
    )
    return SetPlan(items, ({"layer": np.ones(1)} if marked else None,) * len(items), **options)


def unit_of(entry, units):
    return dict(zip((item.digest for item in entry.items), units.of_image.tolist(), strict=True))


@given(st.data())
def test_folds_never_split_a_group_in_all_sets(data):
    """Nor units, of whatever sizes, with images of no group among them."""
    pool = [(digest, data.draw(st.sampled_from([None, *"abcdefghij"]))) for digest in digests(40)]
    sets = []
    for marked in (True, False, False):
        chosen = data.draw(st.lists(st.sampled_from(pool), min_size=4, max_size=30, unique=True))
        sets.append(of_groups(*zip(*chosen, strict=True), marked=marked))
    sets.append(of_groups(*zip(*[(item.digest, item.group) for item in sets[0].items], strict=True), follows=0))
    sets.append(of_groups(*zip(*[(i.digest, i.group) for i in sets[1].items], strict=True), means_only=True, follows=1))
    assume(all(len({item.group or item.digest for item in entry.items}) > 1 for entry in sets))
    fold_of, found = {}, all_units(sets, 5, data.draw(st.integers(0, 3)))
    for entry, its in zip(sets, found, strict=True):
        things = [item.group or item.digest for item in entry.items]
        assert len(set(its.folds.tolist())) > 1
        assert its.sizes.sum() == len(set(things)) and its.images.sum() == len(things)
        assert len(set(zip(things, its.of_image.tolist(), strict=True))) == len(set(things)) == len(its.folds)
        # images of no group, where there are groups of several, are held to one fold as well
        if membership.group_keys(sets):
            for thing, fold in zip(things, its.folds[its.of_image].tolist(), strict=True):
                assert fold_of.setdefault(thing, fold) == fold
    assert found[4] is found[1]


@pytest.mark.parametrize("counts", [(40, 60), (200, 1500)])
def test_groups_of_one_image_each_are_no_groups(counts):
    hashes = digests(sum(counts))
    parts = [hashes[: counts[0]], hashes[counts[0] :], hashes[5 : counts[0]]]
    options = [{"marked": True}, {}, {"follows": 0}]
    plain = all_units([set_plan(its, **one) for its, one in zip(parts, options, strict=True)], 5, 0)
    named = all_units(
        [of_groups(its, [f"of {x}" for x in its], **one) for its, one in zip(parts, options, strict=True)], 5, 0
    )
    for one, other in zip(plain, named, strict=True):
        np.testing.assert_array_equal(one.of_image, other.of_image)
        np.testing.assert_array_equal(one.folds, other.folds)
        np.testing.assert_array_equal(one.sizes, other.sizes)


def test_the_order_of_images_within_a_group_changes_nothing():
    hashes, groups = digests(60), [str(number % 13) for number in range(60)]
    swapped = list(hashes)
    swapped[0], swapped[13], swapped[5], swapped[57] = hashes[13], hashes[0], hashes[57], hashes[5]
    one, other = (
        all_units([of_groups(its, groups), of_groups(its[:30], groups[:30])], 5, 0) for its in (hashes, swapped)
    )
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left.of_image, right.of_image)
        np.testing.assert_array_equal(left.folds, right.folds)


def test_very_many_groups_are_bundled_by_their_hash_and_fold():
    hashes = digests(6000)
    groups = [f"patient {number // 3}" for number in range(6000)]
    sets = [of_groups(hashes[:90], groups[:90]), of_groups(hashes, groups)]
    few, many = all_units(sets, 5, 0)
    assert few.sizes.tolist() == [1] * 30 and few.images.tolist() == [3] * 30
    assert len(many.folds) <= 1024 and many.sizes.sum() == 2000 and many.images.sum() == 6000
    assert (many.sizes == 1).sum() >= 512
    np.testing.assert_array_equal(many.of_image[::3], many.of_image[2::3])
    assert np.bincount(many.folds[many.of_image]).min() > 0.9 * 1200
    np.testing.assert_array_equal(few.folds[few.of_image], many.folds[many.of_image][:90])


def test_groups_that_no_folds_can_part_are_an_error():
    hashes = digests(6)
    sets = [of_groups([hashes[a], hashes[b]], "xyz"[a] + "xyz"[b]) for a, b in ((0, 1), (1, 2))]
    sets += [of_groups([hashes[3], hashes[5]], "xz")]
    with pytest.raises(ImageSetError, match=r"groups of a set \(., .\) are in other sets too, and 2 folds cannot"):
        all_units(sets, 2, 0)
    assert all(len(set(its.folds.tolist())) == 2 for its in all_units(sets, 3, 0))
