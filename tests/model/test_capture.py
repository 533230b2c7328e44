import copy

import pytest
import torch
from conftest import SmallNet
from torch import nn

import sacv
from sacv.errors import ActivationError, LayerError, TargetError


def first_class(logits):
    return logits[:, 0]


def whole(logits):
    return logits


def inputs(count=2):
    return torch.randn(count, 3, 8, 7, generator=torch.Generator().manual_seed(1))


def test_activations_stop_at_the_deepest_layer_and_survive_in_place_operations():
    net, ran = SmallNet().eval(), []
    model = sacv.VisionModel(net)
    model.survey(inputs())
    net.head.register_forward_hook(lambda m, i, o: ran.append("head"))
    net.features[3].register_forward_hook(lambda m, i, o: ran.append("relu"))
    found = model.activations(inputs(), ["features.0", "features.2"])
    assert ran == []
    want = net.features[0](inputs())
    assert torch.equal(found["features.0"].cells, want.permute(0, 2, 3, 1))
    assert (found["features.2"].cells < 0).any()  # the in-place ReLU after it has not overwritten it


def test_gradients_of_nested_layers_equal_those_of_a_full_graph():
    net = SmallNet().double().eval()
    x = inputs().double().requires_grad_()
    kept = {}

    def keep(name):
        def hook(module, args, output):
            output.retain_grad()
            kept[name] = output
            return output.clone()

        return hook

    handles = [net.features[index].register_forward_hook(keep(f"features.{index}")) for index in (0, 2)]
    net(x)[:, 1].sum().backward()
    for handle in handles:
        handle.remove()
    trace = sacv.VisionModel(net).trace(
        x.detach(), ["features.0", "features.2"], [first_class, lambda logits: logits[:, 1]]
    )
    for name, output in kept.items():
        torch.testing.assert_close(trace.gradients[1][name], output.grad.permute(0, 2, 3, 1))
        assert not torch.equal(trace.gradients[0][name], trace.gradients[1][name])


def test_layers_of_two_branches():
    class Branches(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)

        def forward(self, x):
            return (self.left(x) * self.right(x)).mean((2, 3))

    net = Branches()
    trace = sacv.VisionModel(net).trace(inputs(), ["left", "right"], [first_class])
    with torch.no_grad():
        want = torch.zeros(2, 4, 8, 7)
        want[:, 0] = net.right(inputs())[:, 0] / 56
    torch.testing.assert_close(trace.gradients[0]["left"].permute(0, 3, 1, 2), want)


def test_nothing_before_the_layer_is_recorded():
    net, recorded = SmallNet(), []
    model = sacv.VisionModel(net)
    model.survey(inputs())
    net.features[1].register_forward_hook(lambda m, i, o: recorded.append(o.requires_grad))
    model.trace(inputs(), ["features.2"], [first_class])
    assert recorded == [False]


class Pair(nn.Module):
    def forward(self, x):
        return {"left": x, "right": x}


def test_what_cannot_be_captured_is_an_error():
    class Odd(SmallNet):
        def __init__(self):
            super().__init__()
            self.unused = nn.Conv2d(3, 3, 1)
            self.pair = Pair()

        def forward(self, x):
            self.pair(x)
            return super().forward(x)

    model = sacv.VisionModel(Odd())
    with pytest.raises(LayerError, match=r"'unused' .* does not run"):
        model.activations(inputs(), ["unused"])
    with pytest.raises(LayerError, match="gives dict, not one tensor"):
        model.activations(inputs(), ["pair"])
    with pytest.raises(LayerError, match="has no locations"):
        model.activations(inputs(), ["head"])


def test_an_output_without_classes_is_refused():
    with pytest.raises(TargetError, match="logits of shape"):
        sacv.VisionModel(nn.Sequential(nn.Conv2d(3, 2, 1), nn.Flatten(0))).trace(inputs(), ["0"], [first_class])


def test_a_layer_that_logits_do_not_depend_on():
    class Cut(SmallNet):
        def forward(self, x):
            self.features(x)
            return self.head(torch.ones(len(x), 8))

    with pytest.raises(ActivationError, match="do not depend on layer"):
        sacv.VisionModel(Cut()).trace(inputs(), ["features.0"], [first_class])


def test_survey_describes_every_layer():
    found = sacv.VisionModel(SmallNet()).survey(inputs(1))
    assert found["features.2"].grid == (8, 7) and found["features.2"].channels == 8 and found["features.2"].usable
    assert not found["head"].usable and "no locations" in found["head"].warning
    assert found["pool"].warning == "has one location only, so locations cannot be compared"


CHANGES = {
    "in place": lambda net: net.head.bias.add_(1),
    "one value": lambda net: net.head.weight.__setitem__((2, 3), 9.0),
    "behind autograd's back": lambda net: net.head.weight.data.mul_(1.5),
    "another tensor": lambda net: setattr(net.head, "bias", nn.Parameter(net.head.bias + 1)),
    "loaded": lambda net: net.load_state_dict(SmallNet(1).state_dict()),
    "another dtype": lambda net: net.double(),
    "a buffer": lambda net: net.register_buffer("extra", torch.ones(3)),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=list(CHANGES))
def test_a_fingerprint_is_computed_again_once_the_state_changes(change):
    net = SmallNet()
    before = sacv.VisionModel(net).fingerprint
    assert sacv.VisionModel(net).fingerprint == before
    with torch.no_grad():
        change(net)
    after = sacv.VisionModel(net).fingerprint
    assert after != before and after == sacv.VisionModel(copy.deepcopy(net)).fingerprint


def test_a_state_without_versions_is_hashed_each_time():
    with torch.inference_mode():
        net = SmallNet()
        first = sacv.VisionModel(net).fingerprint
        net.head.bias.add_(1)
        assert sacv.VisionModel(net).fingerprint != first


def test_fingerprint_follows_weights_and_kind():
    one, same, other = (sacv.VisionModel(SmallNet(seed)).fingerprint for seed in (0, 0, 1))
    assert one == same != other

    class Renamed(SmallNet):
        pass

    assert sacv.VisionModel(Renamed()).fingerprint != one


def test_targets_by_name_and_index(small_model):
    assert small_model.class_index("cat", 4) == 2
    assert small_model.class_index("3", 4) == 3
    assert small_model.class_index(3, 4) == 3
    with pytest.raises(TargetError, match="no class 'cow'; the nearest names are"):
        small_model.class_index("cow", 4)
    for wrong in (4, -1, "17"):
        with pytest.raises(TargetError, match=r"out of range|no class"):
            small_model.class_index(wrong, 4)
    with pytest.raises(TargetError, match="4 class names were given, but the network has 5"):
        small_model.class_index("cat", 5)
    with pytest.raises(TargetError, match="has no class names"):
        sacv.VisionModel(SmallNet()).class_index("cat", 4)


def cells_of(net, layer, x):
    """The network's own activation at a layer, `(n, rows, columns, channels)`."""
    return sacv.VisionModel(net).activations(x, [layer])[layer].cells


@pytest.mark.parametrize("layer", ["features.0", "features.2"])
def test_resuming_with_the_layers_own_activation_gives_the_logits(layer):
    net = SmallNet().eval()
    model = sacv.VisionModel(net)
    for x in inputs(3).split(1):
        torch.testing.assert_close(model.resume(x, layer, cells_of(net, layer, x), whole), model.logits(x))


def test_resuming_replaces_the_activation_and_runs_only_what_follows_on_each():
    net = SmallNet().double().eval()
    cells = torch.randn(4, 8, 7, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    before, after = [], []
    model = sacv.VisionModel(net)
    model.survey(inputs(1).double())
    net.features[0].register_forward_hook(lambda m, i, o: before.append(len(o)))
    net.head.register_forward_hook(lambda m, i, o: after.append(len(o)))
    found = model.resume(inputs(1).double(), "features.0", cells, whole)
    assert (before, after) == ([1], [4])
    with torch.no_grad():
        rest = net.features[1:](cells.permute(0, 3, 1, 2).clone())
        torch.testing.assert_close(found, net.head(rest.mean((2, 3))))
    assert not found.requires_grad


def test_resuming_several_equals_resuming_each():
    model = sacv.VisionModel(SmallNet().double())
    cells = torch.randn(5, 8, 7, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    kept = cells.clone()
    together = model.resume(inputs(1).double(), "features.2", cells, whole)
    alone = torch.cat([model.resume(inputs(1).double(), "features.2", one, whole) for one in cells.split(1)])
    torch.testing.assert_close(together, alone)
    assert len({round(float(row[0]), 6) for row in together}) == 5
    assert torch.equal(cells, kept)  # the in-place ReLU after the layer has not overwritten them


class Counting(SmallNet):
    """Counts its images before the layer and relies on it after."""

    def forward(self, x):
        count = len(x)
        return self.head(self.pool(self.features(x)).view(count, -1))


class Silent(SmallNet):
    """As `Counting`, but answers for one image, with no error, where it is given several."""

    def forward(self, x):
        count = len(x)
        return self.head(self.features(x).reshape(count, -1, 8).mean(1))


class Added(SmallNet):
    """What stands before the layer is added in place to what follows."""

    def forward(self, x):
        first = self.features[:2](x)
        start = first[:, :1].repeat(1, 8, 1, 1)
        start += self.features[2:](first)
        return self.head(start.mean((2, 3)))


@pytest.mark.parametrize("kind", [Counting, Silent, Added])
def test_a_network_that_retains_the_count_of_its_images_is_run_on_copies(kind):
    net = kind().double().eval()
    model, ran = sacv.VisionModel(net), []
    cells = torch.randn(3, 8, 7, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    model.survey(inputs(1).double())
    net.features[0].register_forward_hook(lambda m, i, o: ran.append(len(o)))
    together = model.resume(inputs(1).double(), "features.2", cells, whole)
    assert ran == [1, 3]
    alone = torch.cat([model.resume(inputs(1).double(), "features.2", one, whole) for one in cells.split(1)])
    torch.testing.assert_close(together, alone)
    x = inputs(1).double()
    torch.testing.assert_close(model.resume(x, "features.2", cells_of(net, "features.2", x), whole), model.logits(x))
    assert together.std(0).min() > 1e-3


def test_resuming_leaves_no_hook_and_the_mode():
    net = SmallNet().train()
    model = sacv.VisionModel(net)
    model.resume(inputs(1), "features.2", torch.randn(2, 8, 7, 8), whole)
    with pytest.raises(RuntimeError):  # nine channels fit nothing that follows
        model.resume(inputs(1), "features.2", torch.randn(2, 8, 7, 9), whole)
    assert net.training and not net.features[2]._forward_hooks and net.head.weight.requires_grad


def test_resuming_at_what_is_no_layer():
    with pytest.raises(LayerError, match="no layer 'nowhere'"):
        sacv.VisionModel(SmallNet()).resume(inputs(1), "nowhere", torch.randn(2, 8, 7, 8), whole)


class Once(nn.Module):
    """A layer of one location, then an in-place addition, then a count from before the layer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(3, 5, (8, 7))
        self.head = nn.Linear(5, 4)

    def forward(self, x):
        count = len(x)
        features = self.layer(x)
        features += 1
        return self.head(features.view(count, -1))


def test_resuming_a_layer_of_one_location_leaves_the_activations_as_they_were():
    cells = torch.randn(1, 1, 1, 5)
    kept = cells.clone()
    sacv.VisionModel(Once()).resume(inputs(1), "layer", cells, whole)
    assert torch.equal(cells, kept)


def test_resuming_a_layer_of_one_location_by_the_fallback():
    """The first attempt, which fails after the in-place addition, must not be seen by the second."""
    net = Once()
    cells = torch.randn(3, 1, 1, 5)
    with torch.no_grad():
        want = net.head(cells.flatten(1) + 1)
    torch.testing.assert_close(sacv.VisionModel(net).resume(inputs(1), "layer", cells, whole), want)


def test_a_network_that_checks_the_count_of_its_images_itself_is_run_on_copies():
    class Checking(SmallNet):
        def forward(self, x):
            features = self.features(x)
            assert len(features) == len(x), "the batch has changed"
            return self.head(features.mean((2, 3)))

    model = sacv.VisionModel(Checking())
    cells = torch.randn(3, 8, 7, 8)
    alone = torch.cat([model.resume(inputs(1), "features.2", one, whole) for one in cells.split(1)])
    torch.testing.assert_close(model.resume(inputs(1), "features.2", cells, whole), alone)


def test_within_a_frozen_network_only_the_outermost_goes_through_its_modules(monkeypatch):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Dropout(), nn.Flatten(), nn.Linear(4 * 36, 2)).train()
    model, inputs = sacv.VisionModel(net), torch.rand(2, 3, 8, 8)
    calls: list[bool] = []
    monkeypatch.setattr(nn.Module, "eval", lambda module: calls.append(True) or module.train(False))
    with pytest.raises(KeyError), model.frozen():
        first = model.logits(inputs)
        assert torch.equal(first, model.logits(inputs))
        assert len(calls) == 1
        assert not net.training
        raise KeyError
    assert net.training
    assert all(parameter.requires_grad for parameter in net.parameters())
    model.logits(inputs)
    assert len(calls) == 2
