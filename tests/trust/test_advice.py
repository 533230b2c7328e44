"""The layer that a bank advises follows from its quality cards alone, by the rule that is written here anew."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import SmallNet
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import sacv
from sacv.errors import MismatchError
from sacv.trust import LayerAdvice, advise
from sacv.trust.advice import REGION_TOLERANCE, TOLERANCE

SHALLOW, MIDDLE, DEEP, POOLED = "features.0", "features.1", "features.2", "features.3"
"""Layers from shallow to deep; what is pooled by its mean has the same gradient everywhere."""


def pictures(count, seed, level=0.0):
    return torch.randn(count, 3, 10, 9, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + level


def fitted(model, layers, concepts=("bright", "dark"), **settings):
    shown = {name: pictures(6, seed, 1.0 - 2 * seed) for seed, name in enumerate(concepts)}
    return sacv.fit(model, layers, shown, [pictures(8, 2)], **{"runs": 4, "nulls": 0, "folds": 2, **settings})


@pytest.fixture(scope="module")
def model():
    return sacv.VisionModel(SmallNet().double(), sacv.ImageTransform(resize=(10, 9)))


@pytest.fixture(scope="module")
def bank(model):
    # Not in the order in which they run.
    return fitted(model, [DEEP, POOLED, SHALLOW, MIDDLE])


def carded(bank, cards):
    """Put other quality cards into a bank: by layer, a number or a number for each concept."""
    cavs = []
    for cav in bank.cavs:
        values = np.broadcast_to(cards[cav.layer], len(bank.concepts))
        auroc = float(values[bank.concepts.index(cav.concept)])
        cavs.append(replace(cav, quality=replace(cav.quality, auroc=auroc)))
    return replace(bank, cavs=tuple(cavs))


def order(found):
    """The layers in the order for contribution."""
    return [one.layer for one in sorted(found, key=lambda one: one.contribution_rank)]


def marked(bank, cards):
    """Put figures of the place of marks into a bank: by layer, a number or a number for each concept, or none."""
    cavs = []
    for cav in bank.cavs:
        values = cards[cav.layer] if isinstance(cards[cav.layer], tuple) else (cards[cav.layer],) * len(bank.concepts)
        quality = replace(cav.quality, location_auroc=values[bank.concepts.index(cav.concept)])
        cavs.append(replace(cav, quality=quality))
    return replace(bank, cavs=tuple(cavs))


class Unused(nn.Module):
    """A layer that does not lead to the logits, beside one that does."""

    def __init__(self):
        super().__init__()
        self.used, self.unused = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)
        self.end = nn.Linear(4, 4)

    def forward(self, x):
        cells = self.used(x)
        self.unused(cells)
        return self.end(cells.relu().flatten(2).mean(dim=2))


# For contribution


def test_the_shallowest_that_is_near_the_best_comes_first(model, bank):
    for cards, wanted in (
        ((0.925, 0.93, 0.94), [SHALLOW, MIDDLE, DEEP, POOLED]),
        ((0.8, 0.93, 0.94), [MIDDLE, DEEP, SHALLOW, POOLED]),
        # What is not near the best follows from good to poor, deep or not.
        ((0.6, 0.7, 0.9), [DEEP, MIDDLE, SHALLOW, POOLED]),
        ((0.9, 0.6, 0.7), [SHALLOW, DEEP, MIDDLE, POOLED]),
    ):
        found = advise(model, carded(bank, dict(zip((SHALLOW, MIDDLE, DEEP, POOLED), (*cards, 0.5), strict=True))))
        assert order(found) == wanted


def test_the_edge_of_the_tolerance_is_near_enough(model, bank):
    edge = 1.0 - TOLERANCE
    found = advise(model, carded(bank, {SHALLOW: edge, MIDDLE: 0.5, DEEP: 1.0, POOLED: 0.5}))
    assert order(found)[0] == SHALLOW
    found = advise(model, carded(bank, {SHALLOW: np.nextafter(edge, 0), MIDDLE: 0.5, DEEP: 1.0, POOLED: 0.5}))
    assert order(found) == [DEEP, SHALLOW, MIDDLE, POOLED]


def test_layers_whose_contribution_cannot_vary_come_last(model, bank):
    found = advise(model, carded(bank, {SHALLOW: 0.9, MIDDLE: 0.6, DEEP: 0.7, POOLED: 1.0}))
    # Nor do they say what the best is: 0.9 is not within the tolerance of 1, but is the best of the others.
    assert order(found) == [SHALLOW, DEEP, MIDDLE, POOLED]
    told = {one.layer: one.contribution for one in found}
    assert told == {SHALLOW: "varies", MIDDLE: "varies", DEEP: "varies", POOLED: "constant"}


def test_where_no_contribution_varies_the_quality_alone_counts():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4))
    model = sacv.VisionModel(net.double(), sacv.ImageTransform(resize=(10, 9)))
    bank = fitted(model, ["0", "1"])
    for cards, wanted in (({"0": 0.9, "1": 0.92}, ["0", "1"]), ({"0": 0.7, "1": 0.92}, ["1", "0"])):
        found = advise(model, carded(bank, cards))
        assert order(found) == wanted
        assert "varies" not in {one.contribution for one in found}


# For place


def test_the_deepest_that_is_near_the_best_comes_first_where_nothing_is_marked(model, bank):
    for cards, wanted, near in (
        ((0.93, 0.94, 0.925, 0.5), [DEEP, MIDDLE, SHALLOW, POOLED], 3),
        ((0.93, 0.94, 0.8, 0.5), [MIDDLE, SHALLOW, DEEP, POOLED], 2),
        # What is not near the best follows from good to poor, deep or not.
        ((0.7, 0.6, 0.9, 0.5), [DEEP, SHALLOW, MIDDLE, POOLED], 1),
        ((0.9, 0.6, 0.7, 0.8), [SHALLOW, POOLED, DEEP, MIDDLE], 1),
        # A place is asked of a layer where the contribution is the same everywhere, too.
        ((1.0, 1.0, 1.0, 0.99), [POOLED, DEEP, MIDDLE, SHALLOW], 4),
        ((0.9, 0.6, 0.7, 1.0), [POOLED, SHALLOW, DEEP, MIDDLE], 1),
    ):
        found = advise(model, carded(bank, dict(zip((SHALLOW, MIDDLE, DEEP, POOLED), cards, strict=True))))
        assert [one.layer for one in found] == wanted and [one.rank for one in found] == [1, 2, 3, 4]
        assert [one.near_best for one in found] == [True] * near + [False] * (4 - near)
        assert {one.location_auroc for one in found} == {None}


def test_near_enough_for_place_has_the_same_edge(model, bank):
    edge = 1.0 - TOLERANCE
    assert advise(model, carded(bank, {SHALLOW: 1.0, MIDDLE: 0.5, DEEP: edge, POOLED: 0.5}))[0].layer == DEEP
    less = carded(bank, {SHALLOW: 1.0, MIDDLE: 0.5, DEEP: np.nextafter(edge, 0), POOLED: 0.5})
    assert [one.layer for one in advise(model, less)][:2] == [SHALLOW, DEEP]


def test_where_concepts_are_marked_the_deepest_that_finds_the_marks_nearly_best_comes_first(model, bank):
    """Whatever tells the sets apart, near the best or not."""
    cards = carded(bank, {SHALLOW: 0.99, MIDDLE: 0.6, DEEP: 0.7, POOLED: 1.0})
    found = advise(model, marked(cards, {SHALLOW: 0.6, MIDDLE: 0.9, DEEP: 0.895, POOLED: 0.3}))
    assert [one.layer for one in found] == [DEEP, MIDDLE, SHALLOW, POOLED]
    assert [one.location_auroc for one in found] == [0.895, 0.9, 0.6, 0.3]
    assert order(found) == [DEEP, MIDDLE, SHALLOW, POOLED]
    # The mean is over the marked concepts alone.
    one_of_two = {SHALLOW: (0.7, None), MIDDLE: (0.6, None), DEEP: (0.8, None), POOLED: (0.9, None)}
    found = advise(model, marked(cards, one_of_two))
    assert [(one.layer, one.location_auroc) for one in found] == [
        (POOLED, 0.9),
        (DEEP, 0.8),
        (SHALLOW, 0.7),
        (MIDDLE, 0.6),
    ]
    edge = 1.0 - REGION_TOLERANCE
    for close, wanted in ((edge, [DEEP, SHALLOW, MIDDLE, POOLED]), (0.985, [SHALLOW, DEEP, MIDDLE, POOLED])):
        found = advise(model, marked(cards, {SHALLOW: 1.0, MIDDLE: 0.5, DEEP: close, POOLED: 0.3}))
        assert [one.layer for one in found] == wanted
    both = {SHALLOW: (0.75, 0.25), MIDDLE: (0.5, 0.75), DEEP: (1.0, 0.0), POOLED: (0.5, 0.5)}
    found = advise(model, marked(carded(bank, dict.fromkeys(both, 0.9)), both))
    # What finds them as well as each other is taken from deep to shallow.
    assert [one.layer for one in found] == [MIDDLE, POOLED, DEEP, SHALLOW]


def test_a_layer_that_does_not_lead_to_the_logits_comes_last_for_both():
    torch.manual_seed(0)
    model = sacv.VisionModel(Unused().double(), sacv.ImageTransform(resize=(10, 9)))
    bank = carded(fitted(model, ["used", "unused"]), {"used": 0.6, "unused": 1.0})
    for each in (bank, marked(bank, {"used": 0.5, "unused": 0.9})):
        found = advise(model, each)
        assert [(one.layer, one.rank, one.contribution_rank) for one in found] == [("used", 1, 1), ("unused", 2, 2)]
        assert found[1].contribution == "none"


def test_marks_are_found_in_a_bank_of_marked_photos(model):
    masks = np.random.default_rng(0).random((6, 10, 9)) < 0.3
    regions = {"spot": sacv.Region(pictures(6, 1), list(masks))}
    shown = {"bright": pictures(6, 2, 1.0)}
    bank = sacv.fit(model, [SHALLOW, DEEP], shown, [pictures(8, 3)], regions=regions, runs=2, nulls=0, folds=2)
    found = advise(model, bank)
    for one in found:
        assert one.location_auroc == bank.cav(one.layer, "spot").quality.location_auroc
        assert bank.cav(one.layer, "bright").quality.location_auroc is None
    assert found[0].location_auroc > found[1].location_auroc


# Both


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 40), min_size=2, max_size=2), min_size=4, max_size=4),
    st.lists(st.integers(90, 94), min_size=4, max_size=4) | st.none(),
)
def test_the_rules(model, bank, counts, places):
    # In steps of 1/64, so that means and differences are exact; the tolerance is no multiple of it.
    names = (SHALLOW, MIDDLE, DEEP, POOLED)
    cards = {layer: np.array(pair) / 64 + 3 / 8 for layer, pair in zip(names, counts, strict=True)}
    given = carded(bank, cards)
    if places is not None:
        given = marked(given, {layer: count / 128 for layer, count in zip(names, places, strict=True)})
    found = advise(model, given)
    means = {layer: sum(pair) / 2 for layer, pair in cards.items()}
    best = max(means[layer] for layer in names[:3])
    near = [layer for layer in names[:3] if best - means[layer] <= TOLERANCE]
    far = [layer for layer in names[:3] if layer not in near]
    shallow_first = [*near, *sorted(far, key=lambda layer: -means[layer]), POOLED]
    deep = names[::-1]
    if places is None:
        figures, tolerance = means, TOLERANCE
    else:
        figures, tolerance = (
            {layer: count / 128 for layer, count in zip(names, places, strict=True)},
            REGION_TOLERANCE,
        )
    first = [layer for layer in deep if max(figures.values()) - figures[layer] <= tolerance]
    far = [layer for layer in deep if layer not in first]
    assert [one.layer for one in found] == [*first, *sorted(far, key=lambda layer: -figures[layer])]
    by_place = [one.layer for one in found if one.layer != POOLED] + [POOLED]
    assert order(found) == (shallow_first if places is None else by_place)
    near = [layer for layer in deep if max(means.values()) - means[layer] <= TOLERANCE]
    assert [one.rank for one in found] == sorted(one.contribution_rank for one in found) == [1, 2, 3, 4]
    for one in found:
        assert (one.auroc, one.least_auroc) == (means[one.layer], min(cards[one.layer]))
        assert one.near_best == (one.layer in near)


def test_a_bank_tells_of_its_layers(model, bank):
    found = advise(model, bank)
    assert {one.layer for one in found} == set(bank.layers) and all(isinstance(one, LayerAdvice) for one in found)
    for one in found:
        cards = [bank.cav(one.layer, concept).quality for concept in bank.concepts]
        assert one.auroc == pytest.approx(np.mean([card.auroc for card in cards]))
        assert one.least_auroc == min(card.auroc for card in cards) < one.auroc
        assert one.run_cosine == pytest.approx(np.mean([card.run_cosine for card in cards])) and one.run_cosine < 1
    # What is explained may be of another size than what the model's own transform gives.
    assert advise(model, bank, torch.zeros(1, 3, 20, 24, dtype=torch.float64)) == found


def test_runs_that_were_not_drawn_are_left_out(model, bank):
    assert advise(model, fitted(model, [DEEP], runs=1))[0].run_cosine is None
    half = [
        replace(cav, quality=replace(cav.quality, run_cosine=None if cav.concept == "dark" else 0.25))
        for cav in bank.cavs
    ]
    assert {one.run_cosine for one in advise(model, replace(bank, cavs=tuple(half)))} == {0.25}


def test_one_layer_and_one_concept(model):
    (only,) = advise(model, fitted(model, [POOLED], ("bright",)))
    assert (only.layer, only.near_best, only.contribution) == (POOLED, True, "constant")
    assert only.auroc == only.least_auroc


def test_a_bank_of_another_model_is_refused(bank):
    other = sacv.VisionModel(SmallNet(seed=1).double(), sacv.ImageTransform(resize=(10, 9)))
    with pytest.raises(MismatchError, match="other weights"):
        advise(other, bank)
