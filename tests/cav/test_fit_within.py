"""Fits within masks: only what is inside counts, for concept and random images alike."""

import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch import nn

import sacv
from cav.planted import assert_same_cav, mean_of, noise, planted_model, unit
from cav.test_fit_regions import pooled, shares, some_masks
from sacv.cav.bank_files import labels_of
from sacv.cav.inside import counting
from sacv.cav.plans import plan_sets
from sacv.cav.sources import FitSource
from sacv.concepts import Region, image_set
from sacv.errors import CorruptFileError, ImageSetError, MismatchError, OptionError
from sacv.solvers import LDA, MeanDifference


def named(masks, name="x"):
    return {f"{name}[{number}]": mask for number, mask in enumerate(masks)}


def fit(concepts=None, random=(), *, side=1, model=None, **options):
    options = {"locations": 99, "solver": MeanDifference(), "nulls": 19, "runs": 3, **options}
    return sacv.fit(model or planted_model(4, side), ["layer"], concepts, random, **options)


def test_a_mask_of_all_pixels_changes_nothing():
    images, random = noise(8, 4, 6, 0, mean=1), noise(90, 4, 6, 1)
    other = torch.cat([images[:3], noise(4, 4, 6, 2, mean=-1)])  # shares images with the first
    for solver in (sacv.solvers.DEFAULT, LDA(0.1)):
        concepts = {"x": images, "y": other}
        whole = fit(concepts, random, solver=solver, side=2)
        masked = fit(concepts, random, solver=solver, side=2, within=np.ones((6, 6), bool))
        for one, two in zip(whole.cavs, masked.cavs, strict=True):
            assert_same_cav(two, one, atol=1e-9)
            np.testing.assert_allclose(one.presence.maxima, two.presence.maxima, rtol=1e-5)
            for figure in ("auroc", "auroc_interval", "image_auroc", "accuracy", "random_locations"):
                assert getattr(one.quality, figure) == pytest.approx(getattr(two.quality, figure), abs=1e-9)
            assert one.quality.statistics_auroc == pytest.approx(two.quality.statistics_auroc)
        for key, found in whole.statistics.items():
            np.testing.assert_array_equal(found.image_fold, masked.statistics[key].image_fold)
        assert masked.within.pictures == 102 and masked.within.median == masked.within.least == 1
        assert all(one.inside == one.whole and one.cosine == pytest.approx(1) for one in masked.within.compared)


def test_all_pixels_change_nothing_of_marked_regions():
    images, random = noise(8, 4, 6, 0, mean=1), noise(12, 4, 6, 1)
    regions = {"x": Region(images, some_masks(8, 6))}
    for pool in (random, ()):
        whole, masked = (
            fit(None, pool, regions=regions, side=2, within=within) for within in (None, np.ones((6, 6), bool))
        )
        assert_same_cav(masked.cav("layer", "x"), whole.cav("layer", "x"), atol=1e-9)
        assert masked.within.compared == () or pool is random


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), side=st.sampled_from([1, 2, 3]))
def test_locations_weigh_as_they_are_inside(seed, side):
    images, random = noise(6, 4, 6, seed, mean=1), noise(8, 4, 6, seed + 1)
    inside, outer = some_masks(6, 6, seed), some_masks(8, 6, seed + 1)
    bank = fit({"x": images}, random, side=side, within=named(inside) | named(outer, "random"))
    means = [
        mean_of(pooled(values, side), shares(masks, side)) for values, masks in ((images, inside), (random, outer))
    ]
    cav = bank.cav("layer", "x")
    np.testing.assert_allclose(cav.vector, unit(means[0] - means[1]), rtol=0, atol=1e-9)
    sums = [shares(masks, side).sum() for masks in (inside, outer)]
    assert [cav.quality.locations, cav.quality.random_locations] == pytest.approx(sums)
    each = np.array([mask.mean() for mask in (*inside, *outer)])
    told = bank.within.mean, bank.within.least, bank.within.greatest, bank.within.median
    assert told == pytest.approx((each.mean(), each.min(), each.max(), np.median(each)))


@pytest.mark.parametrize("side", [1, 2])
def test_region_and_rest_are_cut_by_the_mask_pixel_by_pixel(side):
    images, marks, inside = noise(8, 4, 6, 0), some_masks(8, 6), some_masks(8, 6, 3)
    bank = fit(None, (), regions={"x": Region(images, marks)}, side=side, within=named(inside))
    region = shares([mark & its for mark, its in zip(marks, inside, strict=True)], side)
    rest = shares([~mark & its for mark, its in zip(marks, inside, strict=True)], side)
    values = pooled(images, side)
    want = unit(mean_of(values, region) - mean_of(values, rest))
    np.testing.assert_allclose(bank.cav("layer", "x").vector, want, rtol=0, atol=1e-9)
    both = bank.seen_through["layer", "concept/x"]
    assert (both.weights <= shares(inside, side).sum(axis=1) + 1e-9).all()


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 99))
def test_what_is_outside_may_be_anything(seed):
    """The cells are pixels, so that nothing from outside reaches the inside."""
    images, random, absent = noise(6, 4, 6, seed, mean=1), noise(8, 4, 6, seed + 1), noise(30, 4, 6, seed + 2)
    masks = [some_masks(len(each), 6, seed + number) for number, each in enumerate((images, random, absent))]
    changed = [
        torch.where(torch.from_numpy(np.stack(inside))[:, None], each, 50 * noise(len(each), 4, 6, seed + 9))
        for each, inside in zip((images, random, absent), masks, strict=True)
    ]
    names = ("x", "random", "absent")
    within = {key: mask for name, each in zip(names, masks, strict=True) for key, mask in named(each, name).items()}
    one, other = (
        fit({"x": first}, second, absent=third, within=within)
        for first, second, third in ((images, random, absent), changed)
    )
    before, after = one.cav("layer", "x"), other.cav("layer", "x")
    assert_same_cav(after, before, atol=1e-7)
    assert before.quality.auroc == after.quality.auroc
    assert before.quality.statistics_auroc == after.quality.statistics_auroc
    if np.array_equal(one.absent.hashes, other.absent.hashes):  # content decides which calibrate
        np.testing.assert_allclose(before.presence.maxima, after.presence.maxima, rtol=1e-5)


def test_presence_is_calibrated_on_what_is_inside():
    images, random, absent = noise(6, 4, 6, 0, mean=1), noise(8, 4, 6, 1), noise(20, 4, 6, 2)
    masks = some_masks(20, 6, 5)
    within = named([np.ones((6, 6), bool)] * 6) | named([np.ones((6, 6), bool)] * 8, "random") | named(masks, "absent")
    cav = fit({"x": images}, random, absent=absent, within=within).cav("layer", "x")
    reached = absent.numpy().transpose(0, 2, 3, 1) @ cav.presence_direction
    want = np.sort([its[mask].max() for its, mask in zip(reached, masks, strict=True)])
    np.testing.assert_allclose(cav.presence.maxima, want, rtol=1e-5)


class Colours(nn.Module):
    """A 1x1 convolution, so that a location sees its own pixel alone."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 6, 1)
        generator = torch.Generator().manual_seed(0)
        self.layer.weight.data = torch.randn(6, 3, 1, 1, generator=generator)
        self.head = nn.Linear(6, 2)

    def forward(self, x):
        return self.head(self.layer(x).relu().mean(dim=(2, 3)))


def test_a_vignette_of_the_images_without_the_concept_is_learned_without_masks_and_harmless_with_them():
    """The concept is a red middle; every image without it is black around."""
    generator = torch.Generator().manual_seed(1)
    middle = torch.zeros(8, 8, dtype=torch.bool)
    middle[2:6, 2:6] = True

    def pictures(count, red, vignette):
        values = torch.rand(count, 3, 8, 8, generator=generator)
        values[:, 0][:, middle] += red
        values[:, :, ~middle] *= 0.0 if vignette else 1.0
        return values

    model = sacv.VisionModel(Colours())
    given = {"x": pictures(12, 0.5, False)}, pictures(12, 0, True)
    shown = pictures(8, 0, False), pictures(8, 0, True)  # neither shows the concept
    apart = {}
    for within in (None, middle.numpy()):
        bank = sacv.fit(model, ["layer"], *given, within=within, solver=MeanDifference(), nulls=0)
        cav = bank.cav("layer", "x")
        cells = [model.activations(each, ["layer"])["layer"].cells for each in shown]
        every = np.ones((8, 8), bool) if within is None else within
        scores = [each[:, every].numpy().mean(axis=1) @ cav.vector for each in cells]
        apart[within is None] = np.mean(scores[0][:, None] > scores[1][None])
        if within is not None:
            (one,) = bank.within.compared
            assert one.whole > 0.99 and one.inside > 0.9 and one.cosine < 0.95
    assert apart[True] == 1 and 0.2 < apart[False] < 0.8


def test_a_location_counts_from_one_half_or_else_the_greatest():
    assert counting(np.array([0.4999, 0.5, 0.7])).tolist() == [False, True, True]
    assert counting(np.array([0.1, 0.3, 0.2])).tolist() == [False, True, False]


def test_errors_name_the_image():
    images, random = noise(4, 4, 6, 0, mean=1), noise(6, 4, 6, 1)
    full = np.ones((6, 6), bool)
    left, right = full.copy(), full.copy()
    left[:, 3:], right[:, :3] = False, False
    with pytest.raises(ImageSetError, match=r"without a mask: random\[0\]"):
        fit({"x": images}, random, within=named([full] * 4))
    regions = {"x": Region(images, [left] * 4)}
    with pytest.raises(ImageSetError, match=r"x\[0\]: .* lies outside the mask of x\[0\], so that no location"):
        fit(None, random, regions=regions, within=named([right] * 4) | named([full] * 6, "random"))
    with pytest.raises(OptionError, match="give one of the two"):
        fit({"x": images}, random, within=full, context=noise(3, 4, 6, 5))
    with pytest.raises(ImageSetError, match="is for 5 x 5 pixels"):
        fit({"x": images}, random, within=np.ones((5, 5), bool))
    with pytest.raises(ImageSetError, match=r"same image has two masks, as x\[0\] .* and as y\[0\]"):
        fit(
            {"x": images, "y": images},
            random,
            within=named([full] * 4) | named([left] * 4, "y") | named([full] * 6, "random"),
        )


def test_what_the_network_does_not_see_is_reported(small_model, guidance):
    model = replace(small_model, transform=sacv.ImageTransform(resize=(20, 24), crop=8))
    corner = np.zeros((20, 24), bool)
    corner[:3, :3] = True
    with pytest.raises(ImageSetError, match=r"\S+: .* lies outside the part of the image that is the input"):
        sacv.fit(model, ["features.2"], {"b": guidance[0]}, [guidance[1]], within=corner)
    own = replace(small_model, transform=lambda picture: small_model.transform(picture))
    with pytest.raises(OptionError, match="need a transform that states which part"):
        sacv.fit(own, ["features.2"], {"b": guidance[0]}, [guidance[1]], within=corner)


def test_the_bank_stores_what_masks_did(tmp_path):
    images, random = noise(6, 4, 6, 0, mean=1), noise(8, 4, 6, 1)
    half = np.ones((6, 6), bool)
    half[:, 3:] = False
    model = planted_model(4)
    bank = fit({"x": images}, random, model=model, within=half)
    bank.save(tmp_path / "bank")
    again = sacv.ConceptBank.load(tmp_path / "bank")
    assert again.within == bank.within and bank.within.mean == 0.5
    assert bank.within != fit({"x": images}, random, model=model, within=~half).within
    assert sacv.refit(bank, solver=LDA(0.1)).within == bank.within
    more = fit({"y": noise(6, 4, 6, 4)}, random, model=model, within=half)
    joined = sacv.merge([bank, more])
    assert joined.within.digest not in (bank.within.digest, more.within.digest) and joined.within.compared == ()
    with pytest.raises(MismatchError, match="fitted within masks and the other was not"):
        sacv.merge([bank, fit({"y": noise(6, 4, 6, 4)}, random, model=model)])
    assert "within" not in labels_of(fit({"x": images}, random))


def test_an_interrupted_fit_takes_no_part_of_other_masks(tmp_path):
    images, random = noise(6, 4, 6, 0, mean=1), noise(8, 4, 6, 1)
    half = np.ones((6, 6), bool)
    half[:, 3:] = False
    model = planted_model(4)
    with sacv.ShardStore(tmp_path / "shards") as shards:
        fit({"x": images}, random, model=model, within=half, shards=shards)
        again = fit({"x": images}, random, model=model, within=half, shards=shards)
        other = fit({"x": images}, random, model=model, within=~half, shards=shards)
    assert again.fingerprint == fit({"x": images}, random, model=model, within=half).fingerprint
    assert other.fingerprint == fit({"x": images}, random, model=model, within=~half).fingerprint


def test_plans_are_those_of_today_without_masks():
    plans, _ = plan_sets(planted_model(4), {"layer": (6, 6)}, [_source("x", 4), _source(None, 5)], True)
    assert all(plan.inside == () and plan.cover(0) is None for plan in plans)


def _source(name, count):
    return FitSource(name, image_set(name or "random", noise(count, 4, 6, count)), ())


def test_photos_that_are_in_no_set_need_no_mask():
    images, random = noise(6, 4, 6, 0, mean=1), noise(8, 4, 6, 1)
    full = np.ones((6, 6), bool)
    regions = {"x": Region(images, [*some_masks(4, 6), ~full, ~full])}
    within = named([full] * 4) | named([full] * 8, "random")
    assert fit(None, random, regions=regions, rest=False, within=within).within.pictures == 12
    with pytest.raises(ImageSetError, match=r"without a mask: x\[4\], x\[5\]"):
        fit(None, random, regions=regions, within=within)


def test_masks_travel_to_other_processes(tmp_path):
    values = np.zeros((6, 6), np.uint8)
    values[:3] = 255
    Image.fromarray(values).save(tmp_path / "m.png")
    (item,) = image_set("x", noise(1, 4, 6, 0)).items
    for given_masks in (tmp_path / "m.png", values > 0, {"x[0]": values > 0}):
        mask = pickle.loads(pickle.dumps(sacv.Within(given_masks).mask(item)))
        np.testing.assert_array_equal(mask.load((6, 6)), values > 0)


@pytest.mark.parametrize(("field", "value"), [("mean", 1.5), ("compared", [{"layer": "layer"}]), ("pictures", 0)])
def test_damage_to_what_the_bank_stores_is_reported(tmp_path, field, value):
    images, random = noise(6, 4, 6, 0, mean=1), noise(8, 4, 6, 1)
    fit({"x": images}, random, within=np.ones((6, 6), bool), nulls=0).save(tmp_path / "bank")
    labels = json.loads((tmp_path / "bank" / "bank.json").read_text())
    labels["within"][field] = value
    (tmp_path / "bank" / "bank.json").write_text(json.dumps(labels))
    with pytest.raises(CorruptFileError, match=rf"within\.{field}"):
        sacv.ConceptBank.load(tmp_path / "bank")
