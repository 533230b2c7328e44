"""One table of solvers drives every test."""

import json

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.tree import DecisionTreeClassifier

from sacv.errors import OptionError, SolverError
from sacv.solvers import (
    DEFAULT,
    LDA,
    Evidence,
    LinearSVM,
    Logistic,
    MeanDifference,
    MomentSolver,
    Ridge,
    Sklearn,
    UnitLength,
    rebuild,
    unit,
)
from sacv.solvers.lda import oas
from sacv.stats import LocationSample, Moments
from solvers.table import TABLE, name, sets, solution, solve

each = pytest.mark.parametrize("row", TABLE, ids=name)


# Laws


@each
@pytest.mark.parametrize("seed", range(3))
def test_norm_is_one_and_sign_is_to_the_concept(row, seed):
    concept, random = sets(seed)
    vector = solve(row.solver, concept, random)
    assert vector.dtype == np.float64 and vector.shape == (6,)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-12)
    assert vector @ (concept.mean(0) - random.mean(0)) > 0
    np.testing.assert_allclose(solve(row.solver, random, concept), -vector, rtol=0, atol=10 * row.tolerance)


@each
def test_order_of_locations_does_not_matter(row):
    concept, random = sets()
    rng = np.random.default_rng(5)
    again = solve(row.solver, concept[rng.permutation(len(concept))], random[rng.permutation(len(random))])
    np.testing.assert_allclose(again, solve(row.solver, concept, random), rtol=0, atol=row.tolerance)


@each
def test_order_of_channels_does_not_matter(row):
    concept, random = sets()
    order = np.random.default_rng(5).permutation(6)
    again = solve(row.solver, concept[:, order], random[:, order])
    np.testing.assert_allclose(again, solve(row.solver, concept, random)[order], rtol=0, atol=row.tolerance)


@each
@pytest.mark.parametrize("scale", [1e-3, 1e3])
def test_scaling_all_channels_alike_changes_nothing(row, scale):
    concept, random = sets()
    again = solve(row.solver, concept * scale, random * scale)
    np.testing.assert_allclose(again, solve(row.solver, concept, random), rtol=0, atol=row.tolerance)


@each
def test_scaling_channels_differently(row):
    """Least squares and solvers on standardised activations do not mind the units of a channel; others do."""
    concept, random = sets()
    scales = np.array([0.1, 1, 10, 2, 0.5, 3])
    want = solve(row.solver, concept, random) / scales
    again = solve(row.solver, concept * scales, random * scales)
    apart = np.abs(again - want / np.linalg.norm(want)).max()
    # LDA(0) adds 1e-10 of the mean variance to every channel's; the variances of two channels differ by 1e4 here.
    assert apart < 1e-6 if row.scales else apart > 0.01


@each
def test_moving_all_activations_changes_nothing(row):
    concept, random = sets()
    move = np.array([50, -20, 0, 1, 7, 50])
    again = solve(row.solver, concept + move, random + move)
    np.testing.assert_allclose(again, solve(row.solver, concept, random), rtol=0, atol=row.tolerance)


@each
def test_locations_given_twice(row):
    concept, random = sets()
    twice = np.repeat(concept, 2, axis=0), np.repeat(random, 2, axis=0)
    vector = solve(row.solver, concept, random)
    apart = np.abs(solve(row.solver, *twice) - vector).max()
    assert apart > 1e-5 if row.counts else apart < row.tolerance
    if isinstance(row.solver, LDA) and row.solver.shrinkage == "oas":  # no other "oas" undoes it
        return
    np.testing.assert_allclose(solve(row.for_more(2), *twice), vector, rtol=0, atol=row.tolerance)


@each
def test_float32_vectors_do(row):
    concept, random = (side.astype(np.float32) for side in sets())
    exact = solve(row.solver, concept.astype(np.float64), random.astype(np.float64))
    vector = solve(row.solver, concept, random)
    assert vector.dtype == np.float64
    np.testing.assert_allclose(vector, exact, rtol=0, atol=1e-5)


# Weights of locations


def weights(seed=1):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 4, 89).astype(float), rng.integers(1, 4, 80).astype(float)


@each
def test_weights_of_one_are_no_weights(row):
    concept, random = sets()
    again = solve(row.solver, concept, random, (np.ones(89), np.ones(80)))
    np.testing.assert_array_equal(again, solve(row.solver, concept, random))


@each
def test_a_location_of_weight_two_counts_as_two(row):
    """For solvers that look at the number of locations, the strength of the penalty goes with it."""
    concept, random = sets()
    given = weights()
    repeated = [
        np.repeat(side, weight.astype(int), axis=0) for side, weight in zip((concept, random), given, strict=True)
    ]
    # A penalty's counterpart is a sum over locations in which each set has half the weight.
    times = sum(map(len, repeated)) / (len(concept) + len(random))
    found = solve(row.solver, concept, random, given)
    np.testing.assert_allclose(solve(row.for_more(times), *repeated), found, rtol=0, atol=row.tolerance)
    assert np.abs(found - solve(row.solver, concept, random)).max() > 1e-3


@each
def test_weights_of_a_set_that_are_all_alike(row):
    """Half of every location of the concept: solvers of samples let both sets weigh the same in all cases."""
    concept, random = sets()
    found = solve(row.solver, concept, random, (np.full(89, 0.5), np.ones(80)))
    apart = np.abs(found - solve(row.solver, concept, random)).max()
    pooled = isinstance(row.solver, LDA | Ridge) and row.solver != LDA(1.0)
    assert apart > 1e-5 if pooled else apart < row.tolerance  # W is pooled by number of locations


@each
def test_a_location_of_little_weight_hardly_counts(row):
    concept, random = sets()
    wild = np.concatenate([concept, np.full((1, 6), 40.0)])
    light = np.concatenate([np.ones(89), [1e-9]])
    without = solve(row.for_more(169 / 170), concept, random)
    with_it = solve(row.solver, wild, random, (light, np.ones(80)))
    np.testing.assert_allclose(with_it, without, rtol=0, atol=1e-5)
    assert np.abs(solve(row.solver, wild, random) - without).max() > 1e-3


# Hard cases


@each
@pytest.mark.parametrize("value", [0.0, 7.1, -1000.3])
def test_constant_channels_get_no_weight(row, value):
    concept, random = sets()
    for values in (concept, random):
        values[:, 2] = value
    assert solve(row.solver, concept, random)[2] == pytest.approx(0, abs=1e-12)


@each
def test_constant_channels_get_no_weight_in_float32(row):
    concept, random = (side.astype(np.float32) for side in sets())
    for values in (concept, random):
        values[:, 2] = 1e5
    assert solve(row.solver, concept, random)[2] == pytest.approx(0, abs=1e-6)


@each
def test_fewer_vectors_than_channels(row):
    concept, random = sets(channels=60, count=10)
    vector = solve(row.solver, concept, random)
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-12)
    assert vector @ (concept.mean(0) - random.mean(0)) > 0
    np.testing.assert_allclose(solve(row.solver, random, concept), -vector, rtol=0, atol=10 * row.tolerance)


@each
def test_fewer_vectors_than_channels_in_float32(row):
    concept, random = (side.astype(np.float32) for side in sets(channels=60, count=10))
    vector = solve(row.solver, concept, random)
    assert vector @ (concept.mean(0) - random.mean(0)) > 0


@each
def test_one_channel(row):
    concept, random = sets(channels=1)
    sign = np.sign(concept.mean() - random.mean())
    assert solve(row.solver, concept, random).tolist() == [sign]
    assert solve(row.solver, random, concept).tolist() == [-sign]


@each
def test_two_locations(row):
    """One of each set: nothing varies within a set, and every solver gives the way from one to the other."""
    if isinstance(row.solver, MomentSolver):
        concept, random = np.array([[1.0, 2.0]]), np.array([[4.0, -2.0]])
        np.testing.assert_allclose(solve(row.solver, concept, random), [-0.6, 0.8], atol=1e-12)
    else:  # standardised, both channels part the two as well
        concept, random = np.array([[1.0, 2.0]]), np.array([[4.0, -2.0]])
        want = np.array([-1 / 3, 1 / 4]) / np.hypot(1 / 3, 1 / 4)
        np.testing.assert_allclose(solve(row.solver, concept, random), want, atol=row.tolerance)


@each
@pytest.mark.parametrize("value", [0.0, 2.0])
def test_sets_that_do_not_differ_are_refused(row, value):
    same = np.full((10, 4), value)
    with pytest.raises(SolverError, match="do not differ"):
        solve(row.solver, same, same[:7])


@each
def test_sets_of_a_constant_that_rounds_are_refused_in_float32(row):
    same = np.full((1000, 4), 0.1, np.float32)
    with pytest.raises(SolverError, match="do not differ"):
        solve(row.solver, same, same[:333])


@each
def test_sets_of_a_constant_that_rounds_are_refused_in_float64(row):
    same = np.full((1000, 4), 7.1)
    with pytest.raises(SolverError, match="do not differ"):
        solve(row.solver, same, same[:333])


# Description of a solver


@each
def test_describes_itself_and_is_made_again(row):
    told = row.solver.describe()
    again = json.loads(json.dumps(told))
    assert again == told and told["name"] == type(row.solver).__name__
    if isinstance(row.solver, Sklearn):
        with pytest.raises(OptionError, match=r"Sklearn.*RidgeClassifier.*give it as solver="):
            rebuild(again)
    else:
        assert rebuild(again) == row.solver
        assert type(rebuild(again)) is type(row.solver)


def test_solvers_of_other_parameters_differ():
    told = [json.dumps(row.solver.describe()) for row in TABLE]
    assert len(set(told)) == len(TABLE)
    assert LDA(0.1) != LDA(0.2)


def test_the_user_s_own_solver_must_be_given_again():
    class Mine(MomentSolver):
        def directions(self, differences, within):
            return differences

    with pytest.raises(OptionError, match="fitted with Mine"):
        rebuild(Mine().describe())


@each
@pytest.mark.parametrize("smoothing", [0.0, 0.75])
def test_unit_length_wraps_and_is_made_again(row, smoothing):
    wrapped = UnitLength(row.solver, smoothing)
    told = json.loads(json.dumps(wrapped.describe()))
    assert told == {
        "name": "UnitLength",
        "parameters": {"solver": row.solver.describe(), "smoothing": smoothing},
    }
    if isinstance(row.solver, Sklearn):
        with pytest.raises(OptionError, match="give it as solver="):
            rebuild(told)
    else:
        assert rebuild(told) == wrapped
        assert rebuild(told) != UnitLength(row.solver, smoothing + 1)


def test_the_default():
    assert UnitLength(MeanDifference("auto"), smoothing=1.0) == DEFAULT
    assert rebuild(DEFAULT.describe()) == DEFAULT


def test_a_description_from_before_there_was_smoothing():
    told = {"name": "UnitLength", "parameters": {"solver": LDA(0.3).describe()}}
    assert rebuild(told) == UnitLength(LDA(0.3), smoothing=0.0)


@pytest.mark.parametrize("smoothing", [-1.0, -1e-9, float("nan"), float("inf"), -float("inf")])
def test_smoothing_is_finite_and_not_negative(smoothing):
    words = f"smoothing must be a number of locations, 0 or more, not {smoothing}"
    with pytest.raises(OptionError, match=words):
        UnitLength(LDA(), smoothing)
    with pytest.raises(OptionError, match=words):
        rebuild({"name": "UnitLength", "parameters": {"solver": LDA().describe(), "smoothing": smoothing}})


@pytest.mark.parametrize("solver", ["lda", None, LDA, UnitLength(LDA())], ids=repr)
def test_unit_length_refuses_what_is_no_solver(solver):
    with pytest.raises(OptionError, match="UnitLength wraps a solver such as LDA"):
        UnitLength(solver)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: LDA(-0.1), r"from 0 to 1, or 'oas', not -0\.1"),
        (lambda: LDA(1.1), "from 0 to 1"),
        (lambda: LDA(float("nan")), "from 0 to 1"),
        (lambda: LDA("auto"), "not 'auto'"),
        (lambda: Ridge(0), r"alpha must be a finite number above 0, not 0; LDA\(0\) is the limit"),
        (lambda: Ridge(float("nan")), "above 0"),
        (lambda: Logistic(C=0), "above 0"),
        (lambda: Logistic(iterations=0), "above 0"),
        (lambda: LinearSVM(C=-1), "above 0"),
        (lambda: LinearSVM(iterations=0), "above 0"),
        (lambda: Sklearn("svm"), "Sklearn wraps an estimator of scikit-learn, not 'svm'"),
        (lambda: Sklearn(RidgeClassifier), "Sklearn wraps an estimator"),
    ],
)
def test_illegal_parameters(make, words):
    with pytest.raises(OptionError, match=words):
        make()


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Ridge, {"alpha": float("inf")}),
        (Logistic, {"C": float("nan")}),
        (LinearSVM, {"C": float("nan")}),
        (LinearSVM, {"C": float("inf")}),
    ],
)
def test_parameters_that_are_not_finite(kind, values):
    with pytest.raises(OptionError):
        kind(**values)


# Searches


@pytest.mark.parametrize("solver", [Logistic(iterations=1), LinearSVM(C=1.0, iterations=1)], ids=repr)
def test_a_search_that_did_not_end_is_reported(solver):
    with pytest.raises(SolverError, match=r"has not converged; raise iterations \(now 1\), or lower C"):
        solve(solver, *sets())


@pytest.mark.parametrize("solver", [Logistic(), LinearSVM()], ids=repr)
def test_iterations_are_reported(solver):
    assert 1 <= solution(solver, *sets()).statistics["iterations"] <= solver.iterations


# Any estimator of scikit-learn


def test_an_estimator_that_draws_gives_the_same_with_its_seed_and_stays_as_it_was():
    estimator = SGDClassifier(random_state=3)
    concept, random = sets()
    one, two = (solve(Sklearn(estimator), concept, random) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one @ (concept.mean(0) - random.mean(0)) > 0
    assert not hasattr(estimator, "coef_")


def test_an_estimator_sees_standardised_locations_and_weights_that_balance_the_sets():
    class Witness(LogisticRegression):
        def fit(self, X, y, sample_weight=None):
            seen.update(values=X, labels=y, weights=sample_weight)
            return super().fit(X, y, sample_weight)

    seen = {}
    concept, random = sets()
    given = weights()
    solve(Sklearn(Witness()), concept, random, given)
    inside = seen["labels"] == 1
    assert inside.sum() == 89 and seen["weights"].sum() == pytest.approx(169)
    assert seen["weights"][inside].sum() == pytest.approx(seen["weights"][~inside].sum())
    np.testing.assert_allclose(seen["weights"][inside] / given[0], seen["weights"][inside][0] / given[0][0])
    mean = np.average(seen["values"], axis=0, weights=seen["weights"])
    np.testing.assert_allclose(mean, 0, atol=1e-12)
    np.testing.assert_allclose(np.average(seen["values"] ** 2, axis=0, weights=seen["weights"]), 1, rtol=1e-12)


def test_an_estimator_that_does_not_iterate():
    found = solution(Sklearn(RidgeClassifier(alpha=1.0)), *sets())
    searched = solve(Sklearn(RidgeClassifier(alpha=1.0, solver="lsqr", tol=1e-12)), *sets())
    np.testing.assert_allclose(found.vector, searched, rtol=0, atol=1e-9)
    assert not found.statistics


def test_an_estimator_that_is_not_linear_is_refused():
    with pytest.raises(SolverError, match=r"DecisionTreeClassifier\(\) has no coef_ with one weight .* 6 channels"):
        solve(Sklearn(DecisionTreeClassifier()), *sets())
    with pytest.raises(SolverError, match="takes no sample_weight"):
        solve(Sklearn(NearestCentroid()), *sets(), weights())


def test_an_estimator_without_weights_takes_locations_that_weigh_alike():
    vector = solve(Sklearn(LinearDiscriminantAnalysis(solver="lsqr")), *sets())
    np.testing.assert_allclose(vector, solve(LDA(0.0), *sets()), rtol=0, atol=1e-8)


def test_an_estimator_that_does_not_end_is_reported():
    with pytest.raises(SolverError, match="LogisticRegression has not converged; give the estimator more iterations"):
        solve(Sklearn(LogisticRegression(max_iter=1)), *sets())


# Parts


def test_samples_are_made_of_locations_not_of_images():
    """A sample solver takes `LocationSample`s, and the image of a location does not matter to it."""
    concept, random = sets()
    one = Logistic().solve(LocationSample.of(concept), LocationSample.of(random)).vector
    all_of_one = (LocationSample(side, np.zeros(len(side), int), np.ones(len(side))) for side in (concept, random))
    np.testing.assert_array_equal(Logistic().solve(*all_of_one).vector, one)


def test_unit_scales_and_turns():
    np.testing.assert_allclose(unit(np.array([3.0, 4.0]), np.array([1.0, 0.0])), [0.6, 0.8])
    np.testing.assert_allclose(unit(np.array([3.0, 4.0], np.float32), np.array([-1.0, 0.0])), [-0.6, -0.8])
    for bad in ([0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]):
        with pytest.raises(SolverError, match="do not differ"):
            unit(np.array(bad), np.array([1.0, 0.0]))


def test_more_locations_shrink_less():
    concept, _ = sets()
    assert oas(Moments.of(np.repeat(concept, 2, axis=0))) < oas(Moments.of(concept)) < 1


def test_the_old_name_of_same_images_is_deprecated():
    with pytest.warns(DeprecationWarning, match="use Evidence.same_images"):
        assert Evidence(3, True, 0.5).same_pictures is True
