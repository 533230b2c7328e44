"""What a bank becomes without an image."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import sacv
from conftest import SmallNet
from sacv.cav import Reading
from sacv.errors import ImageSetError, MismatchError, OptionError
from sacv.solvers import DEFAULT, LDA, MeanDifference, UnitLength

LAYER = "features.2"


@pytest.fixture
def model():
    return sacv.VisionModel(SmallNet().double())


def pictures(count, seed, level=0.0):
    return torch.randn(count, 3, 8, 7, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + level


def fit(model, concepts, random, **options):
    return sacv.fit(model, [LAYER], concepts, [random], **({"runs": 4, "nulls": 19} | options))


def same_cavs(one, other, tolerance=1e-9):
    assert [(cav.layer, cav.concept) for cav in one.cavs] == [(cav.layer, cav.concept) for cav in other.cavs]
    for mine, theirs in zip(one.cavs, other.cavs, strict=True):
        np.testing.assert_allclose(mine.vector, theirs.vector, rtol=0, atol=tolerance)
        for name in ("vectors", "thresholds", "separations"):
            for kind in ("runs", "null"):
                left, right = (getattr(getattr(cav, kind), name) for cav in (mine, theirs))
                np.testing.assert_allclose(left, right, rtol=0, atol=tolerance)


@pytest.mark.parametrize("solver", [MeanDifference(), LDA(0.1), UnitLength(LDA(0.3)), DEFAULT], ids=repr)
def test_two_hospitals_get_the_bank_of_all_images(model, solver):
    """Each fits on its own images; the moments alone are exchanged."""
    lesions, others = (pictures(6, 1, 1.0), pictures(7, 2, 1.2)), (pictures(8, 3), pictures(9, 4))
    sites = [fit(model, {"lesion": own}, rest, solver=solver) for own, rest in zip(lesions, others, strict=True)]
    together = sacv.merge(sites)
    pooled = fit(model, {"lesion": torch.cat(lesions)}, torch.cat(others), solver=solver)
    same_cavs(together, pooled)
    for key in ("concept/lesion", "random"):
        mine, whole = (bank.statistics[LAYER, key] for bank in (together, pooled))
        assert mine.total().count == whole.total().count
        np.testing.assert_allclose(mine.total().mean, whole.total().mean, rtol=0, atol=1e-12)
        np.testing.assert_allclose(mine.total().scatter, whole.total().scatter, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(mine.images.means, whole.images.means, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(mine.sample.image, whole.sample.image)
        # Averages over neighbours are products of matrices, which round by what else is in the batch.
        np.testing.assert_allclose(mine.sample.vectors, whole.sample.vectors, rtol=0, atol=1e-15)
    quality = together.cav(LAYER, "lesion").quality
    assert (quality.images, quality.random_images) == (13, 17)
    assert quality.auroc == pytest.approx(pooled.cav(LAYER, "lesion").quality.auroc, abs=0.1)


def test_a_concept_is_added(model):
    random = pictures(8, 3)
    one, two = fit(model, {"a": pictures(6, 1, 1.0)}, random), fit(model, {"b": pictures(6, 2, -1.0)}, random)
    both = fit(model, {"a": pictures(6, 1, 1.0), "b": pictures(6, 2, -1.0)}, random)
    added = sacv.merge([one, two])
    same_cavs(added, both, 1e-12)
    one, other = (bank.cav(LAYER, "a").quality for bank in (added, both))
    assert one.auroc == pytest.approx(other.auroc, abs=1e-12) and one.auroc_interval == pytest.approx(
        other.auroc_interval
    )
    assert one.cosine == pytest.approx(other.cosine) and one.conditional_auroc == pytest.approx(other.conditional_auroc)


def test_merging_survives_the_disk(model, tmp_path):
    one, two = (fit(model, {"a": pictures(6, seed, 1.0)}, pictures(8, seed + 10)) for seed in (1, 2))
    for name, bank in (("one", one), ("two", two)):
        bank.save(tmp_path / name)
    loaded = [sacv.ConceptBank.load(tmp_path / name) for name in ("one", "two")]
    same_cavs(sacv.merge(loaded), sacv.merge([one, two]), 0)


@pytest.mark.parametrize(
    ("first", "solver"),
    [
        (MeanDifference(), LDA(0.2)),
        (MeanDifference(), sacv.solvers.Logistic()),
        (DEFAULT, UnitLength(LDA(0.2), smoothing=1.0)),
        (UnitLength(LDA(0.2)), UnitLength(sacv.solvers.Logistic())),
    ],
    ids=repr,
)
def test_another_solver_gives_what_fitting_with_it_gives(model, first, solver):
    concepts, random = {"a": pictures(6, 1, 1.0)}, pictures(8, 3)
    changed = sacv.refit(fit(model, concepts, random, solver=first), solver=solver)
    fitted = fit(model, concepts, random, solver=solver)
    same_cavs(changed, fitted, 1e-12)
    assert changed.solver == fitted.solver and changed.cavs[0].quality == fitted.cavs[0].quality


def test_another_random_set(model):
    a, b, c = (pictures(6, seed, level) for seed, level in ((1, 1.0), (2, -1.0), (3, 0.4)))
    random = pictures(8, 4)
    bank = fit(model, {"a": a, "b": b, "c": c}, random)
    other = fit(model, {"a": a}, pictures(9, 5))
    from_other = sacv.refit(sacv.refit(bank, random=["b"]), random=other)
    np.testing.assert_allclose(
        from_other.cav(LAYER, "a").vector, fit(model, {"a": a}, pictures(9, 5)).cav(LAYER, "a").vector, atol=1e-12
    )
    concepts = sacv.refit(bank, random=["b", "c"])
    assert concepts.concepts == ["a"]
    wanted = fit(model, {"a": a}, torch.cat([b, c]))
    np.testing.assert_allclose(concepts.cav(LAYER, "a").vector, wanted.cav(LAYER, "a").vector, atol=1e-9)


def test_more_draws(model):
    bank = fit(model, {"a": pictures(6, 1, 1.0)}, pictures(8, 3))
    more = sacv.refit(bank, runs=9, nulls=33)
    assert (len(more.cavs[0].runs), len(more.cavs[0].null), more.runs, more.nulls) == (8, 33, 9, 33)
    np.testing.assert_array_equal(more.cavs[0].vector, bank.cavs[0].vector)


def test_marked_regions_keep_a_null_made_of_the_pool_seen_through_their_masks(model):
    masks = np.zeros((5, 8, 7), dtype=bool)
    masks[:, 2:5, 1:4] = True
    photos = pictures(5, 1, 1.0)
    random = pictures(8, 3)
    region = {"spot": sacv.Region(photos, masks)}
    marked = sacv.fit(model, [LAYER], random=[random], regions=region, runs=4, nulls=19)
    other = fit(model, {"b": pictures(6, 2, -1.0)}, random)
    added = sacv.merge([marked, other])
    same_cavs(replace(added, cavs=tuple(cav for cav in added.cavs if cav.concept == "spot")), marked, 1e-12)
    # In a pool that was not seen through the masks, there is nothing to compare a region with.
    elsewhere = sacv.refit(marked, random=fit(model, {"b": pictures(6, 2, -1.0)}, pictures(9, 7)))
    assert len(elsewhere.cavs[0].null) == 0
    # Half of the pool was: those images stand for the concept, all stand against it.
    wider = sacv.merge([marked, fit(model, {"b": pictures(6, 2, -1.0)}, pictures(9, 7))])
    assert len(wider.cav(LAYER, "spot").null) == 19


def test_counts_of_regions_follow_the_random_set(model):
    masks = np.zeros((5, 8, 7), dtype=bool)
    masks[:3, 2:5, 1:4] = True
    one, two = (
        sacv.fit(
            model,
            [LAYER],
            random=[pictures(8, seed + 1)],
            regions={"spot": sacv.Region(pictures(5, seed, 1.0), masks)},
            rest=True,
            runs=2,
            nulls=0,
        )
        for seed in (1, 5)
    )
    assert (one.sets[0].negatives, one.sets[0].unused) == (2, 0)
    merged = sacv.merge([one, two])
    assert (merged.sets[0].negatives, merged.sets[0].unused) == (4, 0)
    elsewhere = sacv.refit(one, random=fit(model, {"b": pictures(6, 2, -1.0)}, pictures(9, 7)))
    assert (elsewhere.sets[0].negatives, elsewhere.sets[0].unused) == (0, 2)


def test_what_does_not_fit_is_refused(model):
    a, random = pictures(6, 1, 1.0), pictures(8, 3)
    bank = fit(model, {"a": a}, random)
    with pytest.raises(OptionError, match="at least two banks, not 1"):
        sacv.merge([bank])
    with pytest.raises(MismatchError, match="different models"):
        sacv.merge([bank, fit(sacv.VisionModel(SmallNet(1).double()), {"a": a}, random)])
    with pytest.raises(MismatchError, match="different layers"):
        sacv.merge([bank, sacv.fit(model, ["features.0"], {"a": a}, [random])])
    with pytest.raises(MismatchError, match="32 and 8 locations"):
        sacv.merge([bank, fit(model, {"b": a}, random, locations=8)])
    with pytest.raises(ImageSetError, match=r"the random sets share 3 images .* but not all"):
        sacv.merge([bank, fit(model, {"b": pictures(6, 2, 1.0)}, torch.cat([random[:3], pictures(4, 9)]))])
    with pytest.raises(ImageSetError, match="and the random set share 6 images"):
        sacv.merge([bank, fit(model, {"b": pictures(6, 2, 1.0)}, torch.cat([a, pictures(4, 9)]))])
    with pytest.raises(OptionError, match="name concepts of the bank; it has a"):
        sacv.refit(bank, random=["z"])
    with pytest.raises(OptionError, match="none is left"):
        sacv.refit(bank, random=["a"])


READINGS = {
    MeanDifference(): "as they are",
    UnitLength(MeanDifference()): "divided by their norm",
    DEFAULT: "divided by their norm, averaged over neighbours (sd 1 locations)",
    UnitLength(MeanDifference(), 0.5): "divided by their norm, averaged over neighbours (sd 0.5 locations)",
}


@pytest.mark.parametrize("one", READINGS, ids=repr)
@pytest.mark.parametrize("other", READINGS, ids=repr)
def test_banks_that_are_read_otherwise_are_refused(model, one, other):
    random = pictures(8, 3)
    bank = fit(model, {"a": pictures(6, 1, 1.0)}, random, solver=one)
    assert bank.reading == Reading.of(one)
    beside = fit(model, {"b": pictures(6, 2, -1.0)}, random, solver=other)
    if one == other:
        assert sacv.merge([bank, beside]).concepts == ["a", "b"]
        assert sacv.refit(bank, solver=other).reading == Reading.of(other)
        return
    with pytest.raises(MismatchError) as caught:
        sacv.merge([bank, beside])
    assert str(caught.value) == (
        f"one bank holds activations {READINGS[one]} and the other {READINGS[other]}; fit both with the same solver"
    )
    for again in (lambda: sacv.refit(bank, solver=other), lambda: sacv.merge([bank, bank], solver=other)):
        with pytest.raises(OptionError) as caught:
            again()
        assert str(caught.value) == (
            f"the bank holds activations {READINGS[one]}, and {other!r} needs them {READINGS[other]}; "
            "fit it from the images"
        )
