"""Every solver against an answer that shares no code with it, in float64."""

import numpy as np
import pytest
import sklearn.covariance
from scipy.optimize import minimize
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import Ridge as SklearnRidge
from sklearn.linear_model import RidgeClassifier

from sacv.solvers import LDA, LinearSVM, Logistic, MeanDifference, MomentSolver, Ridge, Sklearn
from sacv.solvers.lda import oas
from sacv.stats import Moments
from solvers.table import TABLE, name, sets, solve

seeds = pytest.mark.parametrize("seed", range(3))


def unit(vector):
    return vector / np.linalg.norm(vector)


def labelled(concept, random):
    """All vectors, and 1 for the concept, 0 for random."""
    return np.concatenate([concept, random]), np.r_[np.ones(len(concept)), np.zeros(len(random))]


def centred(concept, random):
    """All vectors, each from the mean of its own set."""
    return np.concatenate([concept - concept.mean(0), random - random.mean(0)])


def within(concept, random):
    """W of the docstrings: the covariance about the mean of each set, pooled by number of locations."""
    values = centred(concept, random)
    return values.T @ values / len(values)


def standardised(concept, random):
    """Over both sets, each of which weighs the same in all: the values, their scale, the signs and the weights."""
    values, labels = labelled(concept, random)
    weight = np.where(labels == 1, len(values) / (2 * len(concept)), len(values) / (2 * len(random)))
    mean = (weight[:, None] * values).sum(0) / weight.sum()
    scale = np.sqrt((weight[:, None] * (values - mean) ** 2).sum(0) / weight.sum())
    return (values - mean) / scale, scale, 2 * labels - 1, weight


def minimum(loss, channels):
    return minimize(loss, np.zeros(channels + 1), method="BFGS", options={"gtol": 1e-9, "maxiter": 1000}).x


# Closed forms


@seeds
def test_mean_difference_is_the_difference_of_means(seed):
    concept, random = sets(seed)
    want = unit(concept.mean(0) - random.mean(0))
    np.testing.assert_allclose(solve(MeanDifference(), concept, random), want, rtol=0, atol=1e-14)


@seeds
@pytest.mark.parametrize("count", [80, 7])
def test_lda_without_shrinkage_is_parallel_to_least_squares_on_labels(seed, count):
    concept, random = sets(seed, count=count)
    values, labels = labelled(concept, random)
    weights = np.linalg.lstsq(np.column_stack([values, np.ones(len(values))]), labels)[0][:-1]
    np.testing.assert_allclose(solve(LDA(0.0), concept, random), unit(weights), rtol=0, atol=1e-7)


@seeds
@pytest.mark.parametrize("shrinkage", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("solver", ["lsqr", "eigen"])
def test_lda_is_that_of_sklearn(seed, shrinkage, solver):
    """Priors as the sets' sizes, as by default, make its covariance the one pooled by number of locations."""
    concept, random = sets(seed)
    values, labels = labelled(concept, random)
    model = LinearDiscriminantAnalysis(solver=solver, shrinkage=shrinkage or None).fit(values, labels)
    np.testing.assert_allclose(solve(LDA(shrinkage), concept, random), unit(model.coef_[0]), rtol=0, atol=1e-8)


@seeds
@pytest.mark.parametrize("shrinkage", [0.0, 0.1, 0.5, 1.0])
def test_lda_is_its_formula(seed, shrinkage):
    concept, random = sets(seed)
    pooled = within(concept, random)
    matrix = (1 - shrinkage) * pooled + shrinkage * np.trace(pooled) / 6 * np.eye(6)
    want = unit(np.linalg.solve(matrix, concept.mean(0) - random.mean(0)))
    np.testing.assert_allclose(solve(LDA(shrinkage), concept, random), want, rtol=0, atol=1e-8)


def test_full_shrinkage_is_the_difference_of_means():
    np.testing.assert_allclose(solve(LDA(1.0), *sets()), solve(MeanDifference(), *sets()), rtol=0, atol=1e-12)


@seeds
@pytest.mark.parametrize(("channels", "count"), [(6, 80), (6, 5), (40, 12)])
def test_oas_is_that_of_sklearn(seed, channels, count):
    """Of the vectors about the mean of their own set, counting every one of them as sklearn does."""
    concept, random = sets(seed, channels=channels, count=count)
    _, want = sklearn.covariance.oas(centred(concept, random), assume_centered=True)
    found = oas(Moments.of(concept).within(Moments.of(random)))
    assert found == pytest.approx(want, rel=1e-9)
    direction = solve(LDA(want), concept, random)
    np.testing.assert_allclose(solve(LDA("oas"), concept, random), direction, rtol=0, atol=1e-9)


def test_oas_shrinks_all_the_way_where_all_channels_vary_alike():
    vectors = np.concatenate([np.eye(4), -np.eye(4)])
    assert oas(Moments.of(vectors)) == 1.0


@seeds
@pytest.mark.parametrize("alpha", [0.01, 1.0, 100.0])
@pytest.mark.parametrize(("channels", "count"), [(6, 80), (40, 12)])
def test_ridge_is_that_of_sklearn(seed, alpha, channels, count):
    """With l = alpha n tr W / channels for the sum of squares over locations, as in the docstring."""
    concept, random = sets(seed, channels=channels, count=count)
    values, labels = labelled(concept, random)
    strength = alpha * len(values) * np.trace(within(concept, random)) / channels
    model = SklearnRidge(alpha=strength, solver="svd").fit(values, labels)
    np.testing.assert_allclose(solve(Ridge(alpha), concept, random), unit(model.coef_), rtol=0, atol=1e-8)


@pytest.mark.parametrize("alpha", [0.01, 0.3, 1.0, 20.0])
def test_ridge_is_parallel_to_lda(alpha):
    one, other = solve(Ridge(alpha), *sets()), solve(LDA(alpha / (1 + alpha)), *sets())
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-12)


def test_ridge_tends_to_lda_without_shrinkage():
    exact = solve(LDA(0.0), *sets())
    apart = [np.abs(solve(Ridge(alpha), *sets()) - exact).max() for alpha in (1e-1, 1e-3, 1e-5, 1e-9)]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 1e-8


@seeds
def test_more_channels_than_vectors_are_the_limit_of_a_small_ridge(seed):
    """What the difference has outside all that varies within the sets is all that is left in the limit."""
    concept, random = sets(seed, channels=60, count=10)
    difference = concept.mean(0) - random.mean(0)
    _, spread, axes = np.linalg.svd(centred(concept, random))
    varying = axes[: int((spread > 1e-9 * spread[0]).sum())]
    limit = unit(difference - varying.T @ (varying @ difference))
    found = solve(LDA(0.0), concept, random)
    np.testing.assert_allclose(found, limit, rtol=0, atol=5e-6)
    apart = [np.abs(solve(Ridge(alpha), concept, random) - found).max() for alpha in (1e-2, 1e-4, 1e-6, 1e-8)]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 5e-6


# Many at once


@pytest.mark.parametrize("row", [row for row in TABLE if isinstance(row.solver, MomentSolver)], ids=name)
def test_directions_of_many_differences_are_those_of_each(row):
    """With the scatter that they share: here that of sets which are moved, so that their means differ."""
    concept, random = sets()
    moves = np.random.default_rng(0).standard_normal((5, 6))
    differences = concept.mean(0) + moves - random.mean(0)
    asked = []

    def shared():
        asked.append(1)
        return Moments.of(concept).within(Moments.of(random))

    found = row.solver.directions(differences, shared)
    assert found.shape == (5, 6)
    assert len(asked) == (0 if row.solver == MeanDifference() else 1)
    for direction, difference, move in zip(found, differences, moves, strict=True):
        assert direction @ difference > 0
        want = solve(row.solver, concept + move, random)
        np.testing.assert_allclose(unit(direction), want, rtol=0, atol=1e-10)


# Searches


@seeds
@pytest.mark.parametrize("C", [1.0, 0.01])
def test_logistic_minimises_its_formula(seed, C):
    concept, random = sets(seed, shift=0.4)
    values, scale, sign, weight = standardised(concept, random)

    def loss(found):
        margin = sign * (values @ found[:-1] + found[-1])
        return 0.5 * found[:-1] @ found[:-1] + C * np.sum(weight * np.logaddexp(0, -margin))

    want = unit(minimum(loss, 6)[:-1] / scale)
    np.testing.assert_allclose(solve(Logistic(C=C), concept, random), want, rtol=0, atol=1e-6)


@seeds
@pytest.mark.parametrize("C", [1.0, 0.01])
def test_linear_svm_minimises_its_formula(seed, C):
    """The intercept b is penalised too, as in the formula."""
    concept, random = sets(seed, shift=0.4)
    values, scale, sign, weight = standardised(concept, random)

    def loss(found):
        margin = sign * (values @ found[:-1] + found[-1])
        return 0.5 * found @ found + C * np.sum(weight * np.maximum(0, 1 - margin) ** 2)

    want = unit(minimum(loss, 6)[:-1] / scale)
    np.testing.assert_allclose(solve(LinearSVM(C=C), concept, random), want, rtol=0, atol=1e-5)


@seeds
def test_an_estimator_of_sklearn_minimises_its_formula(seed):
    """Ridge regression on standardised locations and signs, by its normal equations."""
    concept, random = sets(seed, shift=0.4)
    values, scale, sign, weight = standardised(concept, random)
    gram = (values * weight[:, None]).T @ values + 7.0 * np.eye(6)
    want = unit(np.linalg.solve(gram, values.T @ (weight * sign)) / scale)  # the weighted means are 0: no intercept
    found = solve(Sklearn(RidgeClassifier(alpha=7.0, solver="lsqr", tol=1e-12)), concept, random)
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-9)
