"""Textures pasted into photos: planned, judged, and taken where that helps."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import sacv
from cav.planted import unit
from cav.test_bank import assert_same_bank
from reference import composites as reference
from sacv.cav.context import COST, ContextEvidence, Part, judge, mixed
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.concepts import Composite, Region, image_set
from sacv.errors import ImageSetError, OptionError, UnreadableImageError
from sacv.solvers import LDA, Logistic, MeanDifference
from sacv.stats import LocationSample, Moments

SIDE, SHADE = 32, 1.2


class Shaded(nn.Module):
    """Its layer gives cells of 4 x 4 pixels; `shade` times the mean of red over the whole image is added to green."""

    def __init__(self, shade: float = 0.0) -> None:
        super().__init__()
        self.layer, self.head, self.shade = nn.Identity(), nn.Linear(3, 2), shade
        nn.init.ones_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cells = nn.functional.avg_pool2d(x, 4)
        red = cells[:, :1].mean(dim=(2, 3), keepdim=True)
        cells = cells + self.shade * torch.cat([torch.zeros_like(red), red, torch.zeros_like(red)], dim=1)
        return self.head(self.layer(cells).mean(dim=(2, 3)))


def model(shade=0.0):
    return sacv.VisionModel(Shaded(shade), sacv.ImageTransform(resize=(SIDE, SIDE)))


def pictures(count, seed, red=100, spread=30):
    """Images of noise in cells of 4 x 4 pixels, around a red of so much."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal([red, 100, 100], spread, (count, SIDE // 4, SIDE // 4, 3))
    return list(np.clip(coarse, 0, 255).astype(np.uint8).repeat(4, axis=1).repeat(4, axis=2))


CONCEPT, RANDOM, PHOTOS = pictures(40, 1, red=160), pictures(40, 2), pictures(9, 3)


def fit(shade=0.0, *, context=PHOTOS, concepts=None, random=RANDOM, **options):
    options = {"solver": MeanDifference(), "nulls": 19, "runs": 3, **options}
    concepts = {"c": CONCEPT} if concepts is None else concepts
    return sacv.fit(model(shade), ["layer"], concepts, random, context=context, **options)


def labels(folder):
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


# What is taken


def test_pasted_regions_are_taken_at_a_layer_where_that_helps():
    """Full frames are recognisable by a shade that no location of a composite has."""
    bank = fit(SHADE)
    (evidence,) = bank.context.evidence
    assert evidence.taken and evidence.part[1] > evidence.part[0] + 0.01 and evidence.composites == 8
    assert set(bank.pasted) == {("layer", "concept/c"), ("layer", "random")}
    plain = fit(SHADE, context=None)
    assert plain.context is None and plain.pasted == {}
    (cav,), (other,) = bank.cavs, plain.cavs
    assert cav.vector[0] > other.vector[0] + 0.05


def test_a_taken_direction_is_that_of_three_quarters_full_frames_and_one_quarter_regions():
    """From the record in the bank: composites painted again, the network run by hand, cells weighed pixel by pixel."""
    bank = fit(SHADE)
    known = {item.digest: item for name, part in (("c", CONCEPT), ("random", RANDOM), ("context", PHOTOS))
             for item in image_set(name, part)}  # fmt: skip
    concept = {item.digest for item in image_set("c", CONCEPT)}
    frames = [run(part).reshape(-1, 3).mean(axis=0) for part in (CONCEPT, RANDOM)]
    sums, weight = np.zeros((2, 3)), np.zeros(2)
    for record in bank.context.composites:
        made = Composite(known[record.photo], tuple(known[digest] for digest in record.textures), record.seed)
        assert sum(digest in concept for digest in record.textures) == 2 and len(record.textures) == 4
        values = run([np.asarray(made.item.load())])[0]
        for number, digest in enumerate(record.textures):
            share = reference.coverage(made.labels(), number, (8, 8)).reshape(-1, 1)
            side = int(digest not in concept)
            sums[side] += (share * values).sum(axis=0)
            weight[side] += share.sum()
    regions = sums / weight[:, None]
    want = 0.75 * (frames[0] - frames[1]) + 0.25 * (regions[0] - regions[1])
    np.testing.assert_allclose(bank.cavs[0].vector, unit(want), rtol=0, atol=1e-5)


def run(images):
    """The layer's cells `(images, locations, channels)`, by hand."""
    shaded = model(SHADE)
    inputs = torch.stack([shaded.transform(item.load()) for item in image_set("x", images)])
    cells = nn.functional.avg_pool2d(inputs, 4)
    cells[:, 1] += SHADE * cells[:, 0].mean(dim=(1, 2), keepdim=True)
    return cells.flatten(2).transpose(1, 2).double().numpy()


def test_where_nothing_is_taken_the_cavs_are_those_without_a_context(tmp_path):
    """A layer of cells that know of nothing else: regions say what full frames do."""
    bank, plain = fit(), fit(context=None)
    assert not bank.context.evidence[0].taken and bank.pasted == {}
    bank.save(tmp_path / "context")
    plain.save(tmp_path / "plain")
    for name in ("cavs.safetensors", "moments.safetensors"):
        assert labels(tmp_path / "context")[name] == labels(tmp_path / "plain")[name]


def test_a_layer_that_represents_the_whole_image_is_left_alone():
    bank = fit(300.0)
    (evidence,) = bank.context.evidence
    assert not evidence.local and not evidence.taken and evidence.full[0] > 0.95
    assert "represent the whole image" in str(evidence)


GOOD = ContextEvidence("layer", "c", 20, (0.80, 0.85), 0.02, (0.99, 0.99), 0.9)


@pytest.mark.parametrize(
    ("change", "taken", "words"),
    [
        ({}, True, "fitted on pasted regions too (as part of a photo, held-out AUROC 0.800 without and 0.850"),
        ({"gain_low": 0.009}, False, "do not help enough"),
        ({"full": (0.99, 0.987)}, False, "pasted regions lower the AUROC there (full frames 0.990 and 0.987"),
        ({"pasted": 0.76}, False, "AUROC 0.990 in full frames, 0.760 as pasted regions"),
    ],
)
def test_what_is_decided_and_said(change, taken, words):
    evidence = replace(GOOD, **change)
    assert evidence.taken is taken and words in str(evidence)


# The figures behind it


def statistics(values, folds):
    """Of images `(images, locations, channels)`."""
    parts = [values[np.asarray(folds) == fold].reshape(-1, values.shape[-1]) for fold in range(max(folds) + 1)]
    where = np.repeat(np.arange(len(values)), values.shape[1])
    sample = LocationSample(values.reshape(-1, values.shape[-1]), where, np.ones(len(where)))
    means = ImageMeans.single(values.mean(axis=1), np.full(len(values), float(values.shape[1])))
    return SetStatistics(tuple(Moments.of(part) for part in parts), np.array(folds), means, sample)


def test_a_mixture_has_the_moments_of_weighted_locations():
    rng = np.random.default_rng(0)
    full, pasted = rng.normal(size=(6, 5, 3)), rng.normal(1, 2, size=(4, 3, 3))
    found = mixed(statistics(full, [0, 0, 1, 1, 2, 2]), statistics(pasted, [0, 1, 2, 2]))
    vectors = np.concatenate([full.reshape(-1, 3), pasted.reshape(-1, 3)])
    weights = np.concatenate([np.full(30, 0.75), np.full(12, 30 * 0.25 / 12)])
    want = Moments.of(vectors, weights)
    assert found.total().count == pytest.approx(30)
    np.testing.assert_allclose(found.total().mean, want.mean, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.total().scatter, want.scatter, rtol=0, atol=1e-12)
    np.testing.assert_allclose(found.images.of(np.ones(6, dtype=bool)), want.mean, rtol=0, atol=1e-12)


def beats(inside, outside):
    """Share of pairs that the first wins, one pair at a time."""
    return np.mean([(one > other) + 0.5 * (one == other) for one in inside for other in outside])


def test_the_evidence_is_held_out_and_within_each_composite():
    rng = np.random.default_rng(1)
    concept, random = rng.normal(0.4, 1, (6, 4, 3)), rng.normal(0, 1, (6, 4, 3))
    regions = [rng.normal([0.5, 0, 0], 1, (6, 3, 3)), rng.normal(0, 1, (6, 3, 3)), rng.normal(0, 1, (6, 5, 3))]
    folds, numbers = [0, 0, 1, 1, 2, 2], np.arange(6)
    full = statistics(concept, folds), statistics(random, folds)
    parts = [Part(statistics(values, folds), numbers) for values in regions]
    found = judge("layer", "c", MeanDifference(), full, (parts[0], parts[1]), parts[2])
    part, frames, pasted = np.zeros((2, 6)), [[[], []], [[], []]], [[], []]
    for image, fold in enumerate(folds):
        rest = np.array(folds) != fold
        plain = unit(concept[rest].mean(axis=(0, 1)) - random[rest].mean(axis=(0, 1)))
        # the share of regions is that of all, so that without a fold of as many images each it is the same
        both = unit(0.75 * (concept[rest].mean(axis=(0, 1)) - random[rest].mean(axis=(0, 1)))
                    + 0.25 * (regions[0][rest].mean(axis=(0, 1)) - regions[1][rest].mean(axis=(0, 1))))  # fmt: skip
        for way, vector in enumerate((plain, both)):
            inside, other, around = (values[image] @ vector for values in regions)
            part[way, image] = beats(inside, np.concatenate([other, around]))
            frames[way][0] += list(concept[image] @ vector)
            frames[way][1] += list(random[image] @ vector)
            if way == 0:
                pasted[0] += list(inside)
                pasted[1] += list(other)
    gains = part[1] - part[0]
    assert found.composites == 6
    assert found.part == pytest.approx(tuple(part.mean(axis=1)))
    assert found.gain_low == pytest.approx(gains.mean() - 1.96 * gains.std(ddof=1) / 6**0.5)
    assert found.full == pytest.approx(tuple(beats(*sides) for sides in frames))
    assert found.pasted == pytest.approx(beats(*pasted))


# Cost and seed


def test_a_context_costs_a_tenth_more():
    ran = []

    class Counting(Shaded):
        def forward(self, x):
            ran.append(len(x))
            return super().forward(x)

    counts = []
    for context in (None, PHOTOS):
        ran.clear()
        counting = sacv.VisionModel(Counting(), sacv.ImageTransform(resize=(SIDE, SIDE)))
        sacv.fit(counting, ["layer"], {"c": CONCEPT}, RANDOM, context=context, nulls=0)
        counts.append(sum(ran))
    assert counts[1] - counts[0] == 80 // COST and counts[1] <= 1.1 * counts[0]


def test_the_same_seed_gives_the_same_bank_and_another_seed_other_composites(tmp_path):
    for name, seed in (("one", 0), ("two", 0), ("three", 1)):
        fit(SHADE, seed=seed).save(tmp_path / name)
    one, two, three = (labels(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two != three
    first, other = (sacv.ConceptBank.load(tmp_path / name).context for name in ("one", "three"))
    assert {record.seed for record in first.composites} != {record.seed for record in other.composites}


def test_a_bank_stores_what_was_taken(tmp_path):
    bank = fit(SHADE)
    bank.save(tmp_path / "bank")
    loaded = sacv.ConceptBank.load(tmp_path / "bank")
    assert bank.pasted
    assert_same_bank(loaded, bank)
    np.testing.assert_allclose(sacv.refit(loaded).cavs[0].vector, bank.cavs[0].vector, rtol=0, atol=1e-12)
    assert len(bank.context.photos) == 9


def test_another_random_set_leaves_the_context_out():
    bank = fit(SHADE, concepts={"c": CONCEPT, "d": pictures(40, 5, red=40)})
    found = sacv.refit(bank, random=["d"])
    assert found.context is None and found.pasted == {}


def test_a_merged_bank_leaves_the_context_out():
    parts = [fit(SHADE, concepts={name: pictures(40, seed, red=160)}) for name, seed in (("a", 5), ("b", 6))]
    found = sacv.merge(parts)
    assert all(part.pasted for part in parts)
    assert found.context is None and found.pasted == {} and found.concepts == ["a", "b"]


def test_photos_that_cannot_be_read_are_listed(tmp_path):
    for number, photo in enumerate(PHOTOS):
        Image.fromarray(photo).save(tmp_path / f"{number}.png")
    (tmp_path / "bad.png").write_bytes(b"no image")
    found = fit(context=tmp_path, skip_unreadable=True).context
    assert len(found.photos) == 9 and [name for name, _ in found.skipped] == [str(tmp_path / "bad.png")]
    with pytest.raises(UnreadableImageError, match=r"context: .*bad.png"):
        fit(context=tmp_path)


def test_concepts_that_few_composites_show_are_not_judged():
    """Five composites of two concepts each: two for three of the concepts, and four."""
    concepts = {name: pictures(5, seed, red=160) for name, seed in zip("abcde", range(10, 15), strict=True)}
    found = fit(SHADE, concepts=concepts, random=RANDOM[:30])
    assert found.context.too_few == ("a", "b", "c", "d", "e") and found.context.evidence == ()
    assert len(found.context.composites) == 5 and found.pasted == {}


def test_a_bank_with_regions_taken_is_refitted_from_moments_alone():
    with pytest.raises(OptionError, match="fitted on textures in context too"):
        sacv.refit(fit(SHADE), solver=Logistic())
    assert sacv.refit(fit(SHADE), solver=LDA()).pasted


# What is refused


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"context": [*PHOTOS, CONCEPT[3]]}, ImageSetError, r"context and concept 'c' share 1 images"),
        ({"context": [*PHOTOS, RANDOM[0]]}, ImageSetError, r"context and the random set share 1 images"),
        ({"absent": [*pictures(20, 8), PHOTOS[0]]}, ImageSetError, r"absent images and .context. share 1 images"),
        ({"context": PHOTOS[:1]}, ImageSetError, r"context has 1 photo \(context\[0\]\); at least 2"),
        ({"context": [PHOTOS[0], PHOTOS[0]]}, ImageSetError, r"context has 1 photo"),
        ({"solver": Logistic()}, OptionError, r"Logistic needs samples"),
        ({"random": RANDOM[:9]}, ImageSetError, r"49 images give 4; at least 5 .* give 50 images or more"),
    ],
)
def test_bad_input_is_refused(options, kind, message):
    with pytest.raises(kind, match=message):
        fit(**options)


def test_concepts_with_regions_alone_have_nothing_to_paste():
    masks = [np.eye(SIDE, dtype=bool)] * 40
    with pytest.raises(OptionError, match="every concept here has regions"):
        sacv.fit(model(), ["layer"], random=RANDOM, regions={"c": Region(CONCEPT, masks)}, context=PHOTOS)


def test_tensors_are_refused():
    with pytest.raises(ImageSetError, match="tensor that is already transformed"):
        fit(context=torch.rand(4, 3, SIDE, SIDE))


def test_a_transform_that_does_not_tell_what_is_seen_is_refused():
    own = sacv.VisionModel(Shaded(), lambda picture: model().transform(picture))
    with pytest.raises(OptionError, match="context needs a transform that states"):
        sacv.fit(own, ["layer"], {"c": CONCEPT}, RANDOM, context=PHOTOS)


# Beside concepts that are marked


def test_a_concept_with_regions_beside_stays_as_it_is():
    masks = [np.tri(SIDE, dtype=bool)] * 12
    regions = {"m": Region(pictures(12, 7, red=200), masks)}
    found, plain = (fit(SHADE, regions=regions, context=context) for context in (PHOTOS, None))
    assert [one.concept for one in found.context.evidence] == ["c"]
    np.testing.assert_array_equal(found.cav("layer", "m").vector, plain.cav("layer", "m").vector)
