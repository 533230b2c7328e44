"""A batch that does not fit into memory gives what it would have given, in halves."""

from contextlib import nullcontext

import pytest
import torch
from conftest import SmallNet

import sacv
from sacv.errors import OptionError
from sacv.model.out_of_memory import in_halves
from sacv.targets import Aimed, Each


class Narrow(SmallNet):
    """Memory for so many images at a time."""

    def __init__(self, most):
        super().__init__()
        self.most = most

    def forward(self, x):
        if len(x) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(x)


def inputs(count):
    return torch.randn(count, 3, 12, 10, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("most", "warned"), [(2, 3), (3, 2), (4, 1), (7, 0)])
def test_activations_and_gradients_are_those_of_the_whole(most, warned):
    whole, narrow = (sacv.VisionModel(net) for net in (SmallNet(), Narrow(most)))
    layers, selects = ["features.0", "features.2"], [lambda logits: logits[:, 1], lambda logits: logits[:, 2]]
    for model in (whole, narrow):
        model.survey(inputs(1))
    with pytest.warns(UserWarning, match="is run in halves") if warned else nullcontext() as caught:
        found = narrow.trace(inputs(7), layers, selects)
    assert not warned or len(caught) == warned
    want = whole.trace(inputs(7), layers, selects)
    torch.testing.assert_close(found.logits, want.logits)
    for one, other in zip(found.scalars, want.scalars, strict=True):
        torch.testing.assert_close(one, other)
    for layer in layers:
        torch.testing.assert_close(found.activations[layer].cells, want.activations[layer].cells)
        assert found.activations[layer].layout == want.activations[layer].layout
        for one, other in zip(found.gradients, want.gradients, strict=True):
            torch.testing.assert_close(one[layer], other[layer])


def test_the_network_is_as_it_was_after_halving():
    net = Narrow(2).train()
    model = sacv.VisionModel(net)
    model.survey(inputs(1))
    with pytest.warns(UserWarning, match="is run in halves"):
        model.activations(inputs(6), ["features.2"])
    assert net.training and all(parameter.requires_grad for parameter in net.parameters())
    assert not any(len(module._forward_hooks) for module in net.modules())


def test_an_input_that_does_not_fit_alone_is_one_error():
    def full(part, rows):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.warns(UserWarning), pytest.raises(OptionError, match=r"one input of shape \(3, 12, 10\) does not fit"):
        in_halves(full, inputs(2))


def test_another_error_is_raised_as_it_is():
    with pytest.raises(RuntimeError, match="other"):
        in_halves(_fail, inputs(4))


def _fail(part, rows):
    raise RuntimeError("other")


def test_each_image_retains_its_own_target_in_halves():
    whole, narrow = (sacv.VisionModel(net) for net in (SmallNet(), Narrow(2)))
    aim = Aimed(Each([row % 4 for row in range(7)]))
    narrow.survey(inputs(1))
    with pytest.warns(UserWarning, match="is run in halves"):
        found = narrow.trace(inputs(7), ["features.2"], [aim])
    want = whole.trace(inputs(7), ["features.2"], [aim])
    torch.testing.assert_close(found.scalars[0], want.scalars[0])
    torch.testing.assert_close(found.gradients[0]["features.2"], want.gradients[0]["features.2"])
    torch.testing.assert_close(found.scalars[0], whole.logits(inputs(7))[range(7), [row % 4 for row in range(7)]])
