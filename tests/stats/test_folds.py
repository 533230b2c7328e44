import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sacv.stats import assign_folds

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
def test_known_folds_are_kept_and_the_rest_is_even(free, fixed, folds, seed):
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
