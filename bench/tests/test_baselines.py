import numpy as np
import pytest
import torch
from torch import nn

from sacv_bench.baselines import gradient_times_input, random_map


def test_gradient_times_input_by_hand():
    inputs = np.array([[[[1.0, 2.0], [3.0, 4.0]], [[1.0, 1.0], [1.0, 1.0]]]])  # (1, 2 colours, 2, 2)
    gradient = np.array([[[[1.0, 1.0], [-1.0, 0.0]], [[0.0, 2.0], [0.0, -4.0]]]])
    # Sums over colours: 1, 4 above and -3, -4 below.
    np.testing.assert_allclose(gradient_times_input(gradient, inputs, (2, 2)), [[[1, 4], [-3, -4]]])
    np.testing.assert_allclose(gradient_times_input(gradient, inputs, (1, 2)), [[[-1, 0]]])
    np.testing.assert_allclose(gradient_times_input(gradient, inputs, (1, 1), (0.5, 0.0, 1.5, 1.0)), [[[2.5]]])


def test_gradient_times_input_sums_to_the_logit_of_a_network_without_biases():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 5, 3, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(5 * 16 * 18, 1, bias=False)
    )
    inputs = torch.randn(2, 3, 18, 20, requires_grad=True)
    logits = network(inputs)[:, 0]
    (gradient,) = torch.autograd.grad(logits.sum(), inputs)
    found = gradient_times_input(gradient.numpy(), inputs.detach().numpy(), (4, 7))
    assert found.shape == (2, 4, 7)
    assert found.mean(axis=(1, 2)) * 18 * 20 == pytest.approx(logits.detach().numpy(), rel=1e-4)
    assert (found < 0).any()


def test_a_random_map_is_uniform_and_seeded():
    found = random_map((60, 50), 3)
    assert found.shape == (60, 50) and 0 <= found.min() and found.max() < 1
    assert found.mean() == pytest.approx(0.5, abs=0.03) and found.var() == pytest.approx(1 / 12, rel=0.1)
    np.testing.assert_array_equal(found, random_map((60, 50), 3))
    assert not np.array_equal(found, random_map((60, 50), 4))
    assert random_map((2, 3, 4), 0).shape == (2, 3, 4)
