"""The user's network comes back as it was, also after an exception inside."""

import pytest
import torch
from torch import nn

import sacv
from sacv.errors import LayerError


class Fragile(nn.Module):
    """Passes its input on, and fails at the call it is told to."""

    def __init__(self):
        super().__init__()
        self.fail_at, self.calls, self.error = None, 0, RuntimeError

    def forward(self, x):
        self.calls += 1
        if self.calls == self.fail_at:
            raise self.error("broken")
        return x * 1


def make():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.ReLU(inplace=True), nn.Dropout(0.5), Fragile(), nn.Conv2d(5, 4, 3),
        nn.ReLU(inplace=True), Fragile(), nn.Flatten(), nn.Linear(4 * 16, 3),
    )  # fmt: skip
    net.train()
    net[1].eval()  # a mixture of modes
    net[0].weight.requires_grad_(False)
    net[5].weight.grad = torch.full_like(net[5].weight, 7.0)
    net[2].register_forward_hook(lambda m, i, o: None)
    return net


def state(net):
    return {
        "modes": [module.training for module in net.modules()],
        "flags": [parameter.requires_grad for parameter in net.parameters()],
        "grads": [(id(parameter.grad), None if parameter.grad is None else parameter.grad.clone().tolist())
                  for parameter in net.parameters()],
        "hooks": [(dict(module._forward_hooks), dict(module._backward_hooks), dict(module._forward_pre_hooks))
                  for module in net.modules()],
        "state": {name: value.clone().tolist() for name, value in net.state_dict().items()},
        "random": torch.get_rng_state().tolist(),
        "grad mode": torch.is_grad_enabled(),
        "leaves": [parameter.is_leaf for parameter in net.parameters()],
    }  # fmt: skip


CONCEPT, RANDOM = torch.rand(4, 3, 8, 8) + 1, torch.rand(5, 3, 8, 8)


def everything(net, layer="5"):
    model = sacv.VisionModel(net)
    bank = sacv.fit(model, [layer, "0"], {"c": CONCEPT}, [RANDOM], batch_size=3)
    sacv.score(model, RANDOM, bank, [0, 1], batch_size=3, allow_weak=True)
    return sacv.explain(model, RANDOM, bank, 1, batch_size=2, allow_weak=True)


def test_after_use():
    net = make()
    before = state(net)
    everything(net)
    assert state(net) == before
    with torch.no_grad():
        everything(net)  # the caller's gradient mode does not matter, and stays
        assert not torch.is_grad_enabled()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize(("where", "call"), [(4, 1), (4, 2), (4, 4), (7, 1), (7, 2)])
def test_after_an_exception_inside(where, call, error):
    net = make()
    net[where].fail_at, net[where].error = call, error
    before = state(net)
    with pytest.raises(error, match="broken"):
        everything(net)
    assert state(net) == before


def test_after_a_layer_that_does_not_exist_or_fit():
    net = make()
    before = state(net)
    for layer in ("nowhere", "9"):
        with pytest.raises(LayerError):
            everything(net, layer)
    assert state(net) == before


def test_eval_mode_decides_and_no_parameter_gets_a_gradient():
    net = make()
    one, two = everything(net), everything(net.eval())
    assert (one.contribution("5", "c") == two.contribution("5", "c")).all()
    assert all(parameter.grad is None for name, parameter in net.named_parameters() if name != "5.weight")


def test_fit_runs_nothing_after_the_deepest_layer():
    net = make()
    model = sacv.VisionModel(net)
    sacv.fit(model, ["5"], {"c": CONCEPT}, [RANDOM], batch_size=2)
    assert net[7].calls == 1  # the one image whose shapes were looked at
    assert net[4].calls == 1 + 5
