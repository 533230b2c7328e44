"""What is wrapped around a network, what cannot be asked, and numbers of less precision."""

import numpy as np
import pytest
import torch
from conftest import SmallNet
from torch import nn

import sacv
from sacv.errors import OptionError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

LAYER = "features.2"


def images(count, seed, offset=0.0):
    return torch.randn(count, 3, 6, 5, generator=torch.Generator().manual_seed(seed)) + offset


def maps(net, layer=LAYER):
    model = sacv.VisionModel(net)
    bank = sacv.fit(model, [layer], {"c": images(6, 1, 2.0)}, [images(7, 2)], nulls=19)
    found = sacv.explain(model, images(3, 3, 0.5), bank, 1, allow_weak=True)
    return found.relevance(layer, "c"), found.contribution(layer, "c")


@pytest.mark.parametrize(
    "wrap",
    [torch.compile, nn.DataParallel, lambda net: nn.DataParallel(torch.compile(net))],
    ids=["compiled", "parallel", "both"],
)
def test_a_wrapped_network_answers_as_the_one_inside(wrap):
    net = SmallNet()
    wrapped = wrap(net)
    assert sacv.VisionModel(wrapped).net is net
    for one, other in zip(maps(wrapped), maps(SmallNet()), strict=True):
        np.testing.assert_array_equal(one, other)
    assert net.training and wrapped.training


def test_a_network_compiled_in_place_is_run_as_it_was_written():
    net = SmallNet()
    net.compile()
    net.features.compile()
    calls = net._compiled_call_impl, net.features._compiled_call_impl
    for one, other in zip(maps(net), maps(SmallNet()), strict=True):
        np.testing.assert_array_equal(one, other)
    assert calls == (net._compiled_call_impl, net.features._compiled_call_impl) and None not in calls


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_nearly_the_same(dtype):
    for one, other in zip(maps(SmallNet().to(dtype)), maps(SmallNet()), strict=True):
        assert np.isfinite(one).all()
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
def test_torchscript_is_refused():
    net = torch.jit.trace(SmallNet().eval(), images(1, 0))
    with pytest.raises(OptionError, match=r"TorchScript.*give the module that it was compiled from"):
        sacv.VisionModel(net)


@pytest.mark.filterwarnings("ignore")
def test_quantised_networks_are_refused():
    net = torch.ao.quantization.quantize_dynamic(SmallNet().eval(), {nn.Linear})
    with pytest.raises(OptionError, match=r"quantised \(its layer 'head' is Linear of .*give the network before"):
        sacv.VisionModel(net)


def test_what_is_no_network():
    with pytest.raises(OptionError, match=r"must be a torch.nn.Module, not function"):
        sacv.VisionModel(lambda x: x)
