import numpy as np
import pytest
import torch

import sacv
from cav.planted import Planted, cells, mean_of, noise, planted_model
from reference import reading as reference
from sacv.cav.gather import Gather, SetPlan, plan
from sacv.cav.reading import Reading
from sacv.concepts import batches, image_set
from sacv.errors import ActivationError


def set_plan(images, weights=None, name="a", **options):
    items = image_set(name, images).items
    return SetPlan(items, tuple(weights or [None] * len(items)), **options)


# The plan


def test_an_image_of_several_sets_is_listed_once_and_keeps_its_fold():
    images = noise(12, 2, 3, 0)
    marked = [{"layer": np.ones(1)}] * 8  # what is marked of a photo and what is not must stay together
    made = plan([set_plan(images[:8], marked), set_plan(images[4:], marked), set_plan(images[8:], marked[:4])], 3, 0)
    assert len(made.items) == 12
    folds = {}
    for item, members in zip(made.items, made.members, strict=True):
        for member in members:
            assert made.sets[member.set].items[member.image].digest == item.digest
            assert made.image_folds[member.set][member.image] == member.fold
            assert folds.setdefault(item.digest, member.fold) == member.fold
    assert sorted(len(members) for members in made.members) == [1] * 4 + [2] * 8


def test_folds_of_a_set_depend_on_no_other_set_without_a_common_image():
    images = noise(20, 2, 3, 0)
    alone = plan([set_plan(images[:9])], 4, 7).image_folds[0]
    beside = plan([set_plan(images[9:]), set_plan(images[:9])], 4, 7).image_folds[1]
    np.testing.assert_array_equal(alone, beside)
    assert not np.array_equal(alone, plan([set_plan(images[:9])], 4, 8).image_folds[0])


def test_images_are_listed_fold_by_fold():
    made = plan([set_plan(noise(10, 2, 3, 0))], 3, 0)
    folds = [members[0].fold for members in made.members]
    assert folds == sorted(folds)


# What is gathered


def gathered(sets, *, size=4, split=None, **options):
    """Gather with the whole in one, or with batches `split` to two reducers, whose parts are merged."""
    wanted = {"reading": Reading(), "locations": 3, "seed": 0} | options
    reducer = Gather(planted_model(2), ("layer",), plan(sets, 3, 0), **wanted)
    sides = [reducer.empty(), reducer.empty()]
    for number, shard in enumerate(batches(reducer.plan.items, size)):
        side = 0 if split is None else split(number)
        sides[side] = reducer.add(sides[side], shard)
    return reducer, reducer.finish(sides[0] if split is None else reducer.merge(*sides))


def test_moments_means_and_samples_are_those_of_the_images():
    images = noise(10, 2, 3, 0, mean=3.0)
    reducer, found = gathered([set_plan(images)])
    values = cells(images)
    one = found.sets["layer", 0]
    np.testing.assert_allclose(one.total().mean, mean_of(values), rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.total().covariance, np.cov(values.reshape(-1, 2).T, bias=True), rtol=1e-10)
    assert one.total().count == 90
    np.testing.assert_allclose(one.images.means, values.mean(axis=1), rtol=0, atol=1e-12)
    assert one.images.weights.tolist() == [9] * 10
    np.testing.assert_array_equal(one.image_fold, reducer.plan.image_folds[0])
    for fold, part in enumerate(one.folds):
        np.testing.assert_allclose(part.mean, mean_of(values[one.image_fold == fold]), rtol=0, atol=1e-12)
    assert one.sample.image.tolist() == [image for image in range(10) for _ in range(3)]
    for image, vector in zip(one.sample.image, one.sample.vectors, strict=True):
        assert (values[image] == vector).all(axis=1).any()


def test_weights_weigh_moments_means_and_samples():
    images, rng = noise(6, 2, 3, 0, mean=3.0), np.random.default_rng(0)
    weights = rng.uniform(0, 1, (6, 9)) * rng.integers(0, 2, (6, 9))
    weights[:, 4] = 0.5
    values = cells(images)
    plans = [set_plan(images, [{"layer": one} for one in weights])]
    one = gathered(plans, locations=4)[1].sets["layer", 0]
    np.testing.assert_allclose(one.total().mean, mean_of(values, weights), rtol=0, atol=1e-12)
    assert one.total().count == pytest.approx(weights.sum())
    np.testing.assert_allclose(one.images.weights, weights.sum(axis=1), rtol=1e-14)
    for image in range(6):
        want = mean_of(values[image : image + 1], weights[image : image + 1])
        np.testing.assert_allclose(one.images.means[image], want, rtol=0, atol=1e-12)
    assert np.bincount(one.sample.image).tolist() == [min(4, count) for count in (weights > 0).sum(axis=1)]
    for image, vector, weight in zip(one.sample.image, one.sample.vectors, one.sample.weights, strict=True):
        (place,) = np.flatnonzero((values[image] == vector).all(axis=1))
        assert weight == weights[image, place] > 0


def test_sets_of_which_only_the_means_are_wanted():
    images = noise(6, 2, 3, 0)
    half = np.r_[np.ones(4), np.zeros(5)]
    _, found = gathered([set_plan(images), set_plan(images, [{"layer": half}] * 6, means_only=True)])
    assert list(found.sets) == [("layer", 0)] and list(found.means) == [("layer", 1)]
    np.testing.assert_allclose(found.means["layer", 1].means, cells(images)[:, :4].mean(axis=1), rtol=0, atol=1e-12)
    assert found.means["layer", 1].weights.tolist() == [4] * 6


@pytest.mark.parametrize("split", [lambda number: number % 2, lambda number: int(number < 1), lambda number: 1])
def test_merging_parts_gives_the_whole(split):
    """Whatever batch goes to which part; one part may have nothing."""
    images = noise(15, 2, 3, 0)
    plans = [set_plan(images[:8]), set_plan(images[6:]), set_plan(images[6:], [{"layer": np.ones(9)}] * 9)]
    plans.append(set_plan(images[6:], means_only=True))
    (_, whole), (_, merged) = gathered(plans), gathered(plans, split=split)
    assert whole.sets.keys() == merged.sets.keys() and whole.means.keys() == merged.means.keys()
    for key, want in whole.sets.items():
        found = merged.sets[key]
        for one, other in zip(want.folds, found.folds, strict=True):
            assert one.count == other.count
            np.testing.assert_allclose(other.mean, one.mean, rtol=0, atol=1e-12)
            np.testing.assert_allclose(other.scatter, one.scatter, rtol=0, atol=1e-10)
        np.testing.assert_array_equal(found.images.means, want.images.means)
        np.testing.assert_array_equal(found.sample.vectors, want.sample.vectors)
        np.testing.assert_array_equal(found.sample.image, want.sample.image)
    assert whole.looks.keys() == merged.looks.keys()
    np.testing.assert_array_equal(merged.means["layer", 3].means, whole.means["layer", 3].means)


def test_a_sample_depends_neither_on_the_batch_nor_on_other_images():
    images = noise(9, 2, 5, 0)
    alone = gathered([set_plan(images[3:6])], size=1)[1].sets["layer", 0].sample
    beside = gathered([set_plan(images)], size=4)[1].sets["layer", 0].sample
    kept = beside.of_images([3 <= index < 6 for index in range(9)])
    np.testing.assert_array_equal(kept.vectors, alone.vectors)
    other = gathered([set_plan(images)], seed=1)[1].sets["layer", 0].sample
    assert not np.array_equal(other.vectors, beside.vectors)


def test_normalised_activations_have_length_one():
    one = gathered([set_plan(noise(6, 2, 3, 0, mean=3.0))], reading=Reading(True))[1].sets["layer", 0]
    np.testing.assert_allclose(np.linalg.norm(one.sample.vectors, axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 4, 6])
def test_neighbours_are_averaged_within_an_image(size):
    """And before the mask's weights are laid on them."""
    images, weights = noise(6, 2, 4, 0, mean=3.0), np.random.default_rng(0).uniform(0, 1, (6, 16))
    plans = [set_plan(images, [{"layer": one} for one in weights])]
    one = gathered(plans, size=size, reading=Reading(True, 0.7), locations=16)[1].sets["layer", 0]
    values = np.stack([reference.read(image.movedim(0, -1).numpy(), 0.7).reshape(16, 2) for image in images])
    np.testing.assert_allclose(one.total().mean, mean_of(values, weights), rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.sample.vectors, values.reshape(-1, 2), rtol=0, atol=1e-12)


def test_activations_that_are_not_finite_name_layer_and_image():
    images = noise(6, 2, 3, 0)
    images[4, 1, 2, 0] = torch.inf
    model = sacv.VisionModel(Planted(2).double())
    with pytest.raises(ActivationError, match=r"'layer' gives values that are not finite for c\[4\]"):
        sacv.fit(model, ["layer"], {"c": images}, noise(6, 2, 3, 1))
