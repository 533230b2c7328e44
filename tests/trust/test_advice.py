"""The layer that a bank advises follows from its quality cards alone, by the rule that is written here anew."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import sacv
from conftest import SmallNet
from sacv.errors import MismatchError
from sacv.trust import LayerAdvice, advise
from sacv.trust.advice import TOLERANCE

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


def order(model, bank, cards):
    return [one.layer for one in advise(model, carded(bank, cards))]


def test_the_shallowest_that_is_near_the_best_comes_first(model, bank):
    assert order(model, bank, {SHALLOW: 0.925, MIDDLE: 0.93, DEEP: 0.94, POOLED: 0.5}) == [
        SHALLOW,
        MIDDLE,
        DEEP,
        POOLED,
    ]
    assert order(model, bank, {SHALLOW: 0.8, MIDDLE: 0.93, DEEP: 0.94, POOLED: 0.5}) == [MIDDLE, DEEP, SHALLOW, POOLED]
    # What is not near the best follows from good to poor, deep or not.
    assert order(model, bank, {SHALLOW: 0.6, MIDDLE: 0.7, DEEP: 0.9, POOLED: 0.5}) == [DEEP, MIDDLE, SHALLOW, POOLED]
    assert order(model, bank, {SHALLOW: 0.9, MIDDLE: 0.6, DEEP: 0.7, POOLED: 0.5}) == [SHALLOW, DEEP, MIDDLE, POOLED]


def test_the_edge_of_the_tolerance_is_near_enough(model, bank):
    edge = 1.0 - TOLERANCE
    first = advise(model, carded(bank, {SHALLOW: edge, MIDDLE: 0.5, DEEP: 1.0, POOLED: 0.5}))[0]
    assert (first.layer, first.near_best) == (SHALLOW, True)
    found = advise(model, carded(bank, {SHALLOW: np.nextafter(edge, 0), MIDDLE: 0.5, DEEP: 1.0, POOLED: 0.5}))
    assert [one.layer for one in found] == [DEEP, SHALLOW, MIDDLE, POOLED]
    assert [one.near_best for one in found] == [True, False, False, False]


def test_layers_whose_contribution_cannot_vary_come_last(model, bank):
    found = advise(model, carded(bank, {SHALLOW: 0.9, MIDDLE: 0.6, DEEP: 0.7, POOLED: 1.0}))
    assert [one.layer for one in found] == [SHALLOW, DEEP, MIDDLE, POOLED]
    assert [one.contribution for one in found] == ["varies", "varies", "varies", "constant"]
    # Nor do they say what the best is: 0.9 is not within the tolerance of 1, but is the best of the others.
    assert found[0].near_best


def test_where_no_contribution_varies_the_quality_alone_counts():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(5, 4))
    model = sacv.VisionModel(net.double(), sacv.ImageTransform(resize=(10, 9)))
    bank = fitted(model, ["0", "1"])
    for cards, wanted in (({"0": 0.9, "1": 0.92}, ["0", "1"]), ({"0": 0.7, "1": 0.92}, ["1", "0"])):
        found = advise(model, carded(bank, cards))
        assert [one.layer for one in found] == wanted and found[0].near_best
        assert "varies" not in {one.contribution for one in found}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 40), min_size=2, max_size=2), min_size=4, max_size=4))
def test_the_rule(model, bank, counts):
    # In steps of 1/64, so that means and differences are exact; the tolerance is no multiple of it.
    cards = {
        layer: np.array(pair) / 64 + 3 / 8 for layer, pair in zip((SHALLOW, MIDDLE, DEEP, POOLED), counts, strict=True)
    }
    found = advise(model, carded(bank, cards))
    means = {layer: sum(pair) / 2 for layer, pair in cards.items()}
    best = max(means[layer] for layer in (SHALLOW, MIDDLE, DEEP))
    near = [layer for layer in (SHALLOW, MIDDLE, DEEP) if best - means[layer] <= TOLERANCE]
    far = [layer for layer in (SHALLOW, MIDDLE, DEEP) if layer not in near]
    assert [one.layer for one in found] == [*near, *sorted(far, key=lambda layer: -means[layer]), POOLED]
    for one in found:
        assert (one.auroc, one.least_auroc) == (means[one.layer], min(cards[one.layer]))


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
