"""Each channel carries its own number, so that any mixing of channels and places shows."""

import pytest
import torch
from torch import nn

import sacv
from sacv.model.layout import ChannelsFirst, recognise


def sentinel(count, channels, height, width):
    """Channel c at (y, x) of image n holds 1000000 n + 10000 c + 100 y + x."""
    parts = [torch.arange(size, dtype=torch.float64) for size in (count, channels, height, width)]
    n, c, y, x = torch.meshgrid(*parts, indexing="ij")
    return 1e6 * n + 1e4 * c + 100 * y + x


@pytest.mark.parametrize("layout", [ChannelsFirst()])
def test_layouts_keep_every_number_in_its_place(layout):
    cells = sentinel(2, 4, 5, 7).permute(0, 2, 3, 1)
    native = layout.restore(cells)
    assert recognise(native.shape, "x").name == layout.name
    back = layout.cells(native)
    assert back.shape == (2, 5, 7, 4)
    for n, y, x, c in [(0, 0, 0, 0), (1, 4, 6, 3), (1, 2, 5, 1), (0, 3, 1, 2)]:
        assert back[n, y, x, c] == 1e6 * n + 1e4 * c + 100 * y + x
    assert torch.equal(layout.restore(back), native)


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
        bank = sacv.fit(model, ["layer"], {"c": concept}, [random])
        assert bank.cav("layer", "c").vector.round(6).tolist() == [float(c == channel) for c in range(4)]
        shown = sentinel(2, 4, 5, 7) / 1e4
        found = sacv.explain(model, shown, bank, channel, allow_weak=True)
        want = (shown[:, channel] - bank.cav("layer", "c").threshold).float().numpy()
        assert found.relevance("layer", "c") == pytest.approx(want, rel=1e-6)
        # z_k is the mean of the squares of channel k, so its derivative is 2 a / 35.
        assert found.contribution("layer", "c") == pytest.approx(2 * shown[:, channel].numpy() / 35, rel=1e-6)


def test_moving_quadrants_of_the_input_moves_those_of_the_map():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 6, 1), nn.ReLU(), nn.Conv2d(6, 4, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
                        nn.Flatten())  # fmt: skip
    model = sacv.VisionModel(net)
    bank = sacv.fit(model, ["2"], {"c": torch.rand(4, 3, 8, 8) + 0.3}, [torch.rand(4, 3, 8, 8)])
    shown = torch.rand(1, 3, 8, 8)
    moved = shown.roll((4, 4), (2, 3))
    one, other = (sacv.explain(model, images, bank, 1, allow_weak=True) for images in (shown, moved))
    for name in ("relevance", "contribution"):
        before, after = (torch.from_numpy(getattr(found, name)("2", "c")) for found in (one, other))
        torch.testing.assert_close(before.roll((4, 4), (1, 2)), after)
    for before, after in zip(*(found.significant("2", "c") for found in (one, other)), strict=True):
        assert (torch.from_numpy(before).roll((4, 4), (1, 2)) == torch.from_numpy(after)).all()
