from copy import deepcopy

import numpy as np
import pytest
import torch

import sacv
from cav.planted import Planted, cells, mean_of, noise, planted_model
from reference import reading as reference
from sacv.cav import membership
from sacv.cav.extraction import Gather
from sacv.cav.membership import SetPlan, plan
from sacv.cav.preprocessing import Preprocessing
from sacv.concepts import image_set
from sacv.engine import ShardStore, cut
from sacv.errors import ActivationError


def set_plan(images, weights=None, name="a", **options):
    items = image_set(name, images).items
    return SetPlan(items, tuple(weights or [None] * len(items)), **options)


# The plan


def test_an_image_of_several_sets_is_listed_once_and_keeps_its_fold():
    images = noise(12, 2, 3, 0)
    marked = [{"layer": np.ones(1)}] * 8  # the regions and the rest of an image must stay together
    made = plan([set_plan(images[:8], marked), set_plan(images[4:], marked), set_plan(images[8:], marked[:4])], 3, 0)
    assert len(made.items) == 12
    folds = {}
    for item, members in zip(made.items, made.members, strict=True):
        for member in members:
            assert made.sets[member.set].items[member.image].digest == item.digest
            units = made.units[member.set]
            assert units.of_image[member.image] == member.unit
            assert units.folds[member.unit] == member.fold
            assert folds.setdefault(item.digest, member.fold) == member.fold
    assert sorted(len(members) for members in made.members) == [1] * 4 + [2] * 8


def test_folds_of_a_set_depend_on_no_other_set_without_a_common_image():
    images = noise(20, 2, 3, 0)
    alone = plan([set_plan(images[:9])], 4, 7).units[0].folds
    beside = plan([set_plan(images[9:]), set_plan(images[:9])], 4, 7).units[1].folds
    np.testing.assert_array_equal(alone, beside)
    assert not np.array_equal(alone, plan([set_plan(images[:9])], 4, 8).units[0].folds)


def test_images_are_listed_fold_by_fold():
    made = plan([set_plan(noise(10, 2, 3, 0))], 3, 0)
    folds = [members[0].fold for members in made.members]
    assert folds == sorted(folds)


# What is gathered


def gathered(sets, *, size=4, split=None, **options):
    """Gather with the whole in one, or with batches `split` to two reducers, whose parts are merged."""
    wanted = {"preprocessing": Preprocessing(), "locations": 3, "seed": 0} | options
    reducer = Gather(planted_model(2), ("layer",), plan(sets, 3, 0), **wanted)
    sides = [reducer.empty(), reducer.empty()]
    for number, start in enumerate(range(0, len(reducer.plan.items), size)):
        side = 0 if split is None else split(number)
        piece = range(start, min(start + size, len(reducer.plan.items)))
        sides[side] = reducer.add(sides[side], reducer.load(piece))
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
    np.testing.assert_array_equal(one.image_fold, reducer.plan.units[0].folds)
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
    for one, other in zip(whole.image_statistics, merged.image_statistics, strict=True):
        np.testing.assert_array_equal(one, other)
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
    one = gathered([set_plan(noise(6, 2, 3, 0, mean=3.0))], preprocessing=Preprocessing(True))[1].sets["layer", 0]
    np.testing.assert_allclose(np.linalg.norm(one.sample.vectors, axis=1), 1, rtol=1e-12)


@pytest.mark.parametrize("size", [1, 4, 6])
def test_neighbours_are_averaged_within_an_image(size):
    """And before the mask's weights are laid on them."""
    images, weights = noise(6, 2, 4, 0, mean=3.0), np.random.default_rng(0).uniform(0, 1, (6, 16))
    plans = [set_plan(images, [{"layer": one} for one in weights])]
    one = gathered(plans, size=size, preprocessing=Preprocessing(True, 0.7), locations=16)[1].sets["layer", 0]
    values = np.stack([reference.read(image.movedim(0, -1).numpy(), 0.7).reshape(16, 2) for image in images])
    np.testing.assert_allclose(one.total().mean, mean_of(values, weights), rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.sample.vectors, values.reshape(-1, 2), rtol=0, atol=1e-12)


def test_activations_that_are_not_finite_name_layer_and_image():
    images = noise(6, 2, 3, 0)
    images[4, 1, 2, 0] = torch.inf
    model = sacv.VisionModel(Planted(2).double())
    with pytest.raises(ActivationError, match=r"'layer' has activations that are not finite for c\[4\]"):
        sacv.fit(model, ["layer"], {"c": images}, noise(6, 2, 3, 1))


# Very large sets, and parts


@pytest.fixture
def few_units(monkeypatch):
    """Sets of more than eight images have units: four images alone, and three groups."""
    for name, value in (("MOST_UNITS", 8), ("ALONE", 4), ("BUNDLES", 3)):
        monkeypatch.setattr(membership, name, value)


def test_means_and_samples_of_groups_are_those_of_their_images(few_units):
    images = noise(40, 2, 3, 0, mean=3.0)
    weights = np.random.default_rng(0).uniform(0.1, 1, (40, 9))
    plans = [set_plan(images), set_plan(images, [{"layer": one} for one in weights])]
    reducer, found = gathered(plans, locations=4)
    values = cells(images)
    for number, shares in enumerate((np.ones((40, 9)), weights)):
        one, units = found.sets["layer", number], reducer.plan.units[number]
        assert len(units.folds) == 7 and one.images.sizes.sum() == one.count == 40
        np.testing.assert_allclose(one.total().mean, mean_of(values, shares), rtol=0, atol=1e-12)
        assert one.total().count == pytest.approx(shares.sum())
        for unit in range(7):
            mine = units.of_image == unit
            assert one.images.sizes[unit] == mine.sum()
            np.testing.assert_allclose(one.images.means[unit], mean_of(values[mine], shares[mine]), rtol=0, atol=1e-12)
            assert one.images.weights[unit] == pytest.approx(shares[mine].sum())
            sampled = one.sample.vectors[one.sample.image == unit]
            assert len(sampled) == 4, "a group gives no more locations than an image"
            for vector in sampled:
                assert (values[mine].reshape(-1, 2) == vector).all(axis=1).any()
        for fold, part in enumerate(one.folds):
            held = (units.folds[units.of_image] == fold)[:, None] * np.ones(9)
            np.testing.assert_allclose(part.mean, mean_of(values, shares * held), rtol=0, atol=1e-12)


def test_a_sample_of_a_group_is_drawn_from_all_of_its_images(few_units):
    """Every location is as likely: over many seeds, each image of a group is met."""
    images = noise(30, 2, 3, 0)
    values, met = cells(images), set()
    for seed in range(30):
        reducer, found = gathered([set_plan(images)], locations=3, seed=seed)
        one, units = found.sets["layer", 0], reducer.plan.units[0]
        (group,) = np.flatnonzero(units.sizes == units.sizes.max())[:1]
        for vector in one.sample.vectors[one.sample.image == group]:
            met.add(int(np.flatnonzero((values == vector).all(axis=2).any(axis=1))[0]))
    assert met == set(np.flatnonzero(units.of_image == group))


@pytest.mark.parametrize("split", [lambda number: number % 2, lambda number: int(number < 4)])
def test_groups_merge_in_any_order_to_the_same(few_units, split):
    plans = [set_plan(noise(40, 2, 3, 0)), set_plan(noise(40, 2, 3, 0), means_only=True)]
    (_, whole), (_, merged) = gathered(plans), gathered(plans, split=split)
    one, other = whole.sets["layer", 0], merged.sets["layer", 0]
    np.testing.assert_allclose(other.images.means, one.images.means, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(other.sample.image, one.sample.image)
    np.testing.assert_array_equal(np.sort(other.sample.vectors, axis=0), np.sort(one.sample.vectors, axis=0))
    for mine, theirs in zip(whole.image_statistics, merged.image_statistics, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("units", [False, True])
def test_a_part_packs_and_unpacks_to_the_bit(units, request):
    if units:
        request.getfixturevalue("few_units")
    images = noise(20, 3, 3, 0)
    plans = [
        set_plan(images[:12]),
        set_plan(images[8:], [{"layer": np.ones(9)}] * 12),
        set_plan(images, means_only=True),
    ]
    made = plan(plans, 3, 0, apart=image_set("kept", noise(2, 3, 3, 5)).items)
    reducer = Gather(planted_model(3), ("layer",), made, Preprocessing(), 3, 0)
    part = reducer.empty()
    for start in range(0, 22, 4):
        part = reducer.add(part, reducer.load(range(start, min(start + 4, 22))))
    arrays = {name: values.copy() for name, values in reducer.pack(part).items()}
    again = reducer.pack(reducer.unpack(arrays, cut(22, 4)[0]))
    assert arrays.keys() == again.keys()
    for name, values in arrays.items():
        assert values.dtype == again[name].dtype
        np.testing.assert_array_equal(values, again[name])
    one = reducer.finish(reducer.merge(reducer.empty(), part))
    other = reducer.finish(reducer.merge(reducer.empty(), reducer.unpack(arrays, cut(22, 4)[0])))
    for key, mine in one.sets.items():
        for here, there in zip(mine.folds, other.sets[key].folds, strict=True):
            np.testing.assert_array_equal(here.scatter, there.scatter)
    np.testing.assert_array_equal(one.apart["layer"], other.apart["layer"])


def test_a_part_is_known_by_all_that_it_depends_on():
    images = noise(12, 2, 3, 0)
    shard, same = cut(8, 4)[0], planted_model(2)

    def key(sets=None, shard=shard, layers=("layer",), model=None, **options):
        wanted = {"preprocessing": Preprocessing(), "locations": 3, "seed": 0} | options
        made = plan(sets or [set_plan(images)], 3, 0)
        return Gather(model or same, layers, made, **wanted).key(shard)

    assert key() == key([set_plan(images.clone())], model=deepcopy(same)), (
        "another object of the same network and images"
    )
    halved = [{"layer": np.full(9, 0.5)}] * 12
    others = [
        key([set_plan(images[1:])]),
        key([set_plan(images, halved)]),
        key([set_plan(images), set_plan(images[:4])]),
        key([set_plan(images, means_only=True)]),
        key(shard=cut(8, 2)[0]),
        key(preprocessing=Preprocessing(True)),
        key(locations=4),
        key(seed=1),
        key(model=sacv.VisionModel(same.net, transform=sacv.ImageTransform(mean=(0.0, 0.0, 0.0)))),
        key(model=sacv.VisionModel(deepcopy(same.net).float())),
        key(model=planted_model(2)),
    ]
    assert len({key(), *others}) == len(others) + 1


# A fit that is interrupted, and one of very many images


def content(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


@pytest.mark.parametrize("units", [False, True])
def test_an_interrupted_fit_goes_on_and_gives_the_same_bank(units, request, tmp_path, monkeypatch):
    if units:
        request.getfixturevalue("few_units")
    monkeypatch.setattr("sacv.engine.shards.LEAST_IMAGES", 4)
    model, options = planted_model(3), {"batch_size": 2, "runs": 2, "nulls": 5, "absent": noise(6, 3, 3, 9)}
    given = (model, ["layer"], {"c": noise(9, 3, 3, 0, mean=1)}, noise(14, 3, 3, 1))
    sacv.fit(*given, **options).save(tmp_path / "whole")
    batches = 12 + 3
    for stop in range(1, batches + 1):
        store = ShardStore(tmp_path / f"shards {stop}")

        def interrupt(done, total, stop=stop):
            assert total == batches
            if done == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sacv.fit(*given, **options, shards=store, progress=interrupt)
        with store:
            sacv.fit(*given, **options, shards=store).save(tmp_path / "again")
        assert content(tmp_path / "again") == content(tmp_path / "whole")
        assert not store.folder.exists()


def test_parts_of_another_solver_are_of_use_where_activations_are_read_alike(tmp_path, monkeypatch):
    given = (planted_model(3), ["layer"], {"c": noise(9, 3, 3, 0, mean=1)}, noise(14, 3, 3, 1))
    store = ShardStore(tmp_path / "shards")
    sacv.fit(*given, solver=sacv.solvers.MeanDifference(), shards=store)
    monkeypatch.setattr(Gather, "add", lambda *_: pytest.fail("a batch is run again"))
    found = sacv.fit(*given, solver=sacv.solvers.LDA(0.1), shards=store)
    monkeypatch.undo()
    np.testing.assert_array_equal(found.cavs[0].vector, sacv.fit(*given, solver=sacv.solvers.LDA(0.1)).cavs[0].vector)


def test_a_fit_of_very_many_images_finds_the_same_direction(few_units, monkeypatch, tmp_path):
    """The direction is that of all images; what chance does is drawn for as many images as the concept has."""
    concept, random = noise(30, 3, 3, 0, mean=1), noise(60, 3, 3, 1)
    model, options = planted_model(3), {"solver": sacv.solvers.MeanDifference(), "absent": []}
    large = sacv.fit(model, ["layer"], {"c": concept}, random, **options)
    monkeypatch.setattr(membership, "MOST_UNITS", 1024)
    small = sacv.fit(model, ["layer"], {"c": concept}, random, **options)
    one, other = large.cavs[0], small.cavs[0]
    np.testing.assert_allclose(one.vector, other.vector, rtol=0, atol=1e-12)
    assert (one.quality.images, one.quality.random_images) == (30, 60)
    assert len(large.sets[0].images) == 7 and large.sets[0].count == 30 and len(large.sets[0].hashes) == 30
    assert 0.7 < np.median(one.null.separations) / np.median(other.null.separations) < 1.4
    large.save(tmp_path / "bank")
    again = sacv.ConceptBank.load(tmp_path / "bank")
    assert again.sets == large.sets and again.statistics["layer", "random"].count == 60
    with pytest.raises(sacv.errors.ImageSetError, match="share 30 images"):
        sacv.merge([large, sacv.fit(model, ["layer"], {"d": noise(9, 3, 3, 7)}, concept, **options)])
