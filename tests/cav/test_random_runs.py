from itertools import product

import numpy as np
import pytest

import sacv
from cav.planted import assert_drawn_from, cells, halves, mean_of, noise, planted_model, unit
from sacv.cav.random_runs import null_cavs, permuted_cavs, random_runs
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.errors import SolverError
from sacv.maps.significance import NullMaxima
from sacv.solvers import LDA, Logistic, MeanDifference, Ridge
from sacv.stats import LocationSample, Moments
from solvers.table import solve

MOMENT_SOLVERS = [MeanDifference(), LDA(0.1), Ridge(1.0)]
SOLVERS = [*MOMENT_SOLVERS, Logistic(C=0.1)]


def statistics(values, weights=None):
    """Statistics of images `(images, locations, channels)`, all locations sampled."""
    images, places, channels = values.shape
    weights = np.ones((images, places)) if weights is None else weights
    return SetStatistics(
        (Moments.of(values.reshape(-1, channels), weights.ravel()),),
        np.zeros(images, dtype=np.int64),
        ImageMeans.single(
            np.array([np.average(values[i], axis=0, weights=weights[i]) for i in range(images)]), weights.sum(1)
        ),
        LocationSample(values.reshape(-1, channels), np.repeat(np.arange(images), places), weights.ravel()),
    )


def pool_of(count, seed=1, move=(0, 0, 0)):
    """Images `(count, 4, 3)`."""
    return np.random.default_rng(seed).standard_normal((count, 4, 3)) + np.array(move)


def table(drawn):
    """A row for each CAV: vector, threshold, separation."""
    return np.column_stack([drawn.vectors, drawn.thresholds, drawn.separations])


def whitened(solver, difference, *sets):
    """W of all images, whatever is drawn, about the mean of each set."""
    if solver == MeanDifference():
        return unit(difference)
    values = np.concatenate([(one - one.mean(axis=(0, 1))).reshape(-1, one.shape[-1]) for one in sets])
    pooled = values.T @ values / len(values)
    identity = np.trace(pooled) / len(pooled) * np.eye(len(pooled))
    matrix = 0.9 * pooled + 0.1 * identity if isinstance(solver, LDA) else pooled + identity
    return unit(np.linalg.solve(matrix, difference))


# Random runs


@pytest.mark.parametrize("pool", [2, 6, 7])
@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_a_run_is_the_concept_against_a_half_of_the_pool(solver, pool):
    """Every run is one of those made directly from the activations of some half."""
    concept, random = pool_of(5, 0, move=(2, 0, 1)), pool_of(pool)
    found = random_runs(solver, statistics(concept), statistics(random), 30, np.random.default_rng(0))
    rows = []
    for half in halves(pool, pool // 2):
        inside, outside = mean_of(concept), mean_of(random[half])
        vector = (
            solve(solver, concept.reshape(-1, 3), random[half].reshape(-1, 3))
            if isinstance(solver, Logistic)
            else whitened(solver, inside - outside, concept, random)
        )
        rows.append([*vector, vector @ (inside + outside) / 2, vector @ (inside - outside)])
    assert len(found) == 30 and found.vectors.shape == (30, 3)
    assert found.thresholds.shape == found.separations.shape == (30,) and found.separations.min() > 0
    np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, rtol=1e-12)
    atol = 1e-6 if isinstance(solver, Logistic) else 1e-12
    assert_drawn_from(table(found), np.array(rows), atol)


def test_halves_of_the_pool_are_drawn_evenly():
    """With the mean of each image apart from all others', a run shows which images it was drawn from."""
    random = np.eye(6)[:, None] * np.ones((6, 4, 1))
    found = random_runs(
        MeanDifference(), statistics(np.zeros((2, 4, 6))), statistics(random), 600, np.random.default_rng(0)
    )
    drawn = found.vectors < -1e-9
    assert (drawn.sum(axis=1) == 3).all()
    # 300 of 600 are expected of each image; the standard deviation is 12.
    assert np.abs(drawn.sum(axis=0) - 300).max() < 60
    assert len({tuple(row) for row in drawn.tolist()}) == 20


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
@pytest.mark.parametrize("sizes", [(4, 3), (2, 1, 4), (7,)])
def test_each_part_of_the_pool_is_halved(solver, sizes):
    """And every choice of halves may be drawn; a part of one image is drawn whole."""
    concept, random = pool_of(5, 0, move=(2, 0, 1)), pool_of(7)
    weights = np.concatenate([np.full((size, 4), 0.5 + part) for part, size in enumerate(sizes)])
    found = random_runs(
        solver, statistics(concept), statistics(random, weights), 60, np.random.default_rng(0), parts=sizes
    )
    starts = [sum(sizes[:part]) for part in range(len(sizes))]
    choices = [
        [start + index for start, half in zip(starts, chosen, strict=True) for index in half]
        for chosen in product(*(halves(size, max(size // 2, 1)) for size in sizes))
    ]
    rows = []
    for chosen in choices:
        inside, outside = mean_of(concept), mean_of(random[chosen], weights[chosen])
        if isinstance(solver, Logistic):
            its = (np.ones(20), weights[chosen].ravel())
            vector = solve(solver, concept.reshape(-1, 3), random[chosen].reshape(-1, 3), its)
        else:
            within = statistics(concept).total().within(statistics(random, weights).total())
            vector = unit(solver.directions((inside - outside)[None], lambda within=within: within)[0])
        rows.append([*vector, vector @ (inside + outside) / 2, vector @ (inside - outside)])
    assert_drawn_from(table(found), np.array(rows), 1e-6 if isinstance(solver, Logistic) else 1e-12)
    nearest = np.abs(table(found)[:, None] - np.array(rows)[None]).max(axis=2).argmin(axis=1)
    assert len(set(nearest.tolist())) > 0.7 * len(choices)


def test_a_pool_of_one_part_is_halved_as_ever():
    solver, sides = MeanDifference(), (statistics(pool_of(5, 0, move=(2, 0, 1))), statistics(pool_of(7)))
    found = [random_runs(solver, *sides, 9, np.random.default_rng(3), parts=parts) for parts in (None, (7,))]
    np.testing.assert_array_equal(table(found[0]), table(found[1]))


def test_images_weigh_by_their_locations():
    rng = np.random.default_rng(0)
    concept, random = pool_of(3, 0, move=(2, 0, 1)), pool_of(4)
    weights = [rng.uniform(0.1, 1, values.shape[:2]) for values in (concept, random)]
    found = random_runs(
        MeanDifference(), statistics(concept, weights[0]), statistics(random, weights[1]), 20, np.random.default_rng(0)
    )
    want = [
        unit(mean_of(concept, weights[0]) - mean_of(random[half], weights[1][half])) for half in halves(4, 2)
    ]  # fmt: skip
    assert_drawn_from(found.vectors, np.array(want))


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_no_runs(solver):
    found = random_runs(solver, statistics(pool_of(5, 0)), statistics(pool_of(6)), 0, np.random.default_rng(0))
    assert len(found) == 0 and table(found).shape == (0, 5)


# The null


@pytest.mark.parametrize(("pool", "size"), [(4, 2), (7, 2), (6, 3), (6, 9)])
@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_a_null_cav_is_some_of_the_pool_against_others(solver, pool, size):
    """As many as the concept has, or half the pool; against half the pool; all of them disjoint."""
    random = pool_of(pool)
    found = null_cavs(solver, statistics(random), None, size, 30, np.random.default_rng(0))
    rows = []
    for inside in halves(pool, min(size, pool // 2)):
        for outside in halves(pool, pool // 2):
            if set(inside) & set(outside):
                continue
            means = mean_of(random[inside]), mean_of(random[outside])
            vector = (
                solve(solver, random[inside].reshape(-1, 3), random[outside].reshape(-1, 3))
                if isinstance(solver, Logistic)
                else whitened(solver, means[0] - means[1], random)
            )
            rows.append([*vector, vector @ (means[0] + means[1]) / 2, vector @ (means[0] - means[1])])
    assert len(found) == 30
    assert_drawn_from(table(found), np.array(rows), 1e-6)


def test_a_null_cav_is_drawn_from_disjoint_images():
    random = np.eye(9)[:, None] * np.ones((9, 4, 1))
    found = null_cavs(MeanDifference(), statistics(random), None, 3, 200, np.random.default_rng(0)).vectors
    inside, outside = found > 1e-9, found < -1e-9
    assert (inside.sum(axis=1) == 3).all() and (outside.sum(axis=1) == 4).all()
    # An image that stood on both sides would have another value than the rest of its side.
    for row, one, other in zip(found, inside, outside, strict=True):
        assert np.ptp(row[one]) < 1e-12 and np.ptp(row[other]) < 1e-12
    assert inside.sum(axis=0).min() > 0 and outside.sum(axis=0).min() > 0


@pytest.mark.parametrize("solver", MOMENT_SOLVERS, ids=repr)
def test_the_null_of_regions_is_seen_through_the_masks(solver):
    """The concept images give their means under its masks; the others, over all."""
    random = pool_of(6)
    masks = np.random.default_rng(0).uniform(0, 1, (6, 4))
    seen = ImageMeans.single(
        np.array([np.average(random[i], axis=0, weights=masks[i]) for i in range(6)]), masks.sum(1)
    )
    found = null_cavs(solver, statistics(random), seen, 2, 30, np.random.default_rng(0))
    rows = []
    for inside in halves(6, 2):
        for outside in halves(6, 3):
            if not set(inside) & set(outside):
                means = mean_of(random[inside], masks[inside]), mean_of(random[outside])
                vector = whitened(solver, means[0] - means[1], random)
                rows.append([*vector, vector @ (means[0] + means[1]) / 2, vector @ (means[0] - means[1])])
    assert_drawn_from(table(found), np.array(rows), 1e-10)


def test_images_that_were_not_seen_through_the_masks_stand_on_the_other_side_only():
    random = statistics(np.eye(6)[:, None] * np.ones((6, 4, 1)))
    seen = ImageMeans.single(random.images.means, np.array([4.0, 0, 4, 0, 4, 4]))
    found = null_cavs(MeanDifference(), random, seen, 2, 60, np.random.default_rng(0)).vectors
    inside = (found > 1e-9).sum(axis=0)
    assert inside[[1, 3]].tolist() == [0, 0] and inside[[0, 2, 4, 5]].min() > 0
    assert (found < -1e-9).sum(axis=0).min() > 0
    once = ImageMeans.single(random.images.means, np.array([4.0, 0, 0, 0, 0, 0]))
    assert len(null_cavs(MeanDifference(), random, once, 2, 60, np.random.default_rng(0))) == 0


def test_the_draws_are_those_of_the_generator():
    random, concept = statistics(pool_of(8)), statistics(pool_of(5, 0) + 1)
    draws = [
        (
            random_runs(MeanDifference(), concept, random, 5, np.random.default_rng(seed)).vectors,
            null_cavs(MeanDifference(), random, None, 3, 5, np.random.default_rng(seed)).vectors,
        )
        for seed in (0, 0, 1)
    ]
    for one, same, other in zip(*draws, strict=True):
        np.testing.assert_array_equal(one, same)
        assert not np.allclose(one, other)


def test_a_pool_in_which_nothing_varies_gives_no_null():
    with pytest.raises(SolverError, match="do not differ"):
        null_cavs(MeanDifference(), statistics(np.ones((6, 4, 3))), None, 2, 3, np.random.default_rng(0))


# Permuted labels


@pytest.mark.slow
@pytest.mark.parametrize("solver", [MeanDifference(), MeanDifference(0.3), Logistic(C=0.1)], ids=repr)
def test_a_deal_is_the_cav_of_a_bank_with_its_labels(solver):
    """In vector, middle, separation and spread, so that CAV and permuted CAVs are exchangeable without a concept."""
    images = noise(7, 3, 3, 4)
    model, rows = planted_model(3), []
    for inside in halves(7, 3):
        outside = [index for index in range(7) if index not in inside]
        wanted = {"solver": solver, "runs": 1, "nulls": 19, "folds": 2, "locations": 99}
        bank = sacv.fit(model, ["layer"], {"c": images[inside]}, images[outside], **wanted)
        (cav,) = bank.cavs
        middle = cav.vector @ bank.statistics["layer", "random"].total().mean + cav.separation / 2
        own = NullMaxima(bank, "layer", [cav]).spreads(cav, cav.permuted)[1]
        rows.append([*cav.vector, middle, cav.separation, own])
    with pytest.warns(DeprecationWarning, match=r"use CAV\.permuted"):
        permuted = cav.dealt
    assert permuted is cav.permuted and len(permuted) == 19
    found = np.column_stack([permuted.vectors, permuted.thresholds, permuted.separations, permuted.spreads])
    assert_drawn_from(found, np.array(rows), 1e-5 if isinstance(solver, Logistic) else 1e-9)


def test_the_spread_is_of_the_locations_that_stand_for_random():
    concept, random = pool_of(3, 0), pool_of(5)
    sets = [statistics(values) for values in (concept, random)]
    found = permuted_cavs(MeanDifference(), *sets, 40, np.random.default_rng(0))
    images, rows = np.concatenate([concept, random]), []
    within = np.mean([np.cov(image.T, bias=True) for image in images], axis=0)
    for outside in halves(8, 5):
        inside = [index for index in range(8) if index not in outside]
        vector = unit(mean_of(images[inside]) - mean_of(images[outside]))
        between = np.var([vector @ image.mean(axis=0) for image in images[outside]])
        rows.append([*vector, np.sqrt(vector @ within @ vector + between)])
    assert_drawn_from(np.column_stack([found.vectors, found.spreads]), np.array(rows), 1e-10)


def test_a_deal_whose_sets_do_not_differ_is_evidence_of_nothing():
    sets = statistics(np.ones((2, 4, 3))), statistics(np.ones((4, 4, 3)))
    for solver in (MeanDifference(), Logistic(C=0.1)):
        found = permuted_cavs(solver, *sets, 5, np.random.default_rng(0))
        assert not found.vectors.any() and not found.separations.any()
        assert np.isfinite(found.separations / found.spreads**2).all()


def test_regions_have_no_permutations():
    images = noise(5, 3, 4, 0, mean=1)
    region = sacv.Region(images, list(np.random.default_rng(0).random((5, 4, 4)) < 0.7))
    options = {"regions": {"x": region}, "nulls": 9, "runs": 1}
    bank = sacv.fit(planted_model(3), ["layer"], {"c": noise(5, 3, 4, 2, mean=1)}, noise(6, 3, 4, 1), **options)
    assert bank.cav("layer", "x").permuted is None and len(bank.cav("layer", "c").permuted) == 9
    assert (bank.cav("layer", "x").null.spreads > 0).all()


# In a bank


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_runs_and_null_of_a_bank(solver):
    """From images to runs: against the activations of every half of the pool."""
    images, random = noise(5, 3, 2, 0, mean=1.0), noise(6, 3, 2, 1)
    cav = sacv.fit(planted_model(3), ["layer"], {"c": images}, random, solver=solver, runs=8, nulls=11).cav(
        "layer", "c"
    )
    assert len(cav.runs) == 7 and cav.runs.vectors.shape == (7, 3)
    assert len(cav.null) == 11 and cav.null.vectors.shape == (11, 3)
    for drawn in (cav.runs, cav.null):
        np.testing.assert_allclose(np.linalg.norm(drawn.vectors, axis=1), 1, rtol=1e-12)
    concept, pool = cells(images), cells(random)
    if isinstance(solver, Logistic):
        runs = [solve(solver, concept.reshape(-1, 3), pool[half].reshape(-1, 3)) for half in halves(6, 3)]
        others = [[index for index in range(6) if index not in half] for half in halves(6, 3)]
        nulls = [
            solve(solver, pool[half].reshape(-1, 3), pool[other].reshape(-1, 3))
            for half, other in zip(halves(6, 3), others, strict=True)
        ]
    else:
        runs = [whitened(solver, mean_of(concept) - mean_of(pool[half]), concept, pool) for half in halves(6, 3)]
        nulls = [whitened(solver, 2 * (mean_of(pool[half]) - mean_of(pool)), pool) for half in halves(6, 3)]
    assert_drawn_from(cav.runs.vectors, np.array(runs), 1e-6)
    assert_drawn_from(cav.null.vectors, np.array(nulls), 1e-6)
    cosines = cav.runs.vectors @ cav.runs.vectors.T
    assert cav.quality.run_cosine == pytest.approx((cosines.sum() - 7) / (7 * 6))


@pytest.mark.parametrize(
    ("solver", "runs", "nulls"),
    [(MeanDifference(), 20, 199), (LDA(), 20, 199), (Logistic(C=0.1), 5, 19)],
    ids=repr,
)
@pytest.mark.parametrize("normalise", [False, True])
def test_how_many_are_drawn_if_nothing_is_said(solver, runs, nulls, normalise):
    solver = sacv.solvers.UnitLength(solver) if normalise else solver
    bank = sacv.fit(planted_model(3), ["layer"], {"c": noise(4, 3, 2, 0, mean=1)}, noise(6, 3, 2, 1), solver=solver)
    cav = bank.cav("layer", "c")
    assert (bank.runs, bank.nulls) == (runs, nulls)
    assert (len(cav.runs), len(cav.null)) == (runs - 1, nulls)


def test_one_run_has_no_cosine_and_small_pools_have_no_null():
    concept = noise(4, 3, 2, 0, mean=1)
    for runs in (1, 2):
        bank = sacv.fit(planted_model(3), ["layer"], {"c": concept}, noise(3, 3, 2, 1), runs=runs)
        assert bank.cav("layer", "c").quality.run_cosine is None
        assert bank.cav("layer", "c").null.vectors.shape == (0, 3)
    none = sacv.fit(planted_model(3), ["layer"], {"c": concept}, noise(9, 3, 2, 1), nulls=0).cav("layer", "c")
    assert table(none.null).shape == (0, 5)


def test_concepts_of_as_many_images_share_their_null():
    concepts = {"a": noise(4, 3, 2, 0, mean=1), "b": noise(4, 3, 2, 5, mean=-1), "c": noise(3, 3, 2, 6, mean=1)}
    bank = sacv.fit(planted_model(3), ["layer"], concepts, noise(9, 3, 2, 1))
    a, b, c = (bank.cav("layer", name).null.vectors for name in "abc")
    np.testing.assert_array_equal(a, b)
    assert not np.allclose(a, c)
