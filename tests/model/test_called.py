"""Networks that take their picture in a dict or under a name equal the plain one."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import SmallNet
from torch import nn

import sacv
from sacv.targets import Aimed, Class
from sacv.trust.randomised import shuffled


class FromDict(SmallNet):
    """Takes a dict with two entries, and gives a dict."""

    def forward(self, batch):
        return {"scores": super().forward(batch["image"]) * batch["scale"]}


class ByName(SmallNet):
    """Takes its picture by keyword only."""

    def forward(self, *, pixel_values):
        return super().forward(pixel_values)


CALLED = {
    "dict": (FromDict, lambda net, x: net({"image": x, "scale": 1.0}), "scores"),
    "keyword": (ByName, lambda net, x: net(pixel_values=x), None),
}


@pytest.fixture(params=CALLED)
def pair(request):
    kind, call, output = CALLED[request.param]
    transform = sacv.ImageTransform(resize=(12, 10))
    return sacv.VisionModel(SmallNet(), transform), sacv.VisionModel(kind(), transform, call=call, output=output)


def test_every_pass_equals_the_plain_one(pair):
    plain, called = pair
    x, layer, aim = torch.rand(3, 3, 12, 10), "features.2", Aimed(Class(2))
    torch.testing.assert_close(called.logits(x), plain.logits(x))
    torch.testing.assert_close(called.explained(x, aim), plain.explained(x, aim))
    want, found = plain.trace(x, [layer], [aim]), called.trace(x, [layer], [aim])
    torch.testing.assert_close(found.gradients[0][layer], want.gradients[0][layer])
    record = plain.activations(x, [layer])[layer]
    torch.testing.assert_close(called.activations(x, [layer])[layer].cells, record.cells)
    cells = record.cells * 2
    torch.testing.assert_close(called.resume(x[:1], layer, cells, aim), plain.resume(x[:1], layer, cells, aim))
    assert called.holds_all(x, layer, found.activations[layer]) == plain.holds_all(x, layer, want.activations[layer])
    assert called.share_after(x, layer) == plain.share_after(x, layer)
    fields = [model.receptive_fields((3, 12, 10), [layer])[layer].axes for model in pair]
    assert all(map(np.array_equal, *fields))
    assert called.effective_fields(x, [layer]) == plain.effective_fields(x, [layer])
    torch.testing.assert_close(shuffled(called, 0).logits(x), shuffled(plain, 0).logits(x))


def test_a_bank_and_its_maps_equal_the_plain_ones(pair, guidance):
    banks = [sacv.fit(model, ["features.2"], {"bright": guidance[0]}, [guidance[1]]) for model in pair]
    maps = [
        sacv.explain(model, [guidance[0]], bank, target=1, allow_weak=True).maps["features.2"]
        for model, bank in zip(pair, banks, strict=True)
    ]
    assert (banks[0].cavs[0].vector == banks[1].cavs[0].vector).all()
    torch.testing.assert_close(torch.tensor(maps[1].contribution), torch.tensor(maps[0].contribution))
    assert (maps[0].relevance == maps[1].relevance).all()


def test_finished_work_of_another_call_is_not_taken():
    model = sacv.VisionModel(SmallNet(), call=lambda net, x: net(x))
    assert (
        model.identity()
        == replace(model, call=lambda net, x: net(x)).identity()
        != replace(model, call=None).identity()
    )
    assert model.identity() != replace(model, call=lambda net, x: net(2 * x)).identity()


def test_it_is_a_plain_module_otherwise():
    net = nn.Sequential(nn.Conv2d(3, 2, 1))
    assert sacv.VisionModel(net).run is net
