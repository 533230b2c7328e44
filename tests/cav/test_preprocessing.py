"""How activations are read before a direction is applied to them."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import reading as reference
from sacv.cav.preprocessing import Preprocessing, unit_length
from sacv.solvers import DEFAULT, LDA, Logistic, MeanDifference, UnitLength

GRIDS = [(7,), (1,), (5, 4), (1, 6), (3, 4, 2)]


def activations(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


# Unit length


def test_unit_length():
    cells = torch.tensor([[[3.0, 4.0], [0.0, 0.0]]], dtype=torch.float64)
    np.testing.assert_allclose(unit_length(cells)[0].numpy(), [[0.6, 0.8], [0.0, 0.0]])
    assert unit_length(torch.randn(5, 7, 9)).norm(dim=-1).numpy() == pytest.approx(np.ones((5, 7)), abs=1e-6)


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_without_smoothing_it_is_unit_length(grid):
    cells = activations(3, *grid, 5)
    found = Preprocessing(True, 0.0)(cells)
    torch.testing.assert_close(found, unit_length(cells), rtol=0, atol=0)
    want = np.stack([reference.read(image) for image in cells.numpy()])
    np.testing.assert_allclose(found.numpy(), want, rtol=0, atol=1e-14)


def test_activations_may_be_read_as_they_are():
    cells = activations(2, 3, 4, 5)
    assert Preprocessing()(cells) is cells


# Neighbours


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("smoothing", [0.3, 0.5, 1.0, 2.5])
def test_smoothing_agrees_with_the_reference(grid, smoothing):
    """On one, two and three dimensions; the longest reach spans every grid, the shortest two locations."""
    cells = activations(2, *grid, 3)
    cells[0, (0,) * len(grid)] = 0
    before = cells.clone()
    found = Preprocessing(True, smoothing)(cells)
    want = np.stack([reference.read(image, smoothing) for image in cells.numpy()])
    np.testing.assert_allclose(found.numpy(), want, rtol=0, atol=1e-14)
    assert found.shape == cells.shape and found.is_contiguous()
    assert torch.equal(cells, before)


def test_by_hand():
    """Two locations of a row: each weighs 1 and its neighbour exp(-1/2)."""
    cells = torch.tensor([[[2.0, 0.0], [0.0, 5.0]]], dtype=torch.float64)
    own = 1 / (1 + np.exp(-0.5))
    np.testing.assert_allclose(Preprocessing(True, 1.0)(cells)[0].numpy(), [[own, 1 - own], [1 - own, own]], rtol=1e-14)


def test_neighbours_beyond_three_deviations_have_no_weight():
    cells = torch.zeros(1, 9, 2, dtype=torch.float64)
    cells[0, :, 0] = 1
    cells[0, 4] = torch.tensor([0.0, 1.0])
    assert Preprocessing(True, 1.0)(cells)[0, :, 1].gt(0).tolist() == [False, *[True] * 7, False]


@pytest.mark.parametrize("grid", GRIDS, ids=str)
@pytest.mark.parametrize("smoothing", [0.5, 1.0, 3.0])
def test_a_constant_map_stays_constant_up_to_the_edges(grid, smoothing):
    vector = np.array([3.0, -1.0, 2.0])
    cells = torch.from_numpy(np.broadcast_to(vector, (2, *grid, 3)).copy())
    found = Preprocessing(True, smoothing)(cells).numpy()
    np.testing.assert_allclose(found, np.broadcast_to(vector / np.linalg.norm(vector), found.shape), rtol=0, atol=1e-15)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.integers(1, 5), min_size=1, max_size=3),
    st.floats(0, 4).filter(lambda value: value == 0 or value > 0.05),
)
def test_laws(seed, grid, smoothing):
    """Scaling a location changes nothing, mirroring the grid mirrors what is read, and no length exceeds 1."""
    preprocessing = Preprocessing(True, smoothing)
    cells = activations(2, *grid, 3, seed=seed)
    found = preprocessing(cells)
    scales = activations(2, *grid, 1, seed=seed + 1).exp()
    torch.testing.assert_close(preprocessing(cells * scales), found, rtol=0, atol=1e-12)
    axes = tuple(range(1, 1 + len(grid)))
    torch.testing.assert_close(preprocessing(cells.flip(axes)), found.flip(axes), rtol=0, atol=1e-12)
    assert float(found.norm(dim=-1).max()) <= 1 + 1e-12


def test_images_of_a_batch_are_read_apart():
    cells = activations(3, 4, 5, 2)
    preprocessing = Preprocessing(True, 1.0)
    torch.testing.assert_close(preprocessing(cells)[1:2], preprocessing(cells[1:2]), rtol=0, atol=1e-14)


def test_a_great_deviation_gives_the_mean_of_the_grid():
    cells = activations(1, 4, 3, 2)
    found = Preprocessing(True, 1e6)(cells)
    mean = unit_length(cells).mean(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(found, mean.expand_as(found), rtol=0, atol=1e-10)


# Numbers


@pytest.mark.parametrize("smoothing", [0.0, 1.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_precision_does_not_change(dtype, smoothing):
    cells = activations(2, 4, 5, 6, dtype=dtype)
    found = Preprocessing(True, smoothing)(cells)
    assert found.dtype == dtype
    want = np.stack([reference.read(image, smoothing) for image in cells.double().numpy()])
    np.testing.assert_allclose(found.numpy(), want, rtol=0, atol=1e-14 if dtype == torch.float64 else 1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("smoothing", [0.0, 1.0])
def test_half_precision_is_read_in_float32(dtype, smoothing):
    """As `fit` reads it; an average of halves in half precision is wrong in the third digit."""
    cells = activations(2, 4, 5, 6, dtype=dtype)
    found = Preprocessing(True, smoothing)(cells)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, Preprocessing(True, smoothing)(cells.float()), rtol=0, atol=0)


# From solvers and from their record in a bank


@pytest.mark.parametrize(
    ("solver", "want"),
    [
        (MeanDifference(), Preprocessing()),
        (Logistic(), Preprocessing()),
        (UnitLength(LDA(0.3)), Preprocessing(True, 0.0)),
        (UnitLength(LDA(0.3), 0.75), Preprocessing(True, 0.75)),
        (DEFAULT, Preprocessing(True, 1.0)),
    ],
    ids=repr,
)
def test_a_solver_and_its_description_say_the_same(solver, want):
    assert Preprocessing.of(solver) == want
    assert Preprocessing.described(json.loads(json.dumps(solver.describe()))) == want


def test_a_description_from_before_there_was_smoothing():
    told = {"name": "UnitLength", "parameters": {"solver": MeanDifference().describe()}}
    assert Preprocessing.described(told) == Preprocessing(True, 0.0)


def test_readings_in_words():
    assert str(Preprocessing()) == "without preprocessing"
    assert str(Preprocessing(True)) == "divided by their norm"
    assert str(Preprocessing(True, 1.5)) == "divided by their norm, averaged over neighbours (sd 1.5 locations)"
