"""Each channel carries its own number, so that any mixing of channels and places shows."""

import itertools

import pytest
import torch
from torch import nn

import sacv
from sacv.maps.methods import Gradient
from sacv.model.layout import ChannelsFirst, ChannelsLast, Tokens, parse_layout
from sacv.solvers import DEFAULT, MeanDifference, UnitLength


def sentinel(count, channels, *grid):
    """Channel c at place p of image n holds 1000000 n + 10000 c + p, with p = 100 y + x (and 1000 z)."""
    sizes = (count, channels, *grid)
    axes = torch.meshgrid(*(torch.arange(size, dtype=torch.float64) for size in sizes), indexing="ij")
    scale = (1e6, 1e4, 1e3, 1e2, 1.0)
    factors = (*scale[:2], *scale[len(scale) - len(grid) :])
    return sum(factor * axis for factor, axis in zip(factors, axes, strict=True))


@pytest.mark.parametrize(
    ("layout", "grid"),
    [
        (ChannelsFirst(2), (5, 7)),
        (ChannelsLast(2), (5, 7)),
        (ChannelsFirst(1), (9,)),
        (ChannelsLast(1), (9,)),
        (ChannelsFirst(3), (3, 5, 7)),
        (ChannelsLast(3), (3, 5, 7)),
        (Tokens((5, 7)), (5, 7)),
        (Tokens((5, 7), 1), (5, 7)),
        (Tokens((5, 7), 5), (5, 7)),
        (Tokens((3, 5, 7), 1), (3, 5, 7)),
    ],
    ids=lambda value: value.name if not isinstance(value, tuple) else "",
)
def test_layouts_keep_every_number_in_its_place(layout, grid):
    cells = sentinel(2, 4, *grid).movedim(1, -1)
    before = torch.full((2, getattr(layout, "prefix", 0), 4), -1.0, dtype=torch.float64)
    native = layout.restore(cells, before)
    assert layout.fits(native.shape) and parse_layout(layout.name) == layout
    back = layout.cells(native)
    assert back.shape == (2, *grid, 4)
    for place in itertools.product(*(range(side) for side in grid)):
        position = sum(at * scale for at, scale in zip(place[::-1], (1, 100, 1000), strict=False))
        for n, c in ((0, 0), (1, 3), (1, 1), (0, 2)):
            assert back[(n, *place, c)] == 1e6 * n + 1e4 * c + position
    again = layout.restore(back, native)
    assert torch.equal(again, native)
    if isinstance(layout, Tokens):
        assert (native[:, : layout.prefix] == -1).all()
        for number, place in enumerate(itertools.product(*(range(side) for side in grid))):
            assert torch.equal(native[:, layout.prefix + number], cells[(slice(None), *place)])


class Pass(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Identity()

    def forward(self, x):
        return self.layer(x).square().mean((2, 3))


def test_a_vector_along_one_channel_reads_that_channel_at_that_place():
    model = sacv.VisionModel(Pass().double())
    for channel in range(4):
        random = torch.zeros(3, 4, 5, 7, dtype=torch.float64)
        random[:, 0, 0, 0] = torch.arange(3)  # so that the images differ
        concept = random + 10 * torch.eye(4, dtype=torch.float64)[channel][None, :, None, None]
        bank = sacv.fit(model, ["layer"], {"c": concept}, [random], solver=MeanDifference())
        assert bank.cav("layer", "c").vector.round(6).tolist() == [float(c == channel) for c in range(4)]
        shown = sentinel(2, 4, 5, 7) / 1e4
        found = sacv.explain(model, shown, bank, channel, method=Gradient(), allow_weak=True)
        want = (shown[:, channel] - bank.cav("layer", "c").threshold).float().numpy()
        assert found.relevance("layer", "c") == pytest.approx(want, rel=1e-6)
        # z_k is the mean of the squares of channel k, so its derivative is 2 a / 35.
        assert found.contribution("layer", "c") == pytest.approx(2 * shown[:, channel].numpy() / 35, rel=1e-6)


class Local(nn.Module):
    """Every place by itself, in one of the layouts; a token that comes first is a place of no picture."""

    def __init__(self, layout):
        super().__init__()
        torch.manual_seed(0)
        self.layout, self.stem, self.mix, self.last = layout, nn.Conv2d(3, 6, 1), nn.Linear(6, 6), nn.Linear(6, 4)
        self.layer = nn.Identity()

    def forward(self, x):
        x = self.mix(self.stem(x).relu().permute(0, 2, 3, 1))
        if self.layout == "NCHW":
            x = self.layer(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        elif self.layout == "NHWC":
            x = self.layer(x)
        else:
            first = torch.ones(len(x), 1, 6, dtype=x.dtype)
            x = self.layer(torch.cat([first, x.flatten(1, 2)], dim=1))[:, 1:].unflatten(1, (8, 8))
        return self.last(x.relu()).square().mean((1, 2))


@pytest.mark.parametrize("solver", [MeanDifference(), UnitLength(MeanDifference())], ids=repr)
@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "tokens 8x8+1"])
def test_moving_quadrants_of_the_input_moves_those_of_the_map(layout, solver):
    """Where each place is read by itself; an average over neighbours knows the edges of the grid."""
    model = sacv.VisionModel(Local(layout))
    assert model.survey(torch.rand(1, 3, 8, 8))["layer"].layout.name == layout
    torch.manual_seed(1)
    bank = sacv.fit(model, ["layer"], {"c": torch.rand(4, 3, 8, 8) + 0.3}, [torch.rand(4, 3, 8, 8)], solver=solver)
    shown = torch.rand(1, 3, 8, 8)
    moved = shown.roll((4, 4), (2, 3))
    one, other = (sacv.explain(model, images, bank, 1, allow_weak=True) for images in (shown, moved))
    for name in ("relevance", "contribution"):
        before, after = (torch.from_numpy(getattr(found, name)("layer", "c")) for found in (one, other))
        torch.testing.assert_close(before.roll((4, 4), (1, 2)), after)
    for before, after in zip(*(found.significant("layer", "c") for found in (one, other)), strict=True):
        assert (torch.from_numpy(before).roll((4, 4), (1, 2)) == torch.from_numpy(after)).all()


@pytest.mark.parametrize("layout", ["NCHW", "NHWC", "tokens 8x8+1"])
def test_mirroring_the_input_mirrors_the_map_that_the_defaults_give(layout):
    """Along each axis by itself, so that averages over neighbours that mixed the two would show."""
    model = sacv.VisionModel(Local(layout).double())
    generator = torch.Generator().manual_seed(1)
    concept, random, shown = (torch.rand(n, 3, 8, 8, generator=generator, dtype=torch.float64) for n in (4, 4, 1))
    bank = sacv.fit(model, ["layer"], {"c": concept + 0.3}, [random])
    assert bank.solver == DEFAULT.describe()
    for axis in (1, 2):
        one, other = (sacv.explain(model, images, bank, 1, allow_weak=True) for images in (shown, shown.flip(axis + 1)))
        for name in ("relevance", "contribution"):
            before, after = (torch.from_numpy(getattr(found, name)("layer", "c")) for found in (one, other))
            torch.testing.assert_close(before.flip(axis), after)
            assert not torch.allclose(before, after)
