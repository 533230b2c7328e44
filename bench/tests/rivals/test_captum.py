"""captum itself; it is installed beside the zoos, and `make test-zoo` runs this."""

import os
import random

import numpy as np
import pytest
import torch
from torch import nn

from sacv.errors import OptionError
from sacv_bench.rivals.captum_tcav import captum_scores
from sacv_bench.rivals.tcav import flattened_cav, sensitivity

pytest.importorskip("captum")


class Network(nn.Module):
    """Frozen in part, with dropout and an in-place ReLU after the layer asked about."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.rest = nn.Sequential(nn.ReLU(inplace=True), nn.Dropout(0.5), nn.Flatten(), nn.Linear(6 * 5 * 4, 3))

    def forward(self, x):
        return self.rest(self.first(x))


@pytest.fixture
def case():
    torch.manual_seed(0)
    network = Network()
    network.first.weight.requires_grad_(False)
    others = torch.randn(40, 3, 5, 4)
    concept = torch.randn(40, 3, 5, 4) + torch.tensor([1.5, -1.5, 0.0])[:, None, None]
    return network, concept, others, torch.randn(9, 3, 5, 4)


def gradients_of(network, inputs, target):
    network.eval()
    cells = network.first(inputs).detach().requires_grad_()
    (gradients,) = torch.autograd.grad(network.rest(cells.clone())[:, target].sum(), cells)
    return cells.detach(), gradients


def test_sensitivities_are_those_that_captum_counts(case, tmp_path):
    network, concept, others, inputs = case
    found = captum_scores(network, "first", concept, others, inputs, 2, tmp_path / "captum", seed=0)
    assert found.weights.shape == (6, 5, 4) and found.sensitivity.shape == (9,)
    _, gradients = gradients_of(network, inputs, 2)
    expected = sensitivity(np.moveaxis(found.weights, 0, -1), np.moveaxis(gradients.numpy(), 1, -1))
    np.testing.assert_allclose(found.sensitivity, expected, rtol=1e-4, atol=1e-6)
    assert found.sign_count == pytest.approx((expected > 0).mean())
    assert found.magnitude == pytest.approx(expected.mean(), rel=1e-4)
    assert 0 < found.sign_count < 1 and 0 <= found.accuracy <= 1


def test_its_weights_point_to_the_concept_and_ours_are_alike(case, tmp_path):
    network, concept, others, inputs = case
    found = captum_scores(network, "first", concept, others, inputs, 0, tmp_path / "captum", seed=0)
    cells = [np.moveaxis(gradients_of(network, side, 0)[0].numpy(), 1, -1) for side in (concept, others)]
    weights = np.moveaxis(found.weights, 0, -1)
    assert np.sum(weights * (cells[0].mean(axis=0) - cells[1].mean(axis=0))) > 0
    assert np.sum(weights * flattened_cav(*cells, 0)) / np.linalg.norm(weights) > 0.7


def test_the_seed_decides_and_everything_comes_back_as_it_was(case, tmp_path, monkeypatch):
    network, concept, others, inputs = case
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    network.train()
    runs = []
    for number, seed in enumerate([5, 5, 6]):
        states = random.getstate(), np.random.get_state()[1:3], torch.get_rng_state()
        runs.append(captum_scores(network, "first", concept, others, inputs, 1, tmp_path / f"{number}", seed=seed))
        assert random.getstate() == states[0] and torch.equal(torch.get_rng_state(), states[2])
        np.testing.assert_equal(np.random.get_state()[1:3], states[1])
        random.random(), np.random.random()  # what they stand at does not matter
    np.testing.assert_array_equal(runs[0].weights, runs[1].weights)
    assert not np.array_equal(runs[0].weights, runs[2].weights)
    assert all(module.training for module in network.modules())
    assert not network.first.weight.requires_grad and network.first.bias.requires_grad
    assert all(parameter.grad is None for parameter in network.parameters())
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert not inputs.requires_grad and inputs.grad is None
    assert os.listdir(tmp_path / "work") == []
    assert sorted(os.listdir(tmp_path)) == ["0", "1", "2", "work"]


def test_an_old_cav_cannot_be_taken_for_a_new_one(case, tmp_path):
    network, concept, others, inputs = case
    captum_scores(network, "first", concept, others, inputs, 1, tmp_path / "captum", seed=0)
    with pytest.raises(OptionError, match="not empty"):
        captum_scores(Network(), "first", concept, others, inputs, 1, tmp_path / "captum", seed=0)
