"""A solver may part the direction that detects a concept from the one along which contribution is measured."""

import numpy as np
import pytest
import torch
from conftest import SmallNet
from hypothesis import given
from hypothesis import strategies as st

import sacv
from reference import contrast as slow
from sacv.errors import CorruptFileError, OptionError
from sacv.files import read_arrays, write_arrays
from sacv.maps.methods import Gradient, GradientTimesConcept, IntegratedGradients
from sacv.solvers import LDA, Evidence, MeanDifference, Ridge, UnitLength
from sacv.stats import Moments

LAYER = "features.2"
PARTED, PLAIN, WHITENED = MeanDifference(0.3), MeanDifference(), LDA(0.3)


def images(count, seed, level=0.0):
    return torch.randn(count, 3, 9, 8, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + level


@pytest.fixture(scope="module")
def model():
    return sacv.VisionModel(SmallNet().double())


def bank_of(model, solver, *, unit=True):
    solver = UnitLength(solver, 1.0) if unit else solver
    return sacv.fit(model, [LAYER], {"c": images(8, 0, 0.7)}, [images(12, 1)], solver=solver, runs=3, nulls=19)


def explained(model, bank, method=None):
    return sacv.explain(model, images(4, 2, 0.4), bank, 1, method=method or Gradient(), allow_weak=True)


def test_the_detector_is_the_whitened_difference_and_the_vector_the_difference():
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((5, 5))
    concept, random = (Moments.of(rng.standard_normal((90, 5)) @ mixing + shift) for shift in (0.5, 0.0))
    found = PARTED.solve(concept, random)
    np.testing.assert_allclose(found.vector, PLAIN.solve(concept, random).vector, atol=1e-12)
    np.testing.assert_allclose(found.detector, WHITENED.solve(concept, random).vector, atol=1e-12)
    assert abs(found.vector @ found.detector) < 0.99
    assert PLAIN.solve(concept, random).own_detector is None


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), "oas", "0.5", ""])
def test_a_shrinkage_that_is_neither_a_share_nor_auto_is_refused(share):
    with pytest.raises(OptionError, match=f"must be a number from 0 to 1, or 'auto', not {share!r}"):
        MeanDifference(share)


# What "auto" chooses


@given(st.integers(2, 500), st.booleans(), st.floats(0, 1))
def test_what_the_evidence_allows(images, same, apart):
    found = MeanDifference("auto").settled(Evidence(images, same, apart)).detector_shrinkage
    assert found == pytest.approx(slow.detector_shrinkage(images, same, apart), abs=1e-12)
    assert (0.5 if same else 0.8 - 1e-12) <= found <= (0.8 if same else 0.9)
    more = MeanDifference("auto").settled(Evidence(images + 1, same, apart)).detector_shrinkage
    assert more <= found + 1e-12  # the more images, the more their covariance counts
    worse = MeanDifference("auto").settled(Evidence(images, same, min(apart + 0.01, 1.0))).detector_shrinkage
    assert worse >= found - 1e-12  # and the less, the more the sets differ in kind


@pytest.mark.parametrize(
    ("images", "same", "apart", "shrinkage"),
    [
        (2, True, 0.5, 0.8),
        (8, True, 1.0, 0.5),
        (100, True, 0.5, 0.5),
        (2, False, 0.5, 0.8),
        (100, False, 0.9, 0.8),
        (100, False, 0.94, 0.88),
        (100, False, 0.96, 0.9),
        (100, False, 1.0, 0.9),
    ],
)
def test_what_the_evidence_allows_by_hand(images, same, apart, shrinkage):
    found = MeanDifference("auto").settled(Evidence(images, same, apart))
    assert found == MeanDifference(found.detector_shrinkage)
    assert found.detector_shrinkage == pytest.approx(shrinkage)
    assert slow.detector_shrinkage(images, same, apart) == pytest.approx(shrinkage)


@pytest.mark.parametrize("solver", [MeanDifference(), MeanDifference(0.3), LDA(0.3), LDA("oas"), Ridge()], ids=repr)
def test_what_is_named_is_not_left_to_the_evidence(solver):
    assert solver.settled(Evidence(9, True, 0.5)) is solver


def test_without_evidence_little_is_whitened():
    rng = np.random.default_rng(0)
    concept, random = (Moments.of(rng.standard_normal((90, 5)) * [1, 2, 3, 4, 5] + shift) for shift in (0.5, 0.0))
    found, named = (MeanDifference(share).solve(concept, random) for share in ("auto", 0.9))
    np.testing.assert_array_equal(found.detector, named.detector)
    assert found.statistics == named.statistics == {"detector_shrinkage": 0.9}
    assert MeanDifference().solve(concept, random).statistics == {}


@pytest.mark.parametrize("unit", [True, False])
def test_relevance_and_its_quality_are_the_whitened_ones_and_the_rest_is_not(model, unit):
    parted, plain, whitened = (bank_of(model, solver, unit=unit) for solver in (PARTED, PLAIN, WHITENED))
    one, other, third = (bank.cavs[0] for bank in (parted, plain, whitened))
    assert abs(one.vector @ one.detector) < 0.999
    assert (one.threshold, one.quality.auroc) == (third.threshold, third.quality.auroc)
    np.testing.assert_array_equal(one.evidence, third.evidence)
    np.testing.assert_array_equal(one.null.vectors, other.null.vectors)
    maps = [explained(model, bank, IntegratedGradients(4)) for bank in (parted, plain, whitened)]
    seen, same, filtered = (found.relevance(LAYER, "c") for found in maps)
    np.testing.assert_allclose(seen, filtered, atol=1e-6)
    assert np.abs(seen - same).max() > 1e-3
    given, along = (found.contribution(LAYER, "c") for found in maps[:2])
    np.testing.assert_allclose(given, along, atol=1e-6)
    for mine, theirs in zip(maps[0].significant(LAYER, "c"), maps[1].significant(LAYER, "c"), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_the_sacv_score_is_gated_by_the_detector_and_summed_along_the_vector(model):
    parted, shown = bank_of(model, PARTED), images(4, 2, 0.4)
    table = sacv.score(model, shown, parted, 1, allow_weak=True).table
    found = explained(model, parted)
    gated = found.contribution(LAYER, "c") * (found.relevance(LAYER, "c") > 0)
    value = table["value"][table["score"] == "sacv"].to_numpy()[0]
    assert value == pytest.approx(gated.sum(axis=(1, 2)).mean(), abs=1e-6)
    plain = sacv.score(model, shown, bank_of(model, PLAIN), 1, allow_weak=True).table
    for kind in ("tcav", "smooth"):  # these have no location
        assert table["value"][table["score"] == kind].to_numpy()[0] == pytest.approx(
            plain["value"][plain["score"] == kind].to_numpy()[0], abs=1e-6
        )


def test_the_step_from_the_threshold_is_in_units_of_the_vector(model):
    bank = bank_of(model, PARTED, unit=False)
    cav = bank.cavs[0]
    slope = explained(model, bank).contribution(LAYER, "c")
    found = explained(model, bank, GradientTimesConcept())
    want = found.relevance(LAYER, "c") / (cav.detector @ cav.vector) * slope
    np.testing.assert_allclose(found.contribution(LAYER, "c"), want, atol=1e-6)


def test_a_bank_stores_its_detector(model, tmp_path):
    bank = bank_of(model, PARTED)
    bank.save(tmp_path / "bank")
    again = sacv.ConceptBank.load(tmp_path / "bank")
    np.testing.assert_array_equal(again.cavs[0].detector, bank.cavs[0].detector)
    assert again.solver == bank.solver
    plain = bank_of(model, PLAIN)
    plain.save(tmp_path / "plain")
    assert sacv.ConceptBank.load(tmp_path / "plain").cavs[0].own_detector is None


def test_a_detector_that_is_no_direction_is_refused(model, tmp_path):
    bank_of(model, PARTED).save(tmp_path / "bank")
    path = tmp_path / "bank" / "cavs.safetensors"
    arrays = dict(read_arrays(path))
    arrays[f"{LAYER}/c/detector"] = arrays[f"{LAYER}/c/detector"] * 2
    write_arrays(path, arrays)
    with pytest.raises(CorruptFileError, match=r"features\.2/c/detector has norm"):
        sacv.ConceptBank.load(tmp_path / "bank")
