"""One table of solvers drives every test."""

import numpy as np
import pytest

from sacv.errors import OptionError, SolverError
from sacv.solvers import Logistic, MeanDifference, MomentSolver, Solver
from sacv.stats import Moments

TABLE: list[Solver] = [MeanDifference(), Logistic(), Logistic(C=0.01)]
each_solver = pytest.mark.parametrize("solver", TABLE, ids=lambda solver: repr(solver))


def solve(solver, concept, random):
    if isinstance(solver, MomentSolver):
        return solver.solve(Moments.of(concept), Moments.of(random)).vector
    return solver.solve(concept, random).vector


def sets(seed=0, channels=6, count=80, shift=1.0):
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal(channels)
    random = rng.standard_normal((count, channels)) * rng.uniform(0.5, 2, channels) + 3
    concept = rng.standard_normal((count + 9, channels)) * rng.uniform(0.5, 2, channels) + 3
    return concept + shift * direction, random


@each_solver
def test_norm_is_one_and_sign_is_to_the_concept(solver):
    concept, random = sets()
    vector = solve(solver, concept, random)
    assert vector.dtype == np.float64
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-12)
    assert vector @ (concept.mean(0) - random.mean(0)) > 0
    np.testing.assert_allclose(solve(solver, random, concept), -vector, atol=1e-5)


@each_solver
def test_order_of_locations_does_not_matter(solver):
    concept, random = sets()
    rng = np.random.default_rng(5)
    again = solve(solver, concept[rng.permutation(len(concept))], random[rng.permutation(len(random))])
    np.testing.assert_allclose(again, solve(solver, concept, random), atol=1e-6)


@each_solver
def test_scaling_all_channels_alike_changes_nothing(solver):
    concept, random = sets()
    np.testing.assert_allclose(solve(solver, concept * 1e3, random * 1e3), solve(solver, concept, random), atol=1e-6)


@each_solver
def test_moving_all_activations_changes_nothing(solver):
    concept, random = sets()
    np.testing.assert_allclose(solve(solver, concept + 50, random + 50), solve(solver, concept, random), atol=1e-6)


@each_solver
def test_constant_channels_get_no_weight(solver):
    concept, random = sets()
    for values in (concept, random):
        values[:, 2] = 7.1
    assert solve(solver, concept, random)[2] == pytest.approx(0, abs=1e-12)


@each_solver
def test_fewer_vectors_than_channels(solver):
    vector = solve(solver, *sets(channels=60, count=10))
    assert np.isfinite(vector).all()


@each_solver
def test_one_channel(solver):
    assert solve(solver, *sets(channels=1)).tolist() in ([1.0], [-1.0])


@each_solver
def test_sets_that_do_not_differ_are_refused(solver):
    same = np.full((10, 4), 2.0)
    with pytest.raises(SolverError, match="do not differ"):
        solve(solver, same, same[:7])


@each_solver
def test_describes_itself(solver):
    assert solver.describe()["name"] == type(solver).__name__


def test_mean_difference_is_the_difference_of_means():
    concept, random = sets()
    difference = concept.mean(0) - random.mean(0)
    np.testing.assert_allclose(solve(MeanDifference(), concept, random), difference / np.linalg.norm(difference))


def test_logistic_minimises_its_formula():
    """The gradient of the documented objective is zero at the solution (in standardised space)."""
    from scipy.optimize import minimize

    concept, random = sets(shift=0.4)
    values = np.concatenate([concept, random])
    standard = (values - values.mean(0)) / values.std(0)
    sign = np.r_[np.ones(len(concept)), -np.ones(len(random))]
    weight = np.where(sign > 0, len(values) / (2 * len(concept)), len(values) / (2 * len(random)))

    def loss(parameters):
        margin = sign * (standard @ parameters[:-1] + parameters[-1])
        return 0.5 * parameters[:-1] @ parameters[:-1] + 0.5 * np.sum(weight * np.logaddexp(0, -margin))

    found = minimize(loss, np.zeros(7), method="BFGS", options={"gtol": 1e-8}).x[:-1] / values.std(0)
    np.testing.assert_allclose(solve(Logistic(C=0.5), concept, random), found / np.linalg.norm(found), atol=1e-5)


def test_logistic_refuses_bad_parameters_and_says_when_it_did_not_converge():
    with pytest.raises(OptionError, match="above 0"):
        Logistic(C=0)
    with pytest.raises(SolverError, match="not converged in 1 steps"):
        Logistic(iterations=1).solve(*sets())
