import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file
from torch import nn

import sacv
from reference import chance as reference
from reference import naive, reading, scores
from sacv.cav import DrawnCAVs
from sacv.errors import OptionError
from sacv.maps.methods import DEFAULT as DEFAULT_METHOD
from sacv.maps.methods import Ablation, Gated, Gradient
from sacv.maps.significance import NullMaxima, critical
from sacv.solvers import DEFAULT, MeanDifference, UnitLength
from sacv.stats import Moments
from viewer import shown

LAYER, TARGET = "0", 2


def images(count, seed, blue=0.0):
    """Red and green vary; blue hardly does, so that no null lies along it."""
    generator = torch.Generator().manual_seed(seed)
    found = torch.randn(count, 3, 6, 5, generator=generator, dtype=torch.float64)
    found[:, 2] = 0.05 * found[:, 2] + blue
    return found


def spotted(seed):
    """Random images, the first with a blue spot, whose places beat chance."""
    found = images(3, seed)
    found[0, 2, 2:5, 2:5] += 4
    return found


CONCEPT, RANDOM = images(6, 1, 2.0), images(9, 2)


@pytest.fixture
def model():
    """The layer turns three colours into six channels, lengths and angles kept; what follows bends."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 1), nn.Tanh(), nn.Conv2d(6, 5, 3), nn.Tanh(), nn.Flatten(), nn.Linear(60, 4)
    ).double()
    nn.init.orthogonal_(net[0].weight.data.view(6, 3))
    return sacv.VisionModel(net)


def make_bank(model, nulls, concepts=None, solver=None):
    concepts = concepts or {"c": images(6, 1, 2.0)}
    return sacv.fit(model, [LAYER], concepts, [RANDOM], nulls=nulls, solver=solver or MeanDifference())


def explain(model, shown, bank, target=TARGET, **options):
    """Explain by the derivative, which is what is compared with the null whatever the method."""
    return sacv.explain(model, shown, bank, target, **{"method": Gradient(), **options})


def along_gradient(model, bank, shown):
    """The bank with the steepest gradient as its CAV: no null vector of norm 1 gets more from that place."""
    gradients = np.stack([scores.gradient(model.net, LAYER, image, TARGET)[1] for image in shown])
    flat = gradients.reshape(-1, gradients.shape[-1])
    steepest = flat[np.argmax(np.sum(flat**2, axis=1))]
    cavs = tuple(replace(cav, vector=steepest / np.linalg.norm(steepest)) for cav in bank.cavs)
    return replace(bank, cavs=cavs)


def want(model, shown, cav, read=lambda cells: cells):
    both = [scores.gradient(model.net, LAYER, image, TARGET) for image in shown]
    net = naive.prepared(model.net)
    sets = [
        [naive.activation(net, LAYER, image).permute(1, 2, 0).numpy() for image in each] for each in (CONCEPT, RANDOM)
    ]
    cells, gradients = (np.stack(kind) for kind in zip(*both, strict=True))
    permuted = cav.permuted
    deals = list(zip(permuted.vectors, permuted.separations, permuted.thresholds, permuted.spreads, strict=True))
    cells, *sets = ([read(image) for image in each] for each in (cells, *sets))
    return reference.marks((cav.vector, cav.separation), deals, cav.null.vectors, np.stack(cells), gradients, *sets)


@pytest.mark.parametrize("change", [lambda model, bank, shown: bank, along_gradient])
@pytest.mark.parametrize("nulls", [9, 18, 19, 59])
def test_masks_agree_with_the_reference(model, nulls, change):
    shown = spotted(3)
    bank = change(model, make_bank(model, nulls), shown)
    found = explain(model, shown, bank, batch_size=2)
    seen, given = want(model, shown, bank.cav(LAYER, "c"))
    for mask, wanted in zip(found.significant(LAYER, "c"), (seen, given), strict=True):
        assert mask.dtype == bool and mask.shape == (3, 6, 5)
        np.testing.assert_array_equal(mask, wanted)
    assert not seen.all() and not given.all()
    if change is not along_gradient:
        assert seen.any() == (nulls >= 19)  # 18 maxima are too few for any place to beat 95 %
    else:
        assert given.any() == (nulls >= 19)


@pytest.mark.parametrize(("smoothing", "factor"), [(0.0, 0.14), (1.0, 3.0)])
def test_masks_of_what_is_read_otherwise_agree_with_the_reference(model, smoothing, factor):
    """Relevance by the activations as the bank reads them, contribution by the gradient as it is."""
    shown = factor * spotted(3)
    bank = make_bank(model, 59, solver=UnitLength(MeanDifference(), smoothing))
    found = explain(model, shown, bank)
    wanted = want(model, shown, bank.cav(LAYER, "c"), lambda cells: reading.read(cells, smoothing))
    for mask, each in zip(found.significant(LAYER, "c"), wanted, strict=True):
        np.testing.assert_array_equal(mask, each)
    assert wanted[0].any() and not wanted[0].all()
    plain = want(model, shown, bank.cav(LAYER, "c"))
    assert not np.array_equal(wanted[0], plain[0])


@pytest.mark.parametrize("method", [None, Gated(), Ablation()], ids=repr)
def test_the_derivative_is_judged_whatever_the_method(model, method, tmp_path):
    """Its masks are those of `Gradient`, which agree with the reference, though the maps differ."""
    shown = spotted(3)
    bank = along_gradient(model, make_bank(model, 59), shown)
    by_gradient = explain(model, shown, bank, checks=False)
    found = sacv.explain(model, shown, bank, TARGET, method=method, checks=False)
    assert not np.allclose(found.contribution(LAYER, "c"), by_gradient.contribution(LAYER, "c"))
    seen, given = found.significant(LAYER, "c")
    np.testing.assert_array_equal(seen, by_gradient.significant(LAYER, "c")[0])
    np.testing.assert_array_equal(given, by_gradient.significant(LAYER, "c")[1])
    assert given.any() and not given.all()
    np.testing.assert_allclose(found.scores()["contribution_significant"], given.mean(axis=(1, 2)))
    found.save(tmp_path / "out")
    kept = load_file(tmp_path / "out" / "maps.safetensors")[f"{LAYER}/contribution_significant"]
    np.testing.assert_array_equal(kept[:, 0], given)


def test_with_the_defaults_there_are_both_masks(model):
    bank = sacv.fit(model, [LAYER], {"c": images(6, 1, 2.0)}, [RANDOM], nulls=59)
    found = sacv.explain(model, spotted(3), bank, TARGET, checks=False)
    assert bank.solver == DEFAULT.describe() and found.settings["method"] == DEFAULT_METHOD.describe()
    for mask in found.significant(LAYER, "c"):
        assert mask.shape == (3, 6, 5) and mask.dtype == bool


def test_contribution_counts_the_size_of_a_null_and_relevance_no_null_at_all(model):
    """With the null turned around, nothing changes."""
    shown = spotted(3)
    bank = along_gradient(model, make_bank(model, 59), shown)
    cav = bank.cav(LAYER, "c")
    turned = replace(cav, null=DrawnCAVs(-cav.null.vectors, -cav.null.thresholds, cav.null.separations))
    for original in (bank, make_bank(model, 59)):
        one = explain(model, shown, original).significant(LAYER, "c")
        flipped = replace(original, cavs=(replace(original.cavs[0], null=turned.null),))
        other = explain(model, shown, flipped).significant(LAYER, "c")
        for left, right in zip(one, other, strict=True):
            np.testing.assert_array_equal(left, right)
        assert one[0].any() or one[1].any()


def by_hand(
    vector, nulls, cells, gradients, threshold=0.0, mean=(0.0, 0.0), covariance=((1.0, 0.0), (0.0, 1.0)),
    separations=(1.0, 1.0), middle=0.0,
):  # fmt: skip
    """Marks of one concept for cells and gradients `(images, places, 2)`."""
    vector, nulls = np.array(vector), np.array(nulls)
    pool = Moments(1.0, np.array(mean), np.array(covariance))
    random = SimpleNamespace(total=lambda: pool)
    bank = SimpleNamespace(pool=lambda layer, concept: random, random=lambda layer, concept: random)
    null = DrawnCAVs(nulls, np.full(len(nulls), middle), np.full(len(nulls), separations[1]))
    cav = SimpleNamespace(
        concept="c", vector=vector, threshold=threshold, separation=separations[0], null=null, permuted=None
    )
    chance = NullMaxima(bank, "x", [cav])
    tensors = [torch.tensor(values, dtype=torch.float64) for values in (cells, gradients)]
    for pair in zip(*tensors, strict=True):
        chance.add(*(part[None] for part in pair))
    position = (tensors[0].numpy() @ vector).astype(np.float32)
    limit, least = chance.limits(cav)
    return position > limit, np.abs((tensors[1].numpy() @ vector).astype(np.float32)) > least


def test_by_hand():
    nulls = [(0.0, 1.0)] * 19
    # Along the null: from -3 to 2 over both images, so that 2 is to be beaten, from half of the separation on; sizes of
    # gradients up to 4.
    cells = [[(2.4, 2.0), (2.6, 0.0)], [(0.0, -3.0), (-9.0, 1.0)]]
    gradients = [[(4.5, 1.0), (-4.5, 0.0)], [(3.9, -4.0), (0.0, 2.0)]]
    seen, given = by_hand((1.0, 0.0), nulls, cells, gradients)
    assert seen.tolist() == [[False, True], [False, False]]
    assert given.tolist() == [[True, True], [False, False]]


def test_the_threshold_of_the_cav_is_no_part_of_the_comparison():
    nulls = [(0.0, 1.0)] * 19
    cells = [[(2.4, 2.0), (2.6, 0.0)], [(0.0, -3.0), (-9.0, 1.0)]]
    for threshold in (-5.0, 1.25, 100.0):
        seen, _ = by_hand((1.0, 0.0), nulls, cells, cells, threshold)
        assert seen.tolist() == [[False, True], [False, False]]


def test_each_direction_is_measured_from_the_middle_of_its_sets_in_its_own_spread():
    nulls = [(0.0, 1.0)] * 19
    cells = [[(17.8, 0.0), (17.9, 0.0), (0.0, 5.0)]]
    # Along the null 5 is 4 / 4 * (5 - 2.5) of evidence; along v, whose middle is half of its
    # separation beyond the pool's mean, that is at 10 + 7 / 2 + 2.5 * 12.25 / 7 = 17.875.
    cov = ((12.25, 0.0), (0.0, 4.0))
    seen, _ = by_hand(
        (1.0, 0.0), nulls, cells, cells, mean=(10.0, 1.0), covariance=cov, separations=(7.0, 4.0), middle=2.5
    )
    assert seen.tolist() == [[False, True, False]]


def test_what_hardly_separates_its_sets_is_hardly_evidence():
    """At 2 along v and along the null: e = 2 s - s^2 / 2 is the greater for the greater s, up to 2; c knows no s.

    The null's sets lie around half of its separation, as those of v do.
    """
    nulls = [(0.0, 1.0)] * 19
    cells = [[(2.0, 0.0), (0.0, 2.0)]]
    gradients = [[(2.5, 0.0), (0.0, 2.0)]]
    for separations, beats in (((0.5, 1.0), False), ((1.0, 2.0), False), ((1.25, 1.0), True), ((1.0, 0.8), True)):
        seen, given = by_hand((1.0, 0.0), nulls, cells, gradients, separations=separations, middle=separations[1] / 2)
        assert seen.tolist() == [[beats, False]] and given.tolist() == [[True, False]]


def drawn_of(steps):
    lengths = np.linalg.norm(steps, axis=1)
    return DrawnCAVs(steps / lengths[:, None], np.zeros(len(steps)), lengths)


def test_contribution_is_held_against_the_steps_of_deals_too():
    """2.5 along v and 2 along the deals, for a step of 1: a deal's step of 1.25 moves the logit as far."""
    null, gradients = drawn_of(np.tile([0.0, 1.0], (19, 1))), [[(2.5, 2.0), (1.5, 0.0)]]
    for length, beats in ((3.0, False), (1.25, False), (1.2, True)):
        permuted = drawn_of(np.tile([0.0, length], (19, 1)))
        seen = marks_of(np.array([1.0, 0.0]), null, permuted, gradients)
        assert seen.tolist() == [[beats, False]]


def marks_of(step, null, permuted, gradients):
    pool = SimpleNamespace(total=lambda: Moments(1.0, np.zeros(len(step)), np.eye(len(step))))
    bank = SimpleNamespace(pool=lambda layer, concept: pool, random=lambda layer, concept: pool)
    length = float(np.linalg.norm(step))
    cav = SimpleNamespace(concept="c", vector=step / length, separation=length, null=null, permuted=permuted)
    chance = NullMaxima(bank, "x", [cav])
    values = torch.tensor(np.asarray(gradients), dtype=torch.float64)
    chance.add(torch.zeros_like(values), values)
    contribution = (values.numpy() @ cav.vector).astype(np.float32)
    return np.abs(contribution) > chance.limits(cav)[1]


def test_contribution_keeps_its_level_where_few_random_images_hide_how_much_images_vary():
    """Heavy tails: a null of halves of 8 random images knows too little of them, and is beaten in more than 5 %."""
    rng, trials = np.random.default_rng(0), 300
    alone, both = 0, 0
    for _ in range(trials):
        means = rng.standard_t(1, (16, 6))
        concept, random = means[:8], means[8:]
        orders = np.array([rng.permutation(16) for _ in range(39)])
        halves = np.array([rng.permutation(8) for _ in range(39)])
        null = drawn_of(random[halves[:, :4]].mean(axis=1) - random[halves[:, 4:]].mean(axis=1))
        permuted = drawn_of(means[orders[:, :8]].mean(axis=1) - means[orders[:, 8:]].mean(axis=1))
        step, gradients = concept.mean(axis=0) - random.mean(axis=0), rng.standard_normal((1, 2, 6))
        both += bool(marks_of(step, null, permuted, gradients).any())
        reached, others = (
            np.abs(gradients[0] @ v.T).max(axis=0) for v in (step[None] / np.linalg.norm(step), null.vectors)
        )
        alone += bool(reached[0] > critical(others))
    error = np.sqrt(0.05 * 0.95 / trials)
    assert alone / trials > 0.05 + 2 * error and both / trials <= 0.05 + 2 * error


def test_the_distance_of_the_sets_is_that_of_their_means(model):
    cav, net = make_bank(model, 9).cav(LAYER, "c"), naive.prepared(model.net)
    concept, random = (naive.mean_over_locations(net, LAYER, each) for each in (images(6, 1, 2.0), RANDOM))
    assert cav.separation == pytest.approx(cav.vector @ (concept - random), abs=1e-9)
    assert (cav.null.separations > 0).all() and cav.null.separations.max() < cav.separation


def test_batch_size_does_not_change_the_masks(model):
    shown = torch.cat([spotted(3), spotted(4)])
    for change in (lambda model, bank, shown: bank, along_gradient):
        bank = change(model, make_bank(model, 39), shown)
        whole = explain(model, shown, bank, batch_size=6, checks=False).significant(LAYER, "c")
        assert whole[0].any() or whole[1].any()
        for size in (1, 4):
            part = explain(model, shown, bank, batch_size=size, checks=False).significant(LAYER, "c")
            for left, right in zip(whole, part, strict=True):
                np.testing.assert_array_equal(left, right)


def test_images_explained_together_are_one_family(model):
    """Another image with stronger activations raises what all must beat, by the nulls along which it lies."""
    bank = make_bank(model, 59)
    alone = explain(model, spotted(3), bank, checks=False)
    loud = torch.cat([spotted(3), 2000 * images(1, 8)])
    together = explain(model, loud, bank, checks=False)
    assert alone.significant(LAYER, "c")[0].any()
    assert not together.significant(LAYER, "c")[0][:3].any()
    np.testing.assert_array_equal(together.relevance(LAYER, "c")[:3], alone.relevance(LAYER, "c"))


def test_each_concept_is_compared_with_its_own_deals(model):
    """Of two concepts alike, that whose deals hold its own direction beats nothing, and the other keeps its mask."""
    concepts = {"one": images(6, 1, 2.0), "other": images(7, 5, 2.0)}
    bank, shown = make_bank(model, 39, concepts), spotted(3)
    one, other = (bank.cav(LAYER, name) for name in concepts)
    assert one.null is other.null
    spreads = NullMaxima(bank, LAYER, [one]).spreads(one, one.permuted)[1] * np.ones(20)
    permuted = DrawnCAVs(np.tile(one.vector, (20, 1)), np.zeros(20), np.full(20, one.separation), spreads)
    own = replace(one, permuted=permuted)
    before, after = (explain(model, shown, each, checks=False) for each in (bank, replace(bank, cavs=(own, other))))
    assert before.significant(LAYER, "one")[0].any() and not after.significant(LAYER, "one")[0].any()
    for left, right in zip(before.significant(LAYER, "other"), after.significant(LAYER, "other"), strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("count", "place"), [(1, None), (18, None), (19, 19), (20, 20), (38, 38), (39, 38), (199, 190), (398, 380)]
)
def test_which_maximum_must_be_beaten(count, place):
    maxima = np.random.default_rng(0).permutation(count) + 1.0
    assert critical(maxima) == (math.inf if place is None else place)


def test_place_is_exact_for_any_number_of_maxima():
    for count in range(1, 2000):
        assert critical(np.arange(count)) == reference.threshold(range(count))


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=120, unique=True))
def test_one_of_a_kind_beats_the_others_in_at_most_5_percent(values):
    """Each value against all others: the level is kept for every set of values, and used as far as it can be."""
    alarms = sum(value > critical(np.array([other for other in values if other != value])) for value in values)
    assert len(values) // 20 - 1 <= alarms <= len(values) / 20


def test_without_a_null_nothing_is_called_significant(model, tmp_path):
    for bank in (make_bank(model, 0), sacv.fit(model, [LAYER], {"c": images(6, 1, 2.0)}, RANDOM[:3])):
        found = explain(model, spotted(3), bank, allow_weak=True)
        with pytest.raises(OptionError, match="the bank has no null to compare with; fit with nulls=199"):
            found.significant(LAYER, "c")
        (note,) = [note for note in found.notes if note.kind == "no null"]
        assert note.layer is None and "there are no significance masks" in note.text
        assert not {"relevance_significant", "contribution_significant"} & set(found.scores().columns)
        found.save(tmp_path / "out")
        assert "The bank has no null CAVs" in (tmp_path / "out" / "index.html").read_text()


def test_with_a_null_no_note_is_made(model):
    assert explain(model, spotted(3), make_bank(model, 19)).notes == ()


def test_scores_tell_the_share_of_places_that_beat_chance(model):
    shown = spotted(3)
    found = explain(model, shown, along_gradient(model, make_bank(model, 59), shown))
    seen, given = found.significant(LAYER, "c")
    table = found.scores()
    np.testing.assert_allclose(table["relevance_significant"], seen.mean(axis=(1, 2)))
    np.testing.assert_allclose(table["contribution_significant"], given.mean(axis=(1, 2)))
    assert given.any()


def test_the_page_draws_each_kind_of_mark_on_its_own_map(model, tmp_path):
    found = explain(model, spotted(3), make_bank(model, 19), checks=False)
    marks = np.zeros((2, 3, 1, 6, 5), bool)
    marks[0, 0, 0, 2, 2] = marks[1, 2, 0, 3, 1] = True
    maps = replace(found.maps[LAYER], relevance_significant=marks[0], contribution_significant=marks[1])
    replace(found, maps={LAYER: maps}).save(tmp_path / "out")
    assert shown.marks(tmp_path / "out", "relevance_marks") == [True, False, False]
    assert shown.marks(tmp_path / "out", "contribution_marks/0") == [False, False, True]


def test_images_without_the_concept_are_hardly_ever_marked(model):
    """Twenty times three images like the random ones; of 20 chances of 5 %, more than 4 come true in 1 of 390 runs."""
    bank = make_bank(model, 59)
    alarms = 0
    for seed in range(20, 40):
        found = explain(model, images(3, seed), bank, checks=False)
        alarms += bool(found.significant(LAYER, "c")[0].any())
    assert alarms <= 4


def test_a_bank_read_from_disk_marks_the_same(model, tmp_path):
    bank = make_bank(model, 59)
    bank.save(tmp_path / "bank")
    one, two = (
        explain(model, spotted(3), each).significant(LAYER, "c")
        for each in (bank, sacv.ConceptBank.load(tmp_path / "bank"))
    )
    for left, right in zip(one, two, strict=True):
        np.testing.assert_array_equal(left, right)
    assert one[0].any()


@pytest.mark.parametrize("smoothing", [0.0, 1.0])
def test_unit_length_is_compared_on_activations_of_unit_length(smoothing):
    """Scaling an image's activations does not change what is read, so neither which places beat chance."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 6, 1, bias=False), nn.Conv2d(6, 4, 3), nn.Flatten(), nn.Linear(48, 3)).double()
    model = sacv.VisionModel(net)
    bank = make_bank(model, 39, solver=UnitLength(MeanDifference(), smoothing))
    shown = spotted(3)
    one, other = (explain(model, part, bank, 1, checks=False).significant("0", "c")[0] for part in (shown, 8 * shown))
    assert one.any() and not one.all()
    np.testing.assert_array_equal(one, other)


def test_maxima_of_a_half_precision_network_are_read_as_precisely_as_its_maps():
    """The maps of a bfloat16 network are float32; a null equal to the CAV must reach what the map reaches."""
    rng = np.random.default_rng(0)
    vector = rng.standard_normal(64)
    vector /= np.linalg.norm(vector)
    cav = SimpleNamespace(
        vector=vector, threshold=0.0, permuted=None, null=DrawnCAVs(vector[None], np.zeros(1), np.ones(1))
    )
    chance = NullMaxima(SimpleNamespace(), "x", [cav])
    cells = torch.from_numpy(rng.standard_normal((1, 5, 5, 64))).bfloat16()
    chance.add(cells, cells)
    greatest = (cells.double().numpy() @ vector).max()
    assert chance.highest[id(cav.null)][0] == pytest.approx(greatest, rel=1e-5)
