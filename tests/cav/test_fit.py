import numpy as np
import pytest
import torch
from torch import nn

import sacv
from conftest import SmallNet, make_pictures
from sacv.cav.gather import Gather, plan
from sacv.concepts import batches, image_set
from sacv.errors import ActivationError, ImageSetError, LayerError, OptionError, SolverError


class Pass(nn.Module):
    """A net whose layer gives its input back."""

    def __init__(self, channels):
        super().__init__()
        self.layer = nn.Identity()
        self.head = nn.Linear(channels, 2)

    def forward(self, x):
        return self.head(self.layer(x).mean(dim=(2, 3)))


@pytest.mark.parametrize("solver", [sacv.solvers.MeanDifference(), sacv.solvers.Logistic()])
def test_noise_with_image_offsets_validates_at_chance(solver):
    """A split by location would find 0.8 to 0.99 here, since every image has an offset of its own."""
    found = []
    for seed in range(4):
        generator = torch.Generator().manual_seed(seed)
        images = torch.randn(40, 16, 5, 5, generator=generator) + 2 * torch.randn(40, 16, 1, 1, generator=generator)
        bank = sacv.fit(
            sacv.VisionModel(Pass(16)), ["layer"], {"c": images[:20]}, [images[20:]], solver=solver, seed=seed
        )
        quality = bank.cav("layer", "c").quality
        found.append((quality.accuracy, quality.auroc, quality.image_accuracy, quality.image_auroc))
    # 40 independent images in all: the standard error of the mean of four runs is about 0.05.
    assert np.abs(np.mean(found, axis=0) - 0.5).max() < 0.16


def test_quality_tells_a_planted_concept_and_counts(small_model, guidance, small_bank):
    quality = small_bank.cav("features.2", "bright").quality
    assert quality.image_auroc > 0.9
    assert (quality.images, quality.random_images) == (6, 7)
    assert (quality.locations, quality.random_locations) == (6 * 120, 7 * 120)


def test_threshold_parts_planted_sets():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(30, 8, 4, 4, generator=generator)
    images[:15, 3] += 9
    cav = sacv.fit(sacv.VisionModel(Pass(8)), ["layer"], {"c": images[:15]}, [images[15:]]).cav("layer", "c")
    assert abs(cav.vector[3]) > 0.99
    assert 2 < cav.threshold < 7
    assert cav.quality.accuracy > 0.99


def test_merging_parts_gives_the_whole(small_model, guidance):
    sets = [image_set("concept", guidance[0]), image_set("random", guidance[1])]
    reducer = Gather(small_model, ("features.2",), plan(sets, 3, 0), (6, 7), 200, 0)
    shards = list(batches(reducer.plan.items, 4))
    whole, left, right = reducer.empty(), reducer.empty(), reducer.empty()
    for number, shard in enumerate(shards):
        whole = reducer.add(whole, shard)
        if number % 2:
            left = reducer.add(left, shard)
        else:
            right = reducer.add(right, shard)
    one, two = reducer.finish(whole), reducer.finish(reducer.merge(left, right))
    assert one.keys() == two.keys()
    for key, found in one.items():
        np.testing.assert_allclose(two[key].total().scatter, found.total().scatter, rtol=1e-6, atol=1e-6)
        np.testing.assert_array_equal(two[key].image_means, found.image_means)
        np.testing.assert_array_equal(two[key].sample.vectors, found.sample.vectors)
        assert found.total().count == found.locations * len(found.image_fold)


def test_an_image_in_two_concepts_is_run_once(small_model, guidance):
    calls = []
    small_model.net.features[0].register_forward_hook(lambda m, i, o: calls.append(len(i[0])))
    sacv.fit(small_model, ["features.2"], {"a": guidance[0], "b": guidance[0]}, [guidance[1]])
    assert sum(calls) == 6 + 7 + 1  # and one image to look at the shapes


def test_no_such_layer_names_the_nearest(small_model, guidance):
    with pytest.raises(LayerError, match=r"no layer 'feature\.2'; the nearest names are features\.2"):
        sacv.fit(small_model, ["feature.2"], {"c": guidance[0]}, [guidance[1]])


@pytest.mark.parametrize(("layer", "words"), [("head", "no locations"), ("pool", "one location only")])
def test_layers_without_places_are_refused(small_model, guidance, layer, words):
    with pytest.raises(LayerError, match=words):
        sacv.fit(small_model, [layer], {"c": guidance[0]}, [guidance[1]])


def test_a_layer_that_runs_twice_is_refused(guidance):
    class Twice(SmallNet):
        def __init__(self):
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x):
            return super().forward(self.act(self.act(x)))

    with pytest.raises(LayerError, match="runs 2 times"):
        sacv.fit(sacv.VisionModel(Twice()), ["act"], {"c": guidance[0]}, [guidance[1]])


def test_one_image_only(small_model, guidance, tmp_path):
    single = make_pictures(tmp_path / "single", 1, 5)
    with pytest.raises(ImageSetError, match=r"concept 'c' has 1 image .*at least 2"):
        sacv.fit(small_model, ["features.2"], {"c": single}, [guidance[1]])
    with pytest.raises(ImageSetError, match="the random set has 1 image"):
        sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [single])


def test_shared_files(small_model, guidance):
    with pytest.raises(ImageSetError, match="share 6 images"):
        sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, list(guidance))


def test_activations_that_are_not_finite_name_layer_and_image(small_model, guidance):
    with torch.no_grad():
        small_model.net.features[2].bias[1] = torch.nan
    with pytest.raises(ActivationError, match=r"'features\.2' gives values that are not finite for .*0\.png"):
        sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]])


def test_sets_that_do_not_differ(small_model):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, 12, 10, generator=generator)
    dead = SmallNet()
    nn.init.zeros_(dead.features[0].weight)
    nn.init.zeros_(dead.features[0].bias)
    with pytest.raises(SolverError, match=r"concept 'c' at layer 'features\.0'.*do not differ"):
        sacv.fit(sacv.VisionModel(dead), ["features.0"], {"c": images[:2]}, [images[2:]])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folds": 1}, "folds must be at least 2, not 1"),
        ({"seed": -1}, "seed must be 0 or above"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"solver": "lda"}, "must be an object"),
    ],
)
def test_illegal_options(small_model, guidance, options, words):
    with pytest.raises(OptionError, match=words):
        sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]], **options)


def test_concepts_need_names(small_model, guidance):
    with pytest.raises(OptionError, match="no concept is given"):
        sacv.fit(small_model, ["features.2"], {}, [guidance[1]])
    with pytest.raises(OptionError, match="not blank"):
        sacv.fit(small_model, ["features.2"], {" ": guidance[0]}, [guidance[1]])
    with pytest.raises(LayerError, match="no layer is named"):
        sacv.fit(small_model, [], {"c": guidance[0]}, [guidance[1]])


def test_skipped_files_are_listed_in_the_bank(small_model, guidance, tmp_path):
    (guidance[0] / "notes.txt").write_text("no image")
    bank = sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]], skip_unreadable=True)
    bank.save(tmp_path / "bank")
    again = sacv.ConceptBank.load(tmp_path / "bank")
    assert again.sets[0].skipped[0][0].endswith("notes.txt")
    assert "not an image" in again.sets[0].skipped[0][1]


def test_progress_counts_to_the_end(small_model, guidance):
    told: list[tuple[int, int]] = []
    sacv.fit(
        small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]], batch_size=4,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
