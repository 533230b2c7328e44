import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sacv.stats import assign_folds, common_folds

seeds = st.integers(0, 1000)


def digests(count, start=0):
    return [f"{number:064x}" for number in range(start, start + count)]


@settings(deadline=None)
@given(st.integers(2, 200), st.integers(2, 10), seeds)
def test_folds_are_even_and_all_used(images, folds, seed):
    """With fewer images than folds, each image has a fold of its own."""
    assigned = assign_folds(digests(images), folds, np.random.default_rng(seed))
    assert assigned.dtype == np.int64 and assigned.shape == (images,)
    counts = np.bincount(assigned)
    assert len(counts) == min(images, folds)
    assert counts.max() - counts.min() <= 1


@settings(deadline=None)
@given(st.integers(2, 50), st.integers(2, 10), seeds)
def test_the_same_seed_gives_the_same_folds(images, folds, seed):
    one, two = (assign_folds(digests(images), folds, np.random.default_rng(seed)) for _ in range(2))
    np.testing.assert_array_equal(one, two)


def test_another_seed_shuffles_otherwise():
    found = {tuple(assign_folds(digests(20), 5, np.random.default_rng(seed)).tolist()) for seed in range(5)}
    assert len(found) == 5


@settings(deadline=None)
@given(st.integers(1, 30), st.integers(0, 30), st.integers(2, 10), seeds)
def test_known_folds_do_not_change_and_the_rest_is_even(free, fixed, folds, seed):
    rng = np.random.default_rng(seed)
    names = digests(free + fixed)
    known = {name: int(rng.integers(folds)) for name in names[:fixed]} | {"of another set": 1}
    order = rng.permutation(len(names))
    assigned = assign_folds([names[index] for index in order], folds, rng, known)
    by_name = dict(zip((names[index] for index in order), assigned.tolist(), strict=True))
    assert all(by_name[name] == known[name] for name in names[:fixed])
    counts = np.bincount([by_name[name] for name in names[fixed:]], minlength=min(folds, len(names)))
    assert counts.max() - counts.min() <= 1
    assert assigned.min() >= 0 and assigned.max() < folds


@given(
    st.lists(st.lists(st.integers(0, 40), min_size=2, max_size=30, unique=True), min_size=1, max_size=6),
    st.integers(3, 6),
    st.integers(0, 9),
)
def test_common_folds_are_one_for_each_thing_and_part_every_set(sets, folds, seed):
    named = [[str(thing) for thing in its] for its in sets]
    found = common_folds(named, folds, np.random.default_rng(seed))
    assert set(found) == {thing for its in named for thing in its} and set(found.values()) <= set(range(folds))
    smallest = min(named, key=len)
    counts = np.bincount([found[thing] for thing in smallest], minlength=folds)
    assert np.ptp(counts) <= 1, "the smallest set is as even as can be"


def test_common_folds_of_sets_apart_are_even_and_those_of_a_set_and_its_parts_too():
    whole = [str(thing) for thing in range(200)]
    for sets in ([whole, [f"{thing} apart" for thing in range(33)]], [whole, whole[:20], whole[20:60], whole[10:15]]):
        found = common_folds(sets, 5, np.random.default_rng(0))
        for its in sets:
            assert np.ptp(np.bincount([found[thing] for thing in its], minlength=5)) <= 1 + (len(sets) - 1)


def test_pairs_of_three_are_parted_by_three_folds():
    """So that no set is left in one fold because its groups are in others too."""
    for seed in range(20):
        found = common_folds([["a", "b"], ["b", "c"], ["a", "c"]], 3, np.random.default_rng(seed))
        assert len(set(found.values())) == 3
