"""The fields found by running the network equal the support of the gradient of a positive network."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import sacv


class Branch(nn.Module):
    def __init__(self, left, right, how):
        super().__init__()
        self.left, self.right, self.how = left, right, how

    def forward(self, x):
        left, right = self.left(x), self.right(x)
        return torch.cat([left, right], 1) if self.how == "cat" else left + right


def positive(net):
    for parameter in net.parameters():
        nn.init.constant_(parameter, 0.5)
    return net


@st.composite
def networks(draw):
    layers, channels = [], 3
    for _ in range(draw(st.integers(1, 4))):
        kernel = draw(st.integers(1, 4))
        stride, padding, dilation = draw(st.integers(1, 2)), draw(st.integers(0, kernel // 2)), draw(st.integers(1, 2))
        kind = draw(st.sampled_from(["conv", "pool", "cat", "add"]))
        if kind == "conv":
            layers.append(nn.Conv2d(channels, 4, kernel, stride, padding, dilation))
            channels = 4
        elif kind == "pool":
            layers.append(nn.AvgPool2d(kernel, stride, padding, ceil_mode=draw(st.booleans())))
        else:
            same = nn.Conv2d(channels, channels, 3, 1, dilation, dilation)
            layers.append(Branch(same, nn.Identity() if kind == "add" else nn.Conv2d(channels, 2, 1), kind))
            channels += 2 if kind == "cat" else 0
    return positive(nn.Sequential(*layers, nn.Conv2d(channels, 2, 1)))


@settings(max_examples=30, deadline=None)
@given(networks(), st.integers(18, 40), st.integers(18, 40))
def test_equals_the_support_of_the_gradient(net, height, width):
    net = net.double()
    x = torch.rand(1, 3, height, width, dtype=torch.float64, requires_grad=True)
    try:
        out = net(x)
    except RuntimeError:  # the input is too small for this network
        return
    found = sacv.VisionModel(net).receptive_fields((3, height, width), [str(len(net) - 1)])[str(len(net) - 1)]
    assert found is not None
    for row in {0, out.shape[2] // 2, out.shape[2] - 1}:
        for column in {0, out.shape[3] // 2, out.shape[3] - 1}:
            (gradient,) = torch.autograd.grad(out[0, :, row, column].sum(), x, retain_graph=True)
            rows, columns = np.nonzero(gradient[0].sum(0).numpy())
            want = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
            assert found.box(row, column) == want


def vgg(plan):
    layers, channels = [], 3
    for entry in plan:
        if entry == "M":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, 4, 3, padding=1), nn.ReLU(inplace=True)]
            channels = 4
    return nn.Sequential(*layers)


def middle(net, layer, size=288):
    """The size of the field in the middle of the grid, which no border clips."""
    fields = sacv.VisionModel(net).receptive_fields((3, size, size), [layer])[layer]
    assert fields is not None
    half = len(fields.rows) // 2
    return int(np.diff(fields.rows[half])[0])


@pytest.mark.slow
def test_published_fields_of_vgg16_and_vgg19():
    vgg16 = vgg([4, 4, "M", 4, 4, "M", 4, 4, 4, "M", 4, 4, 4, "M", 4, 4, 4, "M"])
    assert middle(vgg16, "30") == 212  # pool5
    assert middle(vgg16, "28") == 196  # conv5_3
    assert middle(vgg16, "21") == 92  # conv4_3
    vgg19 = vgg([4, 4, "M", 4, 4, "M", 4, 4, 4, 4, "M", 4, 4, 4, 4, "M"])
    assert middle(vgg19, "25") == 116  # conv4_4, the paper's layer


class Bottleneck(nn.Module):
    def __init__(self, stride):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(2, 2, 1), nn.ReLU(), nn.Conv2d(2, 2, 3, stride, 1), nn.ReLU(), nn.Conv2d(2, 2, 1)
        )
        self.shortcut = nn.Identity() if stride == 1 else nn.Conv2d(2, 2, 1, stride)

    def forward(self, x):
        return (self.body(x) + self.shortcut(x)).relu()


def resnet50(strides_last):
    """Four stages of 3, 4, 6 and 3 blocks; the stride is in a stage's first block, or in the last of the one before."""
    blocks = []
    for stage, count in enumerate((3, 4, 6, 3)):
        at = count - 1 if strides_last else 0
        whole = stage == 3 if strides_last else stage == 0
        blocks.append(nn.Sequential(*(Bottleneck(2 if place == at and not whole else 1) for place in range(count))))
    return nn.Sequential(nn.Conv2d(3, 2, 7, 2, 3), nn.ReLU(), nn.MaxPool2d(3, 2, 1), *blocks)


@pytest.mark.slow
def test_published_fields_of_resnet50():
    """427 with torchvision's strides; 483 with those of the first TensorFlow release (Araujo et al., Distill 2019)."""
    ours = resnet50(strides_last=False)
    assert [middle(ours, str(stage), 448) for stage in (3, 4, 5, 6)] == [35, 91, 267, 427]
    assert middle(resnet50(strides_last=True), "6", 512) == 483


def test_a_gate_reads_the_whole_image():
    class Gate(nn.Module):
        def forward(self, x):
            return x * torch.sigmoid(x.mean((2, 3), keepdim=True))

    net = nn.Sequential(nn.Conv2d(3, 4, 3), Gate())
    fields = sacv.VisionModel(net).receptive_fields((3, 40, 50), ["0", "1"])
    assert fields["0"].size == (3, 3)
    assert fields["1"].size == (40, 50)


def test_what_hides_nan_is_not_known():
    class Hide(nn.Module):
        def forward(self, x):
            return torch.nan_to_num(x)

    net = nn.Sequential(nn.Conv2d(3, 4, 3), Hide())
    assert sacv.VisionModel(net).receptive_fields((3, 20, 20), ["1"]) == {"1": None}


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.ReLU6(), nn.Hardswish(), nn.SiLU(), nn.GELU(), nn.Hardsigmoid()])
@pytest.mark.parametrize("channels_last", [False, True])
def test_activations_and_memory_formats_pass_nan_on(activation, channels_last):
    net = nn.Sequential(nn.Conv2d(3, 8, 3), activation, nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(8, 8, 3))
    net = net.to(memory_format=torch.channels_last) if channels_last else net
    assert sacv.VisionModel(net).receptive_fields((3, 40, 40), ["3"])["3"].size == (9, 9)


def test_a_network_of_one_input_size():
    class Embedded(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 8, 8)
            self.place = nn.Parameter(torch.rand(1, 4, 16, 8))

        def forward(self, x):
            return self.stem(x) + self.place

    net = nn.Sequential(Embedded())
    fields = sacv.VisionModel(net).receptive_fields((3, 128, 64), ["0"])["0"]
    assert fields.box(3, 2) == (16, 24, 24, 32)
