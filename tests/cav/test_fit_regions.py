"""Concepts with regions."""

import numpy as np
import pytest
import torch
from conftest import SmallNet, make_pictures
from PIL import Image
from sklearn.metrics import roc_auc_score
from torch import nn

import sacv
from cav.planted import (
    assert_drawn_from,
    assert_same_cav,
    cells,
    halves,
    mean_of,
    noise,
    planted_model,
    unit,
)
from reference import contrast as slow
from reference import reading as reference
from sacv.cav.quality import HeldOut, best_threshold
from sacv.concepts import Region
from sacv.concepts.decoding import read_picture
from sacv.errors import ImageSetError, OptionError
from sacv.solvers import LDA, Logistic, MeanDifference, UnitLength
from solvers.table import solve

SOLVERS = [MeanDifference(), LDA(0.1), Logistic(C=0.1)]
each = pytest.mark.parametrize("solver", SOLVERS, ids=repr)


def fit(regions, random=(), *, concepts=None, side=1, channels=4, **options):
    model = planted_model(channels, side)
    options = {"locations": 99, "solver": MeanDifference(), **options}
    return sacv.fit(model, ["layer"], concepts, random, regions=regions, **options)


def some_masks(count, size, seed=0):
    """Masks of random pixels, with one pixel inside for certain."""
    masks = np.random.default_rng(seed).random((count, size, size)) < 0.4
    masks[:, size // 2, size // 2] = True
    return list(masks)


def shares(masks, side):
    """The share of each square of `side` pixels that a mask covers, `(images, locations)`, pixel by pixel."""
    found = []
    for mask in masks:
        rows, columns = (length // side for length in mask.shape)
        share = np.zeros((rows, columns))
        for row, column in np.argwhere(mask):
            share[row // side, column // side] += 1 / side**2
        found.append(share.ravel())
    return np.array(found)


def pooled(images, side):
    """The layer's activations, `(images, locations, channels)`."""
    return cells(nn.functional.avg_pool2d(images, side))


# The concept


@each
@pytest.mark.parametrize("normalise", [False, True])
def test_full_masks_give_the_vector_of_the_ordinary_concept(solver, normalise):
    """And its figures, threshold and runs; the null is drawn for the regions' own masks."""
    solver = UnitLength(solver) if normalise else solver
    images, random = noise(6, 4, 4, 0, mean=1), noise(9, 4, 4, 1)
    marked = fit({"x": Region(images, [np.ones((4, 4), bool)] * 6)}, random, solver=solver, side=2)
    whole = fit(None, random, concepts={"x": images}, solver=solver, side=2)
    one, other = marked.cav("layer", "x"), whole.cav("layer", "x")
    for name in ("vector", "evidence", "threshold"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=0, atol=1e-9)
    np.testing.assert_allclose(one.runs.vectors, other.runs.vectors, rtol=0, atol=1e-9)
    for figure in ("accuracy", "auroc", "auroc_interval", "image_auroc", "locations", "random_locations", "run_cosine"):
        assert getattr(one.quality, figure) == pytest.approx(getattr(other.quality, figure), abs=1e-9)
    assert [entry.regions for entry in marked.sets] == [True, False] and whole.seen_through == {}


@each
@pytest.mark.parametrize("side", [1, 2, 3])
def test_locations_weigh_as_their_mask_covers_them(solver, side):
    images, random, masks = noise(6, 4, 6, 0, mean=1), noise(8, 4, 6, 1), some_masks(6, 6)
    cav = fit({"x": Region(images, masks)}, random, rest=False, solver=solver, side=side).cav("layer", "x")
    weights, values, pool = shares(masks, side), pooled(images, side), pooled(random, side)
    if solver == MeanDifference():
        want = unit(mean_of(values, weights) - mean_of(pool))
    else:
        keep = weights.ravel() > 0
        given = weights.ravel()[keep], np.ones(pool.shape[0] * pool.shape[1])
        want = solve(solver, values.reshape(-1, 4)[keep], pool.reshape(-1, 4), given)
    np.testing.assert_allclose(cav.vector, want, rtol=0, atol=1e-6 if isinstance(solver, Logistic) else 1e-9)
    assert cav.quality.locations == pytest.approx(weights.sum())
    whole = fit(None, random, concepts={"x": images}, solver=solver, side=side).cav("layer", "x")
    assert np.abs(whole.vector - cav.vector).max() > 1e-3


@pytest.mark.parametrize("smoothing", [0.0, 1.0])
def test_activations_are_read_before_the_weights(smoothing):
    """What lies beside a region is averaged into it, as where the CAV is used."""
    images, random, masks = noise(6, 4, 4, 0, mean=1), noise(8, 4, 4, 1), some_masks(6, 4)
    solver = UnitLength(MeanDifference(), smoothing)
    cav = fit({"x": Region(images, masks)}, random, rest=False, solver=solver).cav("layer", "x")
    values, pool = (
        np.stack([reference.read(image.movedim(0, -1).numpy(), smoothing).reshape(16, 4) for image in each])
        for each in (images, random)
    )
    want = unit(mean_of(values, shares(masks, 1)) - mean_of(pool))
    np.testing.assert_allclose(cav.vector, want, rtol=0, atol=1e-12)


def test_a_region_shows_what_the_rest_of_the_photo_hides():
    """The concept is planted in the region alone, and elsewhere its opposite."""
    images, random = noise(12, 4, 6, 0), noise(12, 4, 6, 1)
    mask = np.zeros((6, 6), bool)
    mask[2:4, 1:3] = True
    images[:, 2] -= 3
    images[:, 2, 2:4, 1:3] += 18
    marked = fit({"x": Region(images, [mask] * 12)}, random).cav("layer", "x")
    whole = fit(None, random, concepts={"x": images}).cav("layer", "x")
    assert marked.vector[2] > 0.9 and marked.quality.auroc > 0.95
    assert whole.vector[2] < 0.5


def test_images_are_cropped_as_the_network_sees_them(tmp_path):
    """A layer within a network, images of 20 x 24 pixels, of which the network sees 12 x 12 at the centre."""
    model = sacv.VisionModel(SmallNet(), sacv.ImageTransform(resize=(20, 24), crop=12))
    photos, other = make_pictures(tmp_path / "photos", 5, 1, low=100), make_pictures(tmp_path / "other", 6, 2)
    masks = list(np.random.default_rng(0).random((5, 20, 24)) < 0.3)
    options = {"regions": {"x": Region(photos, masks)}, "rest": False, "solver": MeanDifference()}
    cav = sacv.fit(model, ["features.2"], None, other, **options).cav("features.2", "x")
    values = []
    for folder in (photos, other):
        batch = torch.stack([model.transform(read_picture(file)) for file in sorted(folder.iterdir())])
        with torch.no_grad():
            values.append(cells(model.net.features[:3](batch)).astype(np.float64))
    weights = np.array([mask[4:16, 6:18].ravel() for mask in masks], dtype=float)
    want = unit(mean_of(values[0], weights) - mean_of(values[1]))
    np.testing.assert_allclose(cav.vector, want, rtol=0, atol=1e-6)
    assert cav.quality.locations == weights.sum()


def test_masks_may_be_files_and_concepts_of_both_kinds_stand_together(tmp_path, small_model, guidance):
    masks = tmp_path / "masks"
    masks.mkdir()
    for file in guidance[0].iterdir():
        inside = np.zeros((20, 24), np.uint8)
        inside[5:15, 8:20] = 255
        Image.fromarray(inside).save(masks / file.name)
    bank = sacv.fit(
        small_model, ["features.2"], {"whole": guidance[0]}, guidance[1], regions={"part": Region(guidance[0], masks)}
    )
    assert bank.concepts == ["whole", "part"]
    # Of 12 x 10 locations, half the rows and half the columns.
    assert bank.cav("features.2", "part").quality.locations == pytest.approx(6 * 6 * 5)
    assert bank.cav("features.2", "part").quality.cosine["whole"] < 1


# Held out


@pytest.mark.parametrize("solver", [MeanDifference(), LDA(0.1)], ids=repr)
def test_held_out_figures_weigh_locations(solver):
    images, random, masks = noise(9, 4, 6, 0, mean=0.4), noise(10, 4, 6, 1), some_masks(9, 6)
    bank = fit({"x": Region(images, masks)}, random, rest=False, solver=solver, side=2, folds=3)
    cav, weights = bank.cav("layer", "x"), [shares(masks, 2), np.ones((10, 9))]
    values, folds = [pooled(images, 2), pooled(random, 2)], []
    scores = [np.zeros(each.shape[:2]) for each in values]
    for fold in range(3):
        rest = []
        for number, key in enumerate(("concept/x", "random")):
            folds.append(bank.statistics["layer", key].image_fold)
            keep = folds[-1] != fold
            rest.append((values[number][keep].reshape(-1, 4), weights[number][keep].ravel()))
        vector = solve(solver, rest[0][0], rest[1][0], (rest[0][1], rest[1][1]))
        for number in (0, 1):
            chosen = folds[number] == fold
            scores[number][chosen] = values[number][chosen] @ vector
    labels = np.r_[np.ones(81), np.zeros(90)]
    every = np.r_[weights[0].ravel(), weights[1].ravel()]
    want = roc_auc_score(labels, np.r_[scores[0].ravel(), scores[1].ravel()], sample_weight=every)
    assert 0.5 < want < 0.95
    assert cav.quality.auroc == pytest.approx(want, abs=1e-9)
    by_image = [np.average(each, axis=1, weights=its) for each, its in zip(scores, weights, strict=True)]
    want = roc_auc_score(np.r_[np.ones(9), np.zeros(10)], np.concatenate(by_image))
    assert cav.quality.image_auroc == pytest.approx(want, abs=1e-9)
    held_out = [
        HeldOut(each.ravel(), np.zeros(each.size), np.zeros(each.size), its.ravel())
        for each, its in zip(scores, weights, strict=True)
    ]
    assert cav.threshold == pytest.approx(best_threshold(*held_out), abs=1e-9)
    assert cav.quality.auroc_interval[0] < cav.quality.auroc < cav.quality.auroc_interval[1]
    order = np.argsort(scores[0], axis=None)
    share = np.cumsum(weights[0].ravel()[order]) / weights[0].sum()
    median = scores[0].ravel()[order][np.searchsorted(share, 0.5 - 1e-12)]
    assert cav.evidence[50] == pytest.approx(median, abs=1e-9)


# Runs and null


def test_runs_and_null_are_drawn_from_images_seen_through_the_masks():
    """Mask after mask is laid on image after image of the pool; the null's other side is not masked."""
    images, random, masks = noise(3, 4, 4, 0, mean=1), noise(6, 4, 4, 1), some_masks(3, 4)
    bank = fit({"x": Region(images, masks)}, random, rest=False, side=2)
    cav, values, pool, weights = bank.cav("layer", "x"), pooled(images, 2), pooled(random, 2), shares(masks, 2)
    runs = [unit(mean_of(values, weights) - mean_of(pool[half])) for half in halves(6, 3)]
    assert_drawn_from(cav.runs.vectors, np.array(runs))
    through = np.array([weights[index % 3] for index in range(6)])
    nulls = []
    for half in halves(6, 3):
        others = [index for index in range(6) if index not in half]
        nulls.append(unit(mean_of(pool[half], through[half]) - mean_of(pool[others])))
    assert_drawn_from(cav.null.vectors, np.array(nulls))
    seen = bank.seen_through["layer", "concept/x"]
    want = [mean_of(pool[index : index + 1], through[index : index + 1]) for index in range(6)]
    np.testing.assert_allclose(seen.means, want, rtol=0, atol=1e-12)
    np.testing.assert_allclose(seen.weights, through.sum(axis=1))


def test_the_null_of_a_rest_is_not_drawn_from_what_is_annotated():
    """Only the rest of an image counts, under the mask of the next one: otherwise the null is the concept."""
    images, masks = noise(5, 4, 4, 0, mean=1), some_masks(5, 4)
    bank = fit({"x": Region(images, masks)}, side=2)
    values, weights = pooled(images, 2), shares(masks, 2)
    through = np.array([weights[(index + 1) % 5] * (1 - weights[index]) for index in range(5)])
    through = np.array([both if both.any() else 1 - own for both, own in zip(through, weights, strict=True)])
    seen = bank.seen_through["layer", "concept/x"]
    want = [mean_of(values[index : index + 1], through[index : index + 1]) for index in range(5)]
    np.testing.assert_allclose(seen.means, want, rtol=0, atol=1e-12)
    np.testing.assert_allclose(seen.weights, through.sum(axis=1))


def test_a_photo_whose_rest_no_other_mask_meets_is_seen_as_all_of_its_rest():
    left = np.zeros((4, 4), bool)
    left[:, :2] = True
    bank = fit({"x": Region(noise(5, 4, 4, 0, mean=1), [left] * 5)}, side=2)
    np.testing.assert_allclose(bank.seen_through["layer", "concept/x"].weights, 2)


def test_regions_cost_one_pass_too():
    images, random = noise(5, 4, 4, 0, mean=1), noise(6, 4, 4, 1)
    model, seen = planted_model(4), []
    model.net.register_forward_pre_hook(lambda net, inputs: seen.append(len(inputs[0])))
    regions = {name: Region(images, some_masks(5, 4, seed)) for seed, name in enumerate("ab")}
    sacv.fit(model, ["layer"], {"c": images}, random, regions=regions)
    assert sum(seen) == 5 + 6 + 2  # and one twice to look at the shapes


@each
@pytest.mark.parametrize("rest", [True, False])
def test_what_else_is_fitted_changes_nothing(solver, rest):
    """Without the rest; with it, what is annotated on other images is a part of the rest."""
    images, random = noise(6, 4, 4, 0, mean=1), noise(8, 4, 4, 1)
    region = Region(images, some_masks(6, 4))
    options = {"solver": solver, "rest": rest}
    alone = fit({"x": region}, random, **options).cav("layer", "x")
    others = {"z": Region(images, some_masks(6, 4, 2))}
    if not rest:
        others = {"y": Region(noise(5, 4, 4, 2), some_masks(5, 4, 1))} | others
    for regions in (others | {"x": region}, {"x": region} | others):
        beside = fit(regions, random, concepts={"c": noise(7, 4, 4, 3)}, **options).cav("layer", "x")
        if next(iter(regions)) == "x":
            assert_same_cav(beside, alone, atol=1e-9)
        else:  # "z" came first and gave its photos their folds, which held-out scores depend on
            kept = [(cav.vector, cav.runs.vectors, cav.null.vectors, cav.null.thresholds) for cav in (beside, alone)]
            for one, two in zip(*kept, strict=True):
                np.testing.assert_allclose(one, two, rtol=0, atol=1e-9)


def test_batch_size_changes_nothing(tmp_path):
    model = sacv.VisionModel(SmallNet(), sacv.ImageTransform(resize=(12, 10)))
    photos, other = make_pictures(tmp_path / "photos", 5, 1, low=100), make_pictures(tmp_path / "other", 6, 2)
    masks = list(np.random.default_rng(0).random((5, 20, 24)) < 0.3)
    found = [
        sacv.fit(model, ["features.2"], None, other, regions={"x": Region(photos, masks)}, batch_size=size).cav(
            "features.2", "x"
        )
        for size in (1, 4, 32)
    ]
    for cav in found[1:]:
        assert_same_cav(cav, found[0], atol=1e-6, drawn=1e-4)


# The rest of the photos


@pytest.mark.parametrize("kind", [1.0, 1.3])
def test_a_concept_with_regions_is_contrasted_with_the_rest_of_its_images_and_a_weighted_pool(kind):
    images, random, masks = noise(8, 4, 4, 0, mean=1), noise(7, 4, 4, 1, mean=kind), some_masks(8, 4)
    bank = fit({"x": Region(images, masks)}, random, side=2)
    cav, weights = bank.cav("layer", "x"), shares(masks, 2)
    values, pool = pooled(images, 2), pooled(random, 2)
    rest = list(zip(values, 1 - weights, strict=True))
    others = [(each, np.ones(4)) for each in pool]
    folds = [bank.statistics["layer", key].image_fold.tolist() for key in ("rest/x", "random")]
    apart = slow.kind_auroc(rest, folds[0], others, folds[1])
    weight = slow.pool_weight(apart, 8)
    assert 0.1 < weight < 0.8
    marked = mean_of(values, weights)
    want = marked - slow.random_mean(rest, others, weight)
    np.testing.assert_allclose(cav.vector, unit(want), rtol=0, atol=1e-12)
    cosine = unit(want) @ unit(marked - mean_of(values, 1 - weights))
    assert cav.statistics == pytest.approx({"pool_auroc": apart, "pool_weight": weight, "pool_cosine": cosine})
    assert cav.separation == pytest.approx(np.linalg.norm(want)) and cosine < 0.9999
    assert (cav.quality.random_images, len(bank.random("layer", "x").image_fold)) == (15, 15)
    assert cav.quality.random_locations == pytest.approx((1 - weights).sum() * (1 + weight))
    assert [image.digest for image in bank.rests[0].images] == [image.digest for image in bank.sets[0].images]
    assert [entry.key for entry in (*bank.sets, *bank.rests)] == ["concept/x", "random", "rest/x"]
    # A run takes half of the rest and half of the pool, location by location as they weigh.
    factor = weight * (1 - weights).sum() / pool[..., 0].size
    both, its = np.concatenate([values, pool]), np.concatenate([1 - weights, np.full((7, 4), factor)])
    runs = [
        unit(marked - mean_of(both[chosen], its[chosen]))
        for half in halves(8, 4)
        for other in halves(7, 3)
        for chosen in [[*half, *(8 + index for index in other)]]
    ]
    assert_drawn_from(cav.runs.vectors, np.array(runs))


def test_the_rest_alone_may_be_the_pool():
    images, masks = noise(6, 4, 4, 0), some_masks(6, 4)
    for index, mask in enumerate(masks):
        images[index, 2][torch.from_numpy(mask)] += 9
    for random in ((), []):
        cav = fit({"x": Region(images, masks)}, random).cav("layer", "x")
        assert cav.vector[2] > 0.9 and cav.quality.auroc > 0.9
        assert cav.quality.random_images == 6 and cav.statistics == {}


def test_a_photo_s_region_and_rest_share_a_fold():
    """Else the vector that judges a region would have been fitted on the same photo."""
    images = noise(10, 4, 4, 0, mean=1)
    bank = fit({"x": Region(images, some_masks(10, 4))}, noise(9, 4, 4, 1), folds=4)
    folds = {}
    for entry in (*bank.sets, *bank.rests):
        for image, fold in zip(entry.images, bank.statistics["layer", entry.key].image_fold, strict=True):
            assert folds.setdefault(image.digest, fold) == fold
    assert len(folds) == 19


@pytest.mark.parametrize("rest", [True, False])
def test_marked_photos_that_share_a_fold_of_another_concept_are_parted(rest):
    """Else all of them would be judged by a vector fitted on none; a photo's rest stays with its regions."""
    images, random = noise(10, 4, 4, 0) + 5, noise(10, 4, 4, 1) + 5
    masks = some_masks(10, 4)
    for index, mask in enumerate(masks):
        images[index, 1][torch.from_numpy(mask)] += 40
    x = Region(images, masks)
    fold = fit({"x": x}, random, rest=rest).statistics["layer", "concept/x"].image_fold
    same = np.flatnonzero(fold == fold[0])
    y = Region(images[same], [masks[index] for index in same])
    bank = fit({"x": x, "y": y}, random, rest=rest)
    assert len(set(bank.statistics["layer", "concept/y"].image_fold.tolist())) == len(same) == 2
    assert bank.cav("layer", "y").quality.auroc > 0.9
    for entry in bank.rests:
        marked = next(one for one in bank.sets if one.concept == entry.concept)
        sides = [
            dict(zip((image.digest for image in one.images), bank.statistics["layer", one.key].image_fold, strict=True))
            for one in (marked, entry)
        ]
        assert {digest: sides[1][digest] for digest in sides[0]} == sides[0]


def test_what_another_concept_marks_on_the_concept_s_own_photos_is_its_rest():
    """On other photos it is what no concept marks, and so it is in the random set."""
    images = noise(7, 4, 4, 0, mean=1)
    left, top = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    left[:, :2], top[:3] = True, True
    bank = fit({"x": Region(images[:5], [left] * 5), "y": Region(images[2:], [top] * 5)})
    both, values = ~(left | top), cells(images)
    wanted = {
        "random": [~left] * 2 + [both] * 3 + [~top] * 2,
        "rest/x": [~left] * 5 + [~top] * 2,
        "rest/y": [~left] * 2 + [~top] * 5,
    }
    where = {image.digest: index for index, image in enumerate((*bank.sets[0].images[:2], *bank.sets[1].images))}
    for entry in (bank.sets[-1], *bank.rests):
        found = bank.statistics["layer", entry.key]
        order = [where[image.digest] for image in entry.images]
        assert sorted(order) == list(range(7))
        masks = np.array([wanted[entry.key][index] for index in order], dtype=float).reshape(7, 16)
        assert found.images.weights.tolist() == masks.sum(axis=1).tolist()
        np.testing.assert_allclose(found.total().mean, mean_of(values[order], masks), rtol=0, atol=1e-12)
    for name in "xy":
        marked = bank.statistics["layer", f"concept/{name}"].total().mean
        want = unit(marked - bank.statistics["layer", f"rest/{name}"].total().mean)
        np.testing.assert_allclose(bank.cav("layer", name).vector, want, rtol=0, atol=1e-12)


def test_images_covered_by_regions_have_no_rest():
    images, masks = noise(5, 4, 4, 0, mean=1), some_masks(5, 4)
    masks[1] = np.ones((4, 4), bool)
    bank = fit({"x": Region(images, masks)}, noise(4, 4, 4, 1))
    assert bank.cav("layer", "x").quality.images == 5
    digests = [image.digest for image in bank.sets[0].images]
    assert [image.digest for image in bank.rests[0].images] == digests[:1] + digests[2:]


def test_images_covered_by_regions_have_no_rest_on_any_grid():
    images, masks = noise(5, 4, 12, 0, mean=1), some_masks(5, 12)
    masks[1] = np.ones((12, 12), bool)
    bank = fit({"x": Region(images, masks)}, noise(4, 4, 12, 1), side=6)
    assert [len(bank.sets[1].images), len(bank.rests[0].images)] == [4, 4]
    assert bank.statistics["layer", "rest/x"].images.weights.min() > 0.01


@pytest.mark.parametrize("left", [0, 1])
def test_where_less_than_two_photos_have_a_rest_the_random_images_are_all_there_is(left):
    images, random = noise(5, 4, 4, 0, mean=1), noise(6, 4, 4, 1)
    masks = [np.ones((4, 4), bool)] * (5 - left) + some_masks(left, 4)
    found, plain = (fit({"x": Region(images, masks)}, random, rest=rest) for rest in (True, False))
    assert found.rests == () and set(found.statistics) == {("layer", "concept/x"), ("layer", "random")}
    assert_same_cav(found.cav("layer", "x"), plain.cav("layer", "x"), atol=0)
    assert found.cav("layer", "x").quality.location_auroc is None and found.cav("layer", "x").statistics == {}


def test_what_two_concepts_mark_is_taken_from_the_rest_once():
    images, mask = noise(5, 4, 4, 0, mean=1), np.zeros((4, 4), bool)
    mask[:, 0] = True  # half of each cell on the left
    bank = fit({"x": Region(images, [mask] * 5), "y": Region(images, [mask] * 5)}, side=2)
    assert bank.statistics["layer", "random"].images.weights.tolist() == [3] * 5


def test_a_photo_of_an_ordinary_concept_has_no_rest():
    images, random = noise(5, 4, 4, 0, mean=1), noise(6, 4, 4, 1)
    try:
        bank = fit({"x": Region(images, some_masks(5, 4))}, random, concepts={"c": images})
    except ImageSetError:
        return  # as where a concept shares images with the random set
    assert not {image.digest for image in bank.sets[0].images} & {image.digest for image in bank.sets[-1].images}


def with_negatives(masks, *negatives):
    masks = list(masks)
    for index in negatives:
        masks[index] = np.zeros_like(masks[index])
    return masks


def counts(entry):
    return len(entry.images), entry.negatives, entry.unused, entry.unmatched


def test_photos_that_show_nothing_join_the_rest_as_they_are():
    images, random = noise(6, 4, 4, 0, mean=1), noise(5, 4, 4, 1)
    masks = with_negatives(some_masks(6, 4), 1, 4)
    bank = fit({"x": Region(images, masks)}, random, side=2)
    weights, values = shares(masks, 2), pooled(images, 2)
    found = bank.statistics["layer", "rest/x"]
    np.testing.assert_allclose(found.total().mean, mean_of(values, 1 - weights), rtol=0, atol=1e-12)
    assert found.images.weights.tolist()[-2:] == [4, 4]
    assert counts(bank.sets[0]) == (4, 2, 0, 0) and len(bank.sets[-1].images) == 5 and len(bank.rests[0].images) == 6
    alone = fit({"x": Region(images, masks)}, side=2).cav("layer", "x")
    want = unit(mean_of(values, weights) - mean_of(values, 1 - weights))
    np.testing.assert_allclose(alone.vector, want, rtol=0, atol=1e-12)


def test_photos_that_show_nothing_are_left_out_without_rest():
    images, random = noise(6, 4, 4, 0, mean=1), noise(5, 4, 4, 1)
    masks = with_negatives(some_masks(6, 4), 1, 4)
    bank = fit({"x": Region(images, masks)}, random, rest=False)
    keep = [0, 2, 3, 5]
    alone = fit({"x": Region(images[keep], [masks[index] for index in keep])}, random, rest=False)
    assert_same_cav(bank.cav("layer", "x"), alone.cav("layer", "x"), atol=1e-12)
    assert counts(bank.sets[0]) == (4, 0, 2, 0) and len(bank.sets[-1].images) == 5


def test_a_photo_that_shows_nothing_of_one_concept_is_the_rest_of_another():
    images, left = noise(5, 4, 4, 0, mean=1), np.zeros((4, 4), bool)
    left[:, :2] = True
    regions = {
        "x": Region(images, with_negatives([left] * 5, 3, 4)),
        "y": Region(images, with_negatives([left] * 5, 0, 1, 4)),
    }
    bank = fit(regions)
    assert bank.statistics["layer", "random"].images.weights.tolist() == [8, 8, 8, 8, 16]
    assert [counts(entry)[:3] for entry in bank.sets] == [(3, 2, 0), (2, 3, 0), (5, 0, 0)]


def test_a_photo_that_shows_nothing_may_be_a_whole_concept_or_a_random_image():
    images = noise(8, 4, 4, 0, mean=1)
    masks = with_negatives(some_masks(6, 4), 3, 4, 5)
    bank = fit({"x": Region(images[:6], masks)}, images[5:], concepts={"c": images[3:5]})
    assert [counts(entry)[:3] for entry in bank.sets] == [(2, 0, 0), (3, 3, 0), (3, 0, 0)]
    digests = [image.digest for entry in (bank.sets[-1], *bank.rests) for image in entry.images]
    assert len(set(digests)) == len(digests) == 8  # a photo of another concept as a whole is rest of this one


def test_a_photo_that_shows_nothing_is_taken_once():
    images = noise(4, 4, 4, 0, mean=1)
    images = torch.cat([images, images[3:]])
    bank = fit({"x": Region(images, with_negatives(some_masks(5, 4), 3, 4))})
    assert counts(bank.sets[0]) == (3, 1, 0, 0) and len(bank.sets[0].repeats) == 1


@pytest.mark.parametrize("partly", [0, 1])
def test_a_pool_of_fewer_than_two_images_is_refused(partly):
    masks = [np.ones((4, 4), bool)] * (5 - partly) + some_masks(partly, 4)
    with pytest.raises(ImageSetError, match="at least 2"):
        fit({"x": Region(noise(5, 4, 4, 0, mean=1), masks)})


# What is refused


@pytest.mark.parametrize("rest", [True, False])
def test_the_rest_is_of_images_of_regions_alone(rest):
    images, random = noise(5, 4, 4, 0), noise(6, 4, 4, 1)
    bank = fit(None, random, concepts={"c": images}, rest=rest)
    assert bank.rests == () and bank.random("layer", "c") is bank.statistics["layer", "random"]
    with pytest.raises(OptionError, match="no random images are given"):
        fit(None, concepts={"c": images}, rest=rest)


def test_regions_need_random_images_or_rest():
    with pytest.raises(OptionError, match="no random images are given"):
        fit({"x": Region(noise(5, 4, 4, 0), some_masks(5, 4))}, rest=False)


@pytest.mark.parametrize("name", ["", "a/b", "random"])
def test_names_of_regions(name):
    with pytest.raises(OptionError, match=f"a concept cannot be named {name!r}"):
        fit({name: Region(noise(5, 4, 4, 0), some_masks(5, 4))}, noise(6, 4, 4, 1))


def test_a_concept_has_regions_or_whole_images():
    images = noise(5, 4, 4, 0)
    with pytest.raises(OptionError, match="'x' is given with whole images and with regions"):
        fit({"x": Region(images, some_masks(5, 4))}, noise(6, 4, 4, 1), concepts={"x": images})


def test_a_photo_of_the_random_set_cannot_be_marked():
    images = noise(5, 4, 4, 0)
    with pytest.raises(ImageSetError, match="'x' and the random set share 2 images"):
        fit({"x": Region(images, some_masks(5, 4))}, torch.cat([images[3:], noise(6, 4, 4, 1)]))


def test_one_photo_only():
    with pytest.raises(ImageSetError, match=r"x has 1 image .*at least 2"):
        fit({"x": Region(noise(1, 4, 4, 0), some_masks(1, 4))}, noise(6, 4, 4, 1))


def test_a_mask_outside_the_crop_is_refused(tmp_path):
    model = sacv.VisionModel(SmallNet(), sacv.ImageTransform(resize=(20, 24), crop=12))
    photos, other = make_pictures(tmp_path / "photos", 3, 1), make_pictures(tmp_path / "other", 6, 2)
    masks = [np.zeros((20, 24), bool) for _ in range(3)]
    for mask in masks:
        mask[10, 12] = True
    masks[1][:] = False
    masks[1][:, :6] = True  # up to the crop's border, and no further
    with pytest.raises(ImageSetError, match=r"1\.png: x\.masks\[1\] lies outside .* input of the network"):
        sacv.fit(model, ["features.2"], None, other, regions={"x": Region(photos, masks)})
    masks[1][10, 6] = True
    sacv.fit(model, ["features.2"], None, other, regions={"x": Region(photos, masks)})


def test_masks_of_another_size_are_refused():
    with pytest.raises(ImageSetError, match=r"masks\[2\] is for 5 x 5 pixels.* 4 x 4"):
        masks = [*some_masks(2, 4), *some_masks(1, 5), *some_masks(2, 4)]
        fit({"x": Region(noise(5, 4, 4, 0), masks)}, noise(6, 4, 4, 1))


def test_a_transform_that_does_not_tell_what_it_shows_is_refused(tmp_path):
    """Tensors, which are transformed already, need none."""
    model = sacv.VisionModel(SmallNet(), lambda picture: torch.rand(3, 12, 10))
    photos, other = make_pictures(tmp_path / "photos", 3, 1), make_pictures(tmp_path / "other", 6, 2)
    with pytest.raises(OptionError, match=r"need a transform that states .*ImageTransform"):
        sacv.fit(model, ["features.2"], None, other, regions={"x": Region(photos, [np.ones((20, 24), bool)] * 3)})
    tensors = torch.randn(3, 3, 12, 10)
    sacv.fit(model, ["features.2"], None, other, regions={"x": Region(tensors, [np.ones((12, 10), bool)] * 3)})
