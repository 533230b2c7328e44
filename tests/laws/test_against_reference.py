"""The package agrees with the naive SACV to 1e-6.

Weak concepts are let through: what is compared does not depend on how well they are told apart.
"""

import numpy as np
import pytest
import torch
from torch import nn

import sacv
from reference import naive, reading
from sacv.maps.methods import Gradient
from sacv.solvers import MeanDifference


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Tanh())
        self.body = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.ReLU(inplace=True))
        self.head = nn.Sequential(nn.AvgPool2d(2), nn.Flatten(), nn.Linear(6 * 3 * 3, 4))

    def forward(self, x):
        x = self.stem(x)
        return self.head(x + self.body(x))


def plain(*extra):
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(6, 5, 3, padding=1, stride=2), *extra,
        nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(5, 4),
    )  # fmt: skip


def in_train_mode():
    net = plain(nn.BatchNorm2d(5), nn.Dropout(0.5))
    net[3].running_mean.normal_()
    net[3].running_var.uniform_(0.5, 2)
    return net.train()


def frozen():
    net = plain().eval()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    return net


NETS = {
    "in-place ReLU": (lambda: plain().eval(), ["2"], 5),
    "in-place ReLU, two layers": (lambda: plain().eval(), ["0", "2"], 5),
    "train mode": (in_train_mode, ["2"], 5),
    "frozen": (frozen, ["2"], 5),
    "residual": (lambda: Residual().eval(), ["stem", "body.0"], 6),
}


def images(count, size, seed):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("target", [2, "predicted"])
@pytest.mark.parametrize("name", NETS)
def test_agrees(name, target, batch_size):
    make, layers, size = NETS[name]
    torch.manual_seed(0)
    net = make().double()
    concept, random, shown = images(5, size, 1) + 0.5, images(6, size, 2), images(8, size, 3)
    model = sacv.VisionModel(net)
    bank = sacv.fit(model, layers, {"c": concept}, [random], solver=MeanDifference(), batch_size=batch_size)
    found = sacv.explain(model, shown, bank, target, method=Gradient(), batch_size=batch_size, allow_weak=True)
    with torch.no_grad():
        predicted = naive.prepared(net)(shown).argmax(1).tolist()
    targets = predicted if target == "predicted" else [target] * 8
    assert [image.target for image in found.images] == targets
    for layer in layers:
        cav = bank.cav(layer, "c")
        np.testing.assert_allclose(cav.vector, naive.direction(net, layer, concept, random), rtol=0, atol=1e-9)
        want = naive.relevance(net, layer, shown, cav.vector, cav.threshold)
        np.testing.assert_allclose(found.relevance(layer, "c"), want, rtol=0, atol=1e-6)
        want = naive.contribution(net, layer, shown, cav.vector, targets)
        assert np.abs(want).max() > 1e-3
        np.testing.assert_allclose(found.contribution(layer, "c"), want, rtol=0, atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 7])
@pytest.mark.parametrize("name", NETS)
def test_the_defaults_agree(name, batch_size):
    """The vector and relevance of activations as they are read, and the sum of what is given from no concept on."""
    make, layers, size = NETS[name]
    torch.manual_seed(0)
    net = make().double()
    concept, random, shown = images(5, size, 1) + 0.5, images(6, size, 2), images(4, size, 3)
    model = sacv.VisionModel(net)
    bank = sacv.fit(model, layers, {"c": concept}, [random], batch_size=batch_size)
    found = sacv.explain(model, shown, bank, 2, batch_size=batch_size, allow_weak=True)
    net = naive.prepared(net)
    for layer in layers:
        cav = bank.cav(layer, "c")
        values = [[naive.activation(net, layer, image) for image in each] for each in (concept, random, shown)]
        read = [
            np.stack([reading.read(one.permute(1, 2, 0).numpy(), deviation=1.0) for one in each]) for each in values
        ]
        means = [each.mean(axis=(0, 1, 2)) for each in read]
        difference = means[0] - means[1]
        np.testing.assert_allclose(cav.vector, difference / np.linalg.norm(difference), rtol=0, atol=1e-9)
        want = read[2] @ naive.detector(*read[:2], 0.8) - cav.threshold
        np.testing.assert_allclose(found.relevance(layer, "c"), want, rtol=0, atol=1e-6)
        for index, image in enumerate(shown):
            cells = values[2][index]
            amount = (read[2][index] - means[1]) @ cav.vector * np.linalg.norm(cells.numpy(), axis=0)
            without = cells - torch.from_numpy(amount * cav.vector[:, None, None])
            change = naive.logit_with(net, layer, image, cells, 2) - naive.logit_with(net, layer, image, without, 2)
            # Ten steps; where the logit bends twice within one, the rest is of second order.
            given = found.contribution(layer, "c")[index]
            assert given.sum() == pytest.approx(change, abs=0.002 * float(np.abs(given).sum()))


@pytest.mark.parametrize("name", NETS)
def test_contributions_sum_to_the_derivative_of_the_whole_layer(name):
    make, layers, size = NETS[name]
    torch.manual_seed(1)
    net = make().double()
    shown = images(3, size, 3)
    model = sacv.VisionModel(net)
    bank = sacv.fit(model, layers, {"c": images(5, size, 1) + 0.5}, [images(6, size, 2)], solver=MeanDifference())
    found = sacv.explain(model, shown, bank, 1, method=Gradient(), allow_weak=True)
    for layer in layers:
        for index, image in enumerate(shown):
            want = naive.whole_layer_derivative(net, layer, image, bank.cav(layer, "c").vector, 1)
            assert found.contribution(layer, "c")[index].sum() == pytest.approx(want, abs=1e-6)


@pytest.mark.parametrize("method", [None, Gradient()], ids=repr)
def test_the_gradient_is_of_the_logit(method):
    torch.manual_seed(0)
    net = plain().double().eval()
    model = sacv.VisionModel(net)
    options = {"method": method, "allow_weak": True}
    bank = sacv.fit(model, ["2"], {"c": images(5, 5, 1) + 0.5}, [images(6, 5, 2)])
    shown = images(4, 5, 3)
    before = sacv.explain(model, shown, bank, 1, **options).contribution("2", "c")
    with torch.no_grad():
        net[-1].weight[1] *= 3  # class 1 alone: a softmax would mix the other classes in
    bank = sacv.fit(model, ["2"], {"c": images(5, 5, 1) + 0.5}, [images(6, 5, 2)])
    after = sacv.explain(model, shown, bank, 1, **options).contribution("2", "c")
    np.testing.assert_allclose(after, 3 * before, rtol=1e-6, atol=1e-12)


def test_the_reference_agrees_with_autograd():
    """The reference itself, by another way."""
    torch.manual_seed(0)
    net = plain().double().eval()
    vector = np.eye(5)[1]
    image = images(1, 5, 3)[0]
    kept = []
    handle = net[2].register_forward_hook(lambda m, i, o: kept.append(o) or o.clone())
    net(image[None])[0, 2].backward(inputs=[*net.parameters()], retain_graph=True)
    (gradient,) = torch.autograd.grad(net(image[None])[0, 2], kept[1])
    handle.remove()
    np.testing.assert_allclose(
        naive.contribution(net, "2", image[None], vector, [2])[0], gradient[0, 1].numpy(), atol=1e-8
    )
