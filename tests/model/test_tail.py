"""What follows a layer: run on activations of many images at once, and how much of the work it is."""

import pytest
import torch
from conftest import SmallNet
from torch import nn

import sacv
from sacv.model import Rest

LAYER = "features.2"
IMAGES = torch.randn(3, 3, 8, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def first_class(logits):
    return logits[:, 1]


def rest_of(net, layer=LAYER, batch_size=8, aim=lambda rows: first_class):
    model = sacv.VisionModel(net.double())
    trace = model.trace(IMAGES, [layer], [first_class])
    return Rest(model, IMAGES, layer, trace.activations[layer], aim, batch_size), trace


class Beside(SmallNet):
    """A third of the features passes by the layer, as beside the branch of a residual block."""

    def forward(self, x):
        first = self.features[:2](x)
        return self.head((self.features[2:](first) + first[:, :1]).mean((2, 3)))


class Rough(SmallNet):
    """Refuses inputs that are not finite."""

    def forward(self, x):
        if not torch.isfinite(x).all():
            raise ValueError("not finite")
        return super().forward(x)


class Tokens(nn.Module):
    """A class token and 56 locations, which all later tokens see."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.embed, self.head = nn.Conv2d(3, 8, 1), nn.Linear(8, 4)
        self.block = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.last = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)

    def forward(self, x):
        places = self.embed(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([places.mean(1, keepdim=True), places], dim=1)
        return self.head(self.last(self.block(tokens))[:, 0])


CASES = [(SmallNet, LAYER, True), (Beside, LAYER, False), (Rough, LAYER, False), (Tokens, "block", True)]


@pytest.mark.parametrize("batch_size", [1, 2, 8])
@pytest.mark.parametrize(("kind", "layer", "together"), CASES, ids=lambda value: getattr(value, "__name__", str(value)))
def test_the_images_own_activations_give_their_own_values(kind, layer, together, batch_size):
    """However many passes there are, and in whatever order the images stand; the gradients are those of the trace."""
    rest, trace = rest_of(kind(), layer, batch_size)
    rows = torch.tensor([2, 0, 1, 1, 0])
    assert rest.model.holds_all(IMAGES, layer, rest.record) is together
    cells = rest.record.cells[rows]
    torch.testing.assert_close(rest.values(rows, cells), trace.scalars[0][rows])
    values, gradients = rest.slopes(rows, cells)
    torch.testing.assert_close(values, trace.scalars[0][rows])
    torch.testing.assert_close(gradients, trace.gradients[0][layer][rows])
    assert trace.scalars[0].std() > 1e-3


def test_each_image_has_a_target_of_its_own():
    classes = torch.tensor([3, 0, 2])
    rest, _ = rest_of(SmallNet(), aim=lambda rows: lambda logits: logits.gather(1, classes[rows][:, None])[:, 0])
    rows = torch.tensor([2, 2, 0, 1])
    want = rest.model.logits(IMAGES)[rows, classes[rows]]
    torch.testing.assert_close(rest.values(rows, rest.record.cells[rows]), want)


def test_a_layer_that_the_output_does_not_follow_has_no_slopes():
    class Deaf(SmallNet):
        def forward(self, x):
            features = self.features(x)
            return self.head(features.detach().mean((2, 3)) + 0 * features.mean((2, 3)))

    net = Deaf().double()
    rest, _ = rest_of(net)
    net.forward = lambda x: net.head(net.features(x).detach().mean((2, 3)))
    _, gradients = rest.slopes(torch.arange(3), rest.record.cells)
    assert not gradients.any()


def test_the_share_of_the_work_falls_from_layer_to_layer():
    model = sacv.VisionModel(SmallNet())
    shares = [model.share_after(IMAGES.float(), name) for name in ("features.0", "features.1", "features.2", "head")]
    assert shares == sorted(shares, reverse=True) and 0 == shares[-1] < shares[0] < 1


def test_work_is_counted_by_hand():
    """Products and sums of a convolution over 4 x 4 locations and of a linear layer, and 50 for each value given."""
    net = nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(32, 5))
    model = sacv.VisionModel(net)
    before, after = 2 * 3 * 2 * 16 + 50 * 32, 50 * (32 + 32) + 2 * 32 * 5 + 50 * 5
    inputs = torch.zeros(7, 3, 4, 4)
    assert model.share_after(inputs, "0") == pytest.approx(after / (before + after))
    assert model.share_after(inputs, "3") == 0


def test_the_less_work_follows_the_more_activations_run_at_once():
    rest, _ = rest_of(SmallNet())
    assert rest.width == int(8 / rest.share) > 8
    late, _ = rest_of(SmallNet(), "features.3")
    assert rest.width < late.width == 64
