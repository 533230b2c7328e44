"""Groups of images, such as patients: what is independent is the group, in folds, figures, draws and calibration."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

import sacv
from cav.planted import cells, noise, planted_model
from cav.test_bank import rich_fit
from reference import presence as reference
from sacv.cav import calibration
from sacv.cav.presence import GIVEN, HELD_OUT, Presence
from sacv.cav.quality_thresholds import weaknesses
from sacv.cav.sets import count_groups, independent_units
from sacv.cli.bank_card import group_remarks
from sacv.concepts import Region, image_set
from sacv.errors import ImageSetError, SacvError
from sacv.solvers import LDA, Logistic, MeanDifference

MODEL = planted_model(3)
FIGURES = ("accuracy", "auroc", "accuracy_interval", "auroc_interval", "image_accuracy", "image_auroc", "run_cosine")


def by_number(size):
    """Groups of `size` images in a row: `c[7]` is of group `c2` where the size is 3."""
    return lambda name: f"{name.split('[')[0]}{int(name.split('[')[1][:-1]) // size}"


def fit(concepts=None, random=None, **options):
    concepts = {"c": noise(24, 3, 4, 0, mean=1)} if concepts is None else concepts
    options = {"solver": MeanDifference(), "runs": 4, "nulls": 19, "locations": 99} | options
    return sacv.fit(MODEL, ["layer"], concepts, noise(36, 3, 4, 1) if random is None else random, **options)


def folds_of(bank, key):
    """The fold of each group of a set."""
    entry = next(entry for entry in (*bank.sets, *bank.rests) if entry.key == key)
    return dict(zip((image.group for image in entry.images), bank.statistics["layer", key].image_fold, strict=True))


# What stays as it is


@pytest.mark.slow
@pytest.mark.parametrize("solver", [LDA(0.2), Logistic()], ids=repr)
def test_groups_of_one_image_each_give_the_bank_without_groups(tmp_path, solver):
    banks = [
        rich_fit(solver=solver, absent=noise(24, 3, 4, 9).float(), groups=groups)
        for groups in (None, lambda name: f"patient of {name.replace('y', 'x')}")  # y is marked on the photos of x
    ]
    for name, bank in zip("ab", banks, strict=True):
        bank.save(tmp_path / name)
    for file in ("cavs.safetensors", "moments.safetensors"):
        one, other = ((tmp_path / name / file).read_bytes() for name in "ab")
        assert one == other
    for mine, theirs in zip(banks[0].cavs, banks[1].cavs, strict=True):
        assert replace(theirs.quality, groups=None, random_groups=None) == mine.quality
        assert (theirs.quality.groups, theirs.quality.random_groups) == (
            mine.quality.images,
            mine.quality.random_images,
        )


def test_a_bank_without_groups_says_nothing_of_them(tmp_path):
    rich_fit().save(tmp_path / "bank")
    assert "group" not in (tmp_path / "bank" / "bank.json").read_text()


def test_the_order_of_images_within_a_group_changes_nothing():
    images = noise(24, 3, 4, 0, mean=1)
    turned = torch.cat([part.flip(0) for part in images.split(3)])
    one, other = (fit({"c": given}, groups=by_number(3)) for given in (images, turned))
    assert folds_of(one, "concept/c") == folds_of(other, "concept/c")
    (mine,), (theirs,) = one.cavs, other.cavs
    np.testing.assert_allclose(mine.vector, theirs.vector, rtol=0, atol=1e-12)
    np.testing.assert_allclose(mine.runs.vectors, theirs.runs.vectors, rtol=0, atol=1e-12)
    np.testing.assert_allclose(mine.null.vectors, theirs.null.vectors, rtol=0, atol=1e-12)
    for name in FIGURES:
        np.testing.assert_allclose(getattr(mine.quality, name), getattr(theirs.quality, name), rtol=0, atol=1e-12)


# Units


def test_a_unit_is_a_group_and_its_mean_is_over_all_its_locations():
    images = noise(24, 3, 4, 0, mean=1)
    sizes = [1, 2, 3, 4, 5, 9]
    names = np.repeat([f"p{size}" for size in sizes], sizes)
    bank = fit({"c": images}, groups=lambda name: names[int(name[2:-1])] if name[0] == "c" else name)
    found, entry = bank.statistics["layer", "concept/c"], bank.sets[0]
    assert [image.group for image in entry.images] == [f"p{size}" for size in sizes]
    assert [image.count for image in entry.images] == sizes and entry.count == 24
    assert found.images.sizes.tolist() == [1] * 6 and found.count == 6
    ends = np.cumsum(sizes)[:-1]
    for unit, its in enumerate(np.split(cells(images), ends)):
        np.testing.assert_allclose(found.images.means[unit], its.reshape(-1, 3).mean(axis=0), rtol=0, atol=1e-12)
        assert found.images.weights[unit] == its.shape[0] * 16
        assert (found.sample.image == unit).sum() == min(16 * sizes[unit], 99), "each group gives as many locations"
    for fold in range(5):
        held = np.concatenate([its for its, of in zip(np.split(cells(images), ends), found.image_fold, strict=True)
                               if of == fold] or [np.empty((0, 16, 3))])  # fmt: skip
        assert found.folds[fold].count == len(held) * 16
    quality = bank.cavs[0].quality
    assert (quality.images, quality.random_images, quality.groups, quality.random_groups) == (24, 36, 6, 36)


def test_a_group_has_one_fold_in_every_set():
    """In two concepts, their rests and the random set, also where these are of a patient's different images."""
    photos, masks = noise(24, 3, 4, 2, mean=1), list(np.random.default_rng(0).random((24, 4, 4)) < 0.4)
    for mask in masks:
        mask[0, 0], mask[3, 3] = True, False

    def patient(name):
        return f"p{int(name.split('[')[1][:-1]) % 8}"

    bank = sacv.fit(
        MODEL, ["layer"], {"c": noise(16, 3, 4, 0, mean=2)}, noise(40, 3, 4, 1, mean=1), groups=patient, runs=2,
        nulls=9, regions={"x": Region(photos[:12], masks[:12]), "y": Region(photos[12:], masks[12:])},
    )  # fmt: skip
    known = {}
    for entry in (*bank.sets, *bank.rests):
        for group, fold in folds_of(bank, entry.key).items():
            assert known.setdefault(group, fold) == fold, (entry.key, group)
        assert len(set(folds_of(bank, entry.key).values())) == 5
    assert set(known) == {f"p{number}" for number in range(8)}
    # the rest's eight groups are among the random set's, which count once
    against = bank.against("layer", "x")
    assert count_groups(against.images) == 8 and len(against.images) > 8
    assert bank.cav("layer", "x").quality.random_groups == 8


def test_draws_are_of_groups():
    """A random run is against half of the groups, and a null CAV of as many groups as the concept has."""
    bank = fit(random=noise(36, 3, 4, 1), groups=by_number(6))
    means = cells(noise(36, 3, 4, 1)).reshape(6, -1, 3).mean(axis=1)
    concept = cells(noise(24, 3, 4, 0, mean=1)).reshape(-1, 3).mean(axis=0)
    (cav,) = bank.cavs
    halves = [list(chosen) for chosen in combinations(range(6), 3)]
    runs = [(concept - means[chosen].mean(axis=0)) for chosen in halves]
    runs = np.array([run / np.linalg.norm(run) for run in runs])
    assert np.abs(cav.runs.vectors[:, None] - runs[None]).max(axis=2).min(axis=1).max() < 1e-12
    nulls = [means[chosen].mean(axis=0) - np.delete(means, chosen, axis=0).mean(axis=0) for chosen in halves]
    nulls = np.array([null / np.linalg.norm(null) for null in nulls])
    assert np.abs(cav.null.vectors[:, None] - nulls[None]).max(axis=2).min(axis=1).max() < 1e-12


def test_what_is_annotated_is_contrasted_with_the_rest_of_its_patient():
    photos, masks = noise(12, 3, 4, 2), list(np.random.default_rng(1).random((12, 4, 4)) < 0.4)
    for mask in masks:
        mask[0, 0], mask[3, 3] = True, False
    bank = sacv.fit(
        MODEL, ["layer"], random=(), regions={"x": Region(photos, masks)}, groups=by_number(3), locations=99, runs=2,
        nulls=0, solver=MeanDifference(),
    )  # fmt: skip
    found, areas = cells(photos).reshape(4, 48, 3), []
    inside = np.stack(masks).reshape(4, 48)
    fold = bank.statistics["layer", "concept/x"].image_fold
    for patient in range(4):
        keep = fold != fold[patient]
        direction = found[keep][inside[keep]].mean(axis=0) - found[keep][~inside[keep]].mean(axis=0)
        areas.append(roc_auc_score(inside[patient], found[patient] @ direction))
    quality = bank.cavs[0].quality
    np.testing.assert_allclose(quality.location_auroc, np.mean(areas), atol=1e-12)
    assert (quality.groups, quality.random_groups, quality.images) == (4, 4, 12)


# The card


def test_the_card_is_saved_and_loaded(tmp_path):
    bank = fit(groups=by_number(3), absent=noise(60, 3, 4, 5))
    bank.save(tmp_path / "bank")
    found = sacv.ConceptBank.load(tmp_path / "bank")
    assert found.sets == bank.sets and found.absent == bank.absent
    assert found.cavs[0].quality == bank.cavs[0].quality and found.cavs[0].quality.groups == 8
    mine, theirs = (one.cavs[0].presence for one in (bank, found))
    np.testing.assert_array_equal(mine.shares, theirs.shares)
    assert mine.threshold == theirs.threshold is not None
    found.save(tmp_path / "again")
    assert (tmp_path / "again" / "bank.json").read_bytes() == (tmp_path / "bank" / "bank.json").read_bytes()


def test_too_few_groups_are_a_weakness_and_few_are_remarked():
    few = fit(groups=by_number(6)).cavs[0]
    assert [text for text in weaknesses(few) if "groups" in text] == [
        "its 24 images are of 4 groups, such as patients (at least 5): add images of other groups"
    ]
    quality = replace(few.quality, random_groups=3, groups=12)
    (told,) = (text for text in weaknesses(replace(few, quality=quality)) if "groups" in text)
    assert told.startswith("its 36 random images are of 3 groups")
    assert list(group_remarks(replace(few, quality=replace(quality, random_groups=12)))) == []
    (remark,) = group_remarks(replace(few, quality=replace(quality, random_groups=9)))
    assert "the 36 random images come from only 9 groups" in remark and "10 groups or more" in remark
    assert not any("group" in text for text in (*weaknesses(fit().cavs[0]), *group_remarks(fit().cavs[0])))


def test_what_scores_low_is_named_by_its_group():
    images = noise(24, 3, 4, 0, mean=3)
    images[6:9] -= 8
    assert fit({"c": images}, groups=by_number(3)).cavs[0].quality.absent == ("c2",)


@pytest.mark.parametrize(("options", "words"), [
    ({"groups": r"c"}, r"no group is found for random\[0\], .*random\[9\] and 26 more"),
    ({"groups": lambda name: "p" if name[0] == "c" else name}, "c has 24 images, all of group 'p'; at least 2 groups"),
    ({"groups": lambda name: "p" if name[0] == "r" else name}, "random has 36 images, all of group 'p'"),
    ({"groups": "(", "absent": ()}, "is not a regular expression"),
    ({"groups": lambda name: name[-2], "absent": noise(19, 3, 4, 5)}, r"share 10 groups \(0, 1, 2\)"),
])  # fmt: skip
def test_what_cannot_be_is_one_clear_line(options, words):
    with pytest.raises(SacvError, match=words) as told:
        fit(**options)
    assert "\n" not in str(told.value)


# The presence mask


def presence_of(groups):
    pairs = sorted((value, 1 / len(its)) for its in groups for value in its)
    values, shares = zip(*pairs, strict=True)
    return Presence(np.array(values, dtype=np.float32), GIVEN, len(values), shares=np.array(shares))


@given(st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=4), min_size=15, max_size=65))
def test_the_threshold_of_groups_is_that_of_the_slow_reference(groups):
    """Present is what has a p-value of at most 5 %, ties and all."""
    found = presence_of(groups)
    assert found.groups == len(groups)
    for reached in range(-1, 14):
        want = reference.p_value(reached, groups) <= reference.ALPHA
        assert (found.threshold is not None and reached > found.threshold) == want, reached


def test_groups_below_19_have_no_mask_however_many_images_they_have():
    rng = np.random.default_rng(0)
    few = presence_of([rng.standard_normal(9) for _ in range(18)])
    assert few.threshold is None
    assert (
        "no mask: 162 images of 18 groups given" in few.description
        and "19 groups or more are needed" in few.description
    )
    enough = presence_of([rng.standard_normal(9) for _ in range(19)])
    assert enough.threshold == enough.maxima.max()
    assert "such an image, of a new group, has any location in the mask" in enough.description


@pytest.mark.slow
def test_an_image_of_a_new_group_is_in_the_mask_as_often_as_is_promised():
    """Where images of a group resemble each other; by images alone, far more often where the large ones are low."""
    rng, marked = np.random.default_rng(0), np.zeros(2)
    for _ in range(4000):
        levels = rng.standard_normal(25)
        sizes = np.where(levels < np.quantile(levels, 0.7), 30, 2)
        groups = [level + 0.3 * rng.standard_normal(size) for level, size in zip(levels, sizes, strict=True)]
        new = rng.standard_normal() + 0.3 * rng.standard_normal()
        hierarchical = presence_of(groups)
        marked += [new > replace(hierarchical, shares=shares).threshold for shares in (hierarchical.shares, None)]
    share = marked / 4000
    assert share[0] < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 4000) and share[1] > 0.15, share


def test_images_are_held_out_by_group_and_none_of_a_concepts_groups():

    def groups(name):
        return f"p{int(name.split('[')[1][:-1]) % 100}"

    bank = fit({"c": noise(30, 3, 2, 0, mean=1)}, noise(400, 3, 2, 1), groups=groups)
    apart = {image.group for image in bank.absent.images}
    pool = {image.group for image in bank.sets[-1].images}
    assert len(apart) == 25 and len(bank.absent.images) == 100, "a quarter of the groups, each as a whole"
    assert not apart & pool and apart | pool == {f"p{number}" for number in range(100)}
    assert not apart & {image.group for image in bank.sets[0].images}
    presence = bank.cavs[0].presence
    assert (presence.kind, presence.groups, len(presence), presence.negatives) == (HELD_OUT, 19, 76, 24)
    few = fit({"c": noise(30, 3, 2, 0, mean=1)}, noise(400, 3, 2, 1), groups=by_number(6))
    assert not len(few.cavs[0].presence), "67 groups are too few"


def test_as_many_images_are_stored_as_memory_allows_group_by_group(monkeypatch):
    monkeypatch.setattr(calibration, "MOST_VALUES", 25 * 4 * 3)
    bank = fit({"c": noise(9, 3, 2, 0, mean=1)}, noise(9, 3, 2, 1), absent=noise(40, 3, 2, 5), groups=by_number(4))
    assert len(bank.absent.images) == 25 and len({image.group for image in bank.absent.images}) == 7


# Merging and fitting anew


def test_merged_banks_keep_groups():
    own = [fit({"c": noise(12, 3, 4, seed, mean=1)}, noise(12, 3, 4, seed + 9), groups=lambda name, seed=seed:
               f"{seed}{by_number(3)(name)}") for seed in (1, 2)]  # fmt: skip
    found = sacv.merge(own)
    quality = found.cavs[0].quality
    assert (quality.images, quality.groups, quality.random_images, quality.random_groups) == (24, 8, 24, 8)
    want = {f"{seed}c{number}" for seed in (1, 2) for number in range(4)}
    assert {image.group for image in found.sets[0].images} == want


def test_a_group_in_two_banks_is_an_error():
    """Its folds differ, and it would count twice."""
    one, other = (
        fit({"c": noise(12, 3, 4, seed, mean=1)}, noise(12, 3, 4, seed + 9), groups=by_number(3)) for seed in (1, 2)
    )
    with pytest.raises(ImageSetError, match=r"group '[cr]\w+' has images in both banks") as told:
        sacv.merge([one, other])
    assert "\n" not in str(told.value)
    shared = fit({"d": noise(12, 3, 4, 5, mean=1)}, noise(12, 3, 4, 10), groups=lambda name: "random1" if name == "d[0]"
                 else by_number(3)(name))  # fmt: skip
    with pytest.raises(ImageSetError, match="group 'random1'"):
        sacv.merge([one, shared])
    with pytest.raises(ImageSetError, match="group 'random1'"):
        sacv.refit(shared, random=one)
    apart = fit({"d": noise(12, 3, 4, 5, mean=1)}, noise(12, 3, 4, 10), groups=by_number(3))
    assert sacv.merge([one, apart]).concepts == ["c", "d"]


def test_concepts_that_share_groups_become_one_random_set():
    """Each patient is one unit of it, as if the images had been given together."""
    a, b, c, random = (noise(18, 3, 4, seed) for seed in range(4))

    def groups(name):
        return f"{'c' if name[0] == 'c' else 'p'}{int(name.split('[')[1][:-1]) // 3}"

    bank = sacv.refit(fit({"a": a, "b": b, "c": c + 1}, random, groups=groups), random=["a", "b"])
    found = bank.statistics["layer", "random"]
    assert found.count == len(bank.sets[-1].images) == 6 and [one.count for one in bank.sets[-1].images] == [6] * 6
    both = np.concatenate([cells(part).reshape(6, -1, 3) for part in (a, b)], axis=1)
    np.testing.assert_allclose(found.images.means, both.mean(axis=1), rtol=0, atol=1e-12)
    assert np.bincount(found.sample.image).tolist() == [2 * 48] * 6
    quality = bank.cavs[0].quality
    assert (quality.random_images, quality.random_groups) == (36, 6)


def test_units_of_one_group_are_one_thing():
    bank = fit(groups=by_number(6))
    images = bank.sets[0].images
    assert (
        independent_units([*images, *images]).tolist() == [0, 1, 2, 3, 0, 1, 2, 3]
        and count_groups([*images, *images]) == 4
    )
    bundle = replace(images[0], groups=3, count=9)
    assert independent_units([bundle, bundle]).tolist() == [0, 1] and count_groups([bundle, images[1]]) == 4


# The law


def clinic(seed, patients=16, pictures=5, channels=64):
    """Images `(patients, images, channels, 2, 2)`, those of a patient of one style."""
    rng = torch.Generator().manual_seed(seed)
    style = torch.randn(patients, 1, channels, 1, 1, generator=rng, dtype=torch.float64)
    return style + 0.6 * torch.randn(patients, pictures, channels, 2, 2, generator=rng, dtype=torch.float64)


@pytest.mark.slow
def test_folds_by_patient_do_not_validate_what_folds_by_image_do():
    """Labels are permuted over patients, so that nothing can be learned of others; but a patient's style can."""
    model, areas = planted_model(64), {"picture": [], "patient": []}
    for seed in range(10):
        sick, well = clinic(seed).split(8)
        for by, groups in (("picture", None), ("patient", by_number(5))):
            bank = sacv.fit(
                model, ["layer"], {"sick": sick.flatten(0, 1)}, well.flatten(0, 1), groups=groups, seed=seed, runs=1,
                nulls=0, absent=(), solver=MeanDifference(),
            )  # fmt: skip
            areas[by].append(bank.cavs[0].quality.image_auroc)
    assert min(areas["picture"]) > 0.9
    assert abs(np.mean(areas["patient"]) - 0.5) < 2 * np.std(areas["patient"], ddof=1) / np.sqrt(10)


def test_items_that_have_a_group_need_no_rule():
    """As the rows of a table give them."""
    images = image_set("c", noise(12, 3, 4, 0, mean=1))
    items = tuple(item.of_group(f"p{number // 3}") for number, item in enumerate(images))
    bank = fit({"c": replace(images, items=items)}, noise(12, 3, 4, 1))
    assert (bank.cavs[0].quality.groups, bank.cavs[0].quality.random_groups) == (4, 12)
