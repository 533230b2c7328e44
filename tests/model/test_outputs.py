"""Networks that give dicts, tuples and data classes: which field is explained."""

from collections import OrderedDict, namedtuple
from dataclasses import dataclass, replace

import pytest
import torch
from conftest import SmallNet
from torch import nn

import sacv
from sacv.errors import TargetError
from sacv.model.outputs import class_logits, field_of, tensors
from sacv.targets import Aimed, Class


@dataclass
class Pair:
    scores: torch.Tensor
    extra: torch.Tensor | None = None


@dataclass
class Held:
    logits: torch.Tensor
    loss: torch.Tensor


Named = namedtuple("Named", "first second")
LOGITS, OTHER = torch.arange(10.0).reshape(2, 5), torch.ones(2, 3)
WRAPPERS = {
    "logits": lambda logits: {"loss": logits.sum(), "logits": logits},
    "head": lambda logits: {"head": logits, "other": logits[:, :3]},
    "aux.1": lambda logits: {"out": logits[:, :2], "aux": (logits[:, :3], logits)},
    "1": lambda logits: (logits[:, :2], logits),
    "second": lambda logits: Named(logits[:, :2], logits),
    "scores": lambda logits: Pair(logits, logits[:, :2]),
}


class Wrapped(nn.Module):
    """A network whose output holds the logits somewhere."""

    def __init__(self, net, wrap):
        super().__init__()
        self.net, self.wrap = net, wrap

    def forward(self, x):
        return self.wrap(self.net(x))


@pytest.mark.parametrize("path", WRAPPERS)
def test_a_model_that_wraps_its_logits_equals_the_plain_one(path):
    net, x = SmallNet(), torch.rand(3, 3, 12, 10)
    plain, wrapped = sacv.VisionModel(net), sacv.VisionModel(Wrapped(net, WRAPPERS[path]), output=path)
    aim = Aimed(Class(2))
    torch.testing.assert_close(wrapped.logits(x), plain.logits(x))
    want, found = plain.trace(x, ["features.2"], [aim]), wrapped.trace(x, ["net.features.2"], [aim])
    torch.testing.assert_close(found.logits, want.logits)
    torch.testing.assert_close(found.gradients[0]["net.features.2"], want.gradients[0]["features.2"])
    cells = want.activations["features.2"].cells * 2
    torch.testing.assert_close(
        wrapped.resume(x[:1], "net.features.2", cells, aim), plain.resume(x[:1], "features.2", cells, aim)
    )


def test_which_field_is_meant_by_default():
    assert class_logits({"loss": torch.zeros(()), "logits": LOGITS}) is LOGITS
    assert class_logits(OrderedDict(out=LOGITS, aux=OTHER)) is LOGITS
    assert class_logits((LOGITS, OTHER)) is LOGITS
    assert class_logits(Held(LOGITS, OTHER)) is LOGITS


def test_fields_that_may_be_meant_are_listed():
    with pytest.raises(TargetError, match=r"dict with a \(2, 5\), b\.0 \(2, 3\) \(.*output='a'\), --output a\); sacv"):
        class_logits({"a": LOGITS, "b": [OTHER]})
    with pytest.raises(TargetError, match=r"Pair with scores \(2, 5\), extra \(2, 3\)"):
        class_logits(Pair(LOGITS, OTHER))


@pytest.mark.parametrize("path", ["logit", "out.0", "aux.2", "aux.x"])
def test_a_field_that_is_not_there_is_one_line(path):
    with pytest.raises(
        TargetError, match=rf"no field '{path}': it is dict with out \(2, 5\), aux\.0 \(2, 3\)"
    ) as raised:
        field_of({"out": LOGITS, "aux": (OTHER,)}, path)
    assert "\n" not in str(raised.value)


def test_a_plain_tensor_has_no_fields():
    with pytest.raises(TargetError, match=r"a single tensor of shape \(2, 5\); omit the field's name"):
        field_of(LOGITS, "logits")


def test_every_tensor_is_gone_through_once():
    assert len(list(tensors(Named(LOGITS, {"x": OTHER, "y": [LOGITS, None]})))) == 3
    assert len(list(tensors(Pair(LOGITS, OTHER)))) == 2


def test_what_passes_by_a_layer_is_seen_also_in_a_data_class():
    """The rest must not run on all activations together where the output of a data class depends on the image."""

    class Beside(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = SmallNet()

        def forward(self, x):
            return Pair(self.net(x) + x.mean(dim=(1, 2, 3))[:, None])

    model, x = sacv.VisionModel(Beside(), output="scores"), torch.rand(2, 3, 12, 10)
    record = model.trace(x, ["net.features.2"], [Aimed(Class(0))]).activations["net.features.2"]
    assert not model.holds_all(x, "net.features.2", record)


def test_the_field_changes_no_activation():
    model = sacv.VisionModel(SmallNet())
    assert replace(model, output="logits").identity() == model.identity()
