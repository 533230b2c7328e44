import numpy as np
import pytest
import torch
from conftest import SmallNet, make_pictures
from sklearn.tree import DecisionTreeClassifier
from torch import nn

import sacv
from cav.planted import assert_same_cav, cells, mean_of, noise, planted_model, unit
from reference import reading as reference
from sacv.cav import Preprocessing
from sacv.concepts.decoding import read_picture
from sacv.errors import ActivationError, ImageSetError, LayerError, OptionError, SolverError
from sacv.solvers import DEFAULT, LDA, LinearSVM, Logistic, MeanDifference, Ridge, Sklearn, UnitLength
from solvers.table import TABLE, name, solve

PLAIN = [MeanDifference(), LDA(0.1), Logistic(C=0.1)]
SOLVERS = [*PLAIN, UnitLength(MeanDifference()), UnitLength(Logistic(C=0.1)), DEFAULT, UnitLength(Logistic(C=0.1), 0.8)]
each = pytest.mark.parametrize("solver", SOLVERS, ids=repr)


def fit(concepts, random, **options):
    return sacv.fit(planted_model(random.shape[1]), ["layer"], concepts, random, **{"locations": 99, **options})


# The vector


@pytest.mark.parametrize("row", TABLE, ids=name)
def test_the_vector_is_the_solver_s_on_all_locations(row):
    concept, random = noise(6, 4, 3, 0, mean=1), noise(8, 4, 3, 1)
    cav = fit({"c": concept}, random, solver=row.solver, nulls=0, runs=1).cav("layer", "c")
    want = solve(row.solver, cells(concept).reshape(-1, 4), cells(random).reshape(-1, 4))
    np.testing.assert_allclose(cav.vector, want, rtol=0, atol=row.tolerance)
    assert cav.vector.dtype == np.float64 and np.linalg.norm(cav.vector) == pytest.approx(1, abs=1e-12)
    difference = mean_of(cells(concept)) - mean_of(cells(random))
    assert cav.separation == pytest.approx(cav.vector @ difference) and cav.separation > 0


def test_the_difference_of_smoothed_means_is_taken_if_nothing_is_said():
    concept, random = noise(4, 3, 3, 0, mean=1), noise(6, 3, 3, 1)
    bank = fit({"c": concept}, random)
    assert UnitLength(MeanDifference("auto"), smoothing=1.0) == DEFAULT
    assert bank.solver == DEFAULT.describe() and bank.normalised and bank.preprocessing == Preprocessing(True, 1.0)
    named = fit({"c": concept}, random, solver=UnitLength(MeanDifference("auto"), smoothing=1.0))
    np.testing.assert_array_equal(bank.cavs[0].vector, named.cavs[0].vector)


def test_a_layer_within_a_network(small_model, guidance):
    """The mean over every location of every image, with the network run by hand."""
    concepts, random = {"c": guidance[0]}, [guidance[1]]
    cav = sacv.fit(small_model, ["features.2"], concepts, random, solver=MeanDifference()).cav("features.2", "c")
    means = []
    for folder in guidance:
        pictures = [small_model.transform(read_picture(file)) for file in sorted(folder.iterdir())]
        with torch.no_grad():
            values = small_model.net.features[:3](torch.stack(pictures))
        means.append(mean_of(cells(values).astype(np.float64)))
    np.testing.assert_allclose(cav.vector, unit(means[0] - means[1]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("solver", PLAIN, ids=repr)
def test_unit_length_is_the_solver_on_normalised_activations(solver):
    """A zero activation stays zero, in both."""
    concept, random = noise(6, 4, 3, 0, mean=1), noise(9, 4, 3, 1)
    concept[0, :, 1, 1] = 0
    lengths = [images.norm(dim=1, keepdim=True).clamp(min=1e-300) for images in (concept, random)]
    one = fit({"c": concept}, random, solver=UnitLength(solver))
    other = fit({"c": concept / lengths[0]}, random / lengths[1], solver=solver)
    assert_same_cav(one.cav("layer", "c"), other.cav("layer", "c"), atol=1e-9)
    assert one.cav("layer", "c").quality.auroc == pytest.approx(other.cav("layer", "c").quality.auroc, abs=1e-12)
    assert one.normalised and not other.normalised
    plain = fit({"c": concept}, random, solver=solver).cav("layer", "c")
    assert np.abs(plain.vector - one.cav("layer", "c").vector).max() > 1e-3


@pytest.mark.parametrize("solver", PLAIN, ids=repr)
@pytest.mark.parametrize("smoothing", [0.5, 1.0])
def test_smoothing_is_the_solver_on_averages_over_neighbours(solver, smoothing):
    """Vector, figures, runs and null are those of images that are read by hand and given as they are."""
    concept, random = noise(6, 4, 4, 0, mean=1), noise(9, 4, 4, 1)
    by_hand = [
        torch.from_numpy(np.stack([reference.read(image.movedim(0, -1).numpy(), smoothing) for image in images]))
        for images in (concept, random)
    ]
    one = fit({"c": concept}, random, solver=UnitLength(solver, smoothing))
    read = [images.movedim(-1, 1) for images in by_hand]
    other = fit({"c": read[0]}, read[1], solver=solver)
    # Of averages the means differ less, and whitening makes more of the rounding; a search ends where it ends.
    atol = 1e-6 if isinstance(solver, Logistic) else 1e-9
    assert_same_cav(one.cav("layer", "c"), other.cav("layer", "c"), atol=atol)
    assert one.cav("layer", "c").quality.auroc == pytest.approx(other.cav("layer", "c").quality.auroc, abs=1e-9)
    if isinstance(solver, MeanDifference):
        want = unit(np.subtract(*(mean_of(images.flatten(1, 2).numpy()) for images in by_hand)))
        np.testing.assert_allclose(one.cav("layer", "c").vector, want, rtol=0, atol=1e-12)
    unsmoothed = fit({"c": concept}, random, solver=UnitLength(solver)).cav("layer", "c")
    assert np.abs(unsmoothed.vector - one.cav("layer", "c").vector).max() > 1e-4


# What changes nothing


@each
def test_batch_size_changes_nothing(solver, small_model, guidance):
    """In the float32 of the network, whose convolutions sum in another order for another batch size."""
    found = []
    for size in (1, 5, 32):
        options = {"solver": solver, "batch_size": size, "nulls": 5, "runs": 3}
        bank = sacv.fit(small_model, ["features.0", "features.2"], {"c": guidance[0]}, [guidance[1]], **options)
        found.append(bank)
    for bank in found[1:]:
        for one, other in zip(found[0].cavs, bank.cavs, strict=True):
            # Whitening makes more of the rounding of channels that hang together.
            assert_same_cav(one, other, atol=5e-6 if isinstance(solver, LDA) else 1e-6, drawn=1e-4)
            assert one.quality.auroc == pytest.approx(other.quality.auroc, abs=1e-6)
            assert one.quality.absent == other.quality.absent


@each
def test_what_else_is_fitted_changes_nothing(solver):
    """Concepts, layers and the order of both; the same generator would give other runs to the second of two."""
    c, random = noise(6, 4, 4, 0, mean=1), noise(9, 4, 4, 1)
    others = {"a": noise(7, 4, 4, 2, mean=-1), "b": noise(6, 4, 4, 3, mean=2)}
    net = nn.Sequential(nn.Identity(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(16, 2)).double()
    model, options = sacv.VisionModel(net), {"solver": solver, "batch_size": 4, "nulls": 5, "runs": 3}
    alone = sacv.fit(model, ["1"], {"c": c}, random, **options).cav("1", "c")
    for concepts, layers in ((others | {"c": c}, ["0", "1"]), ({"c": c} | others, ["1", "0"])):
        beside = sacv.fit(model, layers, concepts, random, **options).cav("1", "c")
        assert_same_cav(beside, alone, atol=1e-9)
        for figure in ("accuracy", "accuracy_interval", "auroc", "auroc_interval", "image_auroc", "run_cosine"):
            assert getattr(beside.quality, figure) == pytest.approx(getattr(alone.quality, figure), abs=1e-9)


def test_concepts_and_layers_draw_for_themselves():
    """Runs of two concepts are drawn apart, and so are those of two layers."""
    images, random = noise(6, 4, 4, 0, mean=1), noise(9, 4, 4, 1)
    net = nn.Sequential(nn.Identity(), nn.Identity(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(4, 2)).double()
    bank = sacv.fit(sacv.VisionModel(net), ["0", "1"], {"a": images, "b": images}, random)
    first = bank.cav("0", "a")
    for cav in (bank.cav("0", "b"), bank.cav("1", "a")):
        np.testing.assert_allclose(cav.vector, first.vector, rtol=0, atol=1e-12)
        assert not np.allclose(cav.runs.vectors, first.runs.vectors)


def test_seeds_change_the_draws_and_not_the_vector():
    concept, random = noise(6, 4, 3, 0, mean=1), noise(9, 4, 3, 1)
    one, two = (fit({"c": concept}, random, seed=seed).cav("layer", "c") for seed in (0, 1))
    np.testing.assert_allclose(one.vector, two.vector, rtol=0, atol=1e-12)
    assert not np.allclose(one.runs.vectors, two.runs.vectors)
    assert not np.allclose(one.null.vectors, two.null.vectors)
    assert one.quality.auroc != two.quality.auroc


def test_nothing_reads_a_global_generator():
    model, concept, random, found = planted_model(4), noise(6, 4, 3, 0, mean=1), noise(9, 4, 3, 1), []
    for seed in (0, 1):
        np.random.seed(seed)
        torch.manual_seed(seed)
        before = np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
        bank = sacv.fit(model, ["layer"], {"c": concept}, random, solver=Logistic(C=0.1))
        found.append(bank.cav("layer", "c"))
        assert (np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()) == before
    assert_same_cav(*found, atol=1e-300)


# Forward passes


def passes(model, run):
    """Count the images that go through the network while something runs."""
    seen = []
    handle = model.net.register_forward_pre_hook(lambda net, inputs: seen.append(len(inputs[0])))
    run()
    handle.remove()
    return sum(seen)


@each
def test_runs_and_nulls_cost_no_pass(solver):
    model, concept, random = planted_model(4), noise(6, 4, 3, 0, mean=1), noise(9, 4, 3, 1)
    model.survey(concept)

    def run(**options):
        given = {"runs": 2, "nulls": 5} | options
        return lambda: sacv.fit(model, ["layer"], {"c": concept}, random, solver=solver, **given)

    counts = {
        passes(model, run(**options))
        for options in ({"runs": 1, "nulls": 0}, {"runs": 9, "nulls": 30}, {"folds": 2}, {"locations": 1})
    }
    assert counts == {6 + 9}


def test_an_image_in_two_concepts_is_run_once(small_model, guidance):
    def run():
        sacv.fit(small_model, ["features.2"], {"a": guidance[0], "b": guidance[0]}, [guidance[1]])

    assert passes(small_model, run) == 6 + 7 + 2  # and one twice to look at the shapes


def test_progress_counts_to_the_end(small_model, guidance):
    told: list[tuple[int, int]] = []
    sacv.fit(
        small_model, ["features.2"], {"c": guidance[0], "d": guidance[0]}, [guidance[1]], batch_size=4,
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


# What is refused


def test_no_such_layer_names_the_nearest(small_model, guidance):
    with pytest.raises(LayerError, match=r"no layer 'feature\.2'; the nearest names are features\.2"):
        sacv.fit(small_model, ["feature.2"], {"c": guidance[0]}, [guidance[1]])
    with pytest.raises(LayerError, match="no layer is named"):
        sacv.fit(small_model, [], {"c": guidance[0]}, [guidance[1]])


@pytest.mark.parametrize(("layer", "words"), [("head", "no locations"), ("pool", "one location only")])
def test_layers_without_locations_are_refused(small_model, guidance, layer, words):
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
    with pytest.raises(ImageSetError, match=r"c has 1 image \(.*0\.png\); at least 2"):
        sacv.fit(small_model, ["features.2"], {"c": single}, [guidance[1]])
    with pytest.raises(ImageSetError, match=r"random has 1 image \(.*at least 2"):
        sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [single])


def test_no_random_images(small_model, guidance):
    for random in ([], ()):
        with pytest.raises(OptionError, match="no random images are given"):
            sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, random)
    with pytest.raises(OptionError, match="no random images are given"):
        sacv.fit(small_model, ["features.2"], {"c": guidance[0]})


def test_shared_files(small_model, guidance):
    with pytest.raises(ImageSetError, match="share 6 images"):
        sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, list(guidance))


def test_repeats_are_left_out_and_reported(small_model, guidance):
    (guidance[0] / "copy.png").write_bytes((guidance[0] / "3.png").read_bytes())
    bank = sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]])
    assert [tuple(path.rsplit("/", 1)[-1] for path in pair) for pair in bank.sets[0].repeats] == [("copy.png", "3.png")]
    assert bank.cav("features.2", "c").quality.images == 6


def test_activations_that_are_not_finite_name_layer_and_image(small_model, guidance):
    with torch.no_grad():
        small_model.net.features[2].bias[1] = torch.nan
    with pytest.raises(ActivationError, match=r"'features\.2' has activations that are not finite .*bright/\d\.png"):
        sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]])


@pytest.mark.parametrize(
    "solver", [MeanDifference(), LDA(), Ridge(), Logistic(), LinearSVM(), UnitLength(LDA())], ids=repr
)
def test_sets_that_do_not_differ(solver):
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(4, 3, 12, 10, generator=generator)
    dead = SmallNet()
    nn.init.zeros_(dead.features[0].weight)
    nn.init.zeros_(dead.features[0].bias)
    with pytest.raises(SolverError, match=r"concept 'c' at layer 'features\.0'.*do not differ"):
        sacv.fit(sacv.VisionModel(dead), ["features.0"], {"c": images[:2]}, [images[2:]], solver=solver)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"folds": 1}, "folds must be at least 2, not 1"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"locations": 0}, "locations must be at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"runs": 0}, "runs must be at least 1, not 0"),
        ({"nulls": -1}, "nulls must be at least 0, not -1"),
        ({"solver": "lda"}, "must be an object"),
        ({"solver": LDA}, "must be an object"),
    ],
)
def test_illegal_options(small_model, guidance, options, words):
    with pytest.raises(OptionError, match=words):
        sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]], **options)


def test_concepts_need_names(small_model, guidance):
    for concepts in ({}, None):
        with pytest.raises(OptionError, match="no concept is given"):
            sacv.fit(small_model, ["features.2"], concepts, [guidance[1]])
    for bad in ("", "a/b", "random"):
        with pytest.raises(OptionError, match=f"a concept cannot be named {bad!r}"):
            sacv.fit(small_model, ["features.2"], {bad: guidance[0]}, [guidance[1]])


def test_an_estimator_that_cannot_be_used_names_concept_and_layer(small_model, guidance):
    with pytest.raises(
        SolverError, match=r"concept 'c' at layer 'features\.2': DecisionTree.* has no coef_ with one weight"
    ):
        sacv.fit(
            small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]], solver=Sklearn(DecisionTreeClassifier())
        )
